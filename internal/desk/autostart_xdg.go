package desk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/homing-mail/homing/internal/program"
)

// entryName is the file of the entry, at a user's and in the directories of the
// system: of two files of one name the user's counts (Desktop Application Autostart
// Specification, "Autostart Directories").
const entryName = "homing.desktop"

// xdgAutostart is an entry below ~/.config/autostart and its like.
type xdgAutostart struct {
	user       string   // path of the user's entry
	system     []string // paths of entries for everybody, the more important first
	executable string
}

// On implements Autostart.
func (x xdgAutostart) On() (bool, error) {
	on, there, err := starts(x.user)
	if there || err != nil {
		return on, err
	}
	return x.forAll()
}

// forAll reports whether an entry of the system starts Homing for everybody.
func (x xdgAutostart) forAll() (bool, error) {
	for _, path := range x.system {
		if on, there, err := starts(path); there || err != nil {
			return on, err
		}
	}
	return false, nil
}

// starts reports what the entry at path says, if it is there.
func starts(path string) (on, there bool, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, false, nil
	}
	if err != nil {
		return false, true, err
	}
	entry, err := parseEntry(data)
	if err != nil {
		return false, true, fmt.Errorf("%s: %w; mend or remove it", path, err)
	}
	// The second is how GNOME's and other tools switch an entry off.
	off := entry["Hidden"] == "true" || entry["X-GNOME-Autostart-enabled"] == "false"
	return !off && entry["Exec"] != "", true, nil
}

// Set implements Autostart. An entry for everybody is hidden by one of the user's,
// and in force again without that.
func (x xdgAutostart) Set(on bool) error {
	now, err := x.On()
	if err != nil || now == on {
		return err
	}
	all, err := x.forAll()
	if err != nil {
		return err
	}
	if all == on {
		return os.Remove(x.user)
	}
	entry, err := autostartEntry(x.executable, on)
	if err != nil {
		return err
	}
	return program.Replace(x.user, entry)
}

// autostartEntry is an entry that starts executable at login, or one that hides what
// the system would start.
func autostartEntry(executable string, on bool) ([]byte, error) {
	command, err := execKey(executable, background)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, `[Desktop Entry]
Type=Application
Version=1.4
Name=Homing
Comment=Keeps mail at home when the mailbox moves
Comment[de]=Findet das Postfach wieder, wenn es umgezogen ist
Icon=homing
Exec=%s
Terminal=false
Hidden=%v
`, command, !on), nil
}

// execKey is a command line as the value of Exec takes it (Desktop Entry
// Specification, "The Exec key"): each argument quoted where it has to be, then the
// whole escaped as every text of such a file.
func execKey(argv ...string) (string, error) {
	if strings.Contains(argv[0], "=") {
		return "", fmt.Errorf("%q cannot stand in a desktop entry: it has a =", argv[0])
	}
	quoted := make([]string, len(argv))
	for i, arg := range argv {
		arg = strings.ReplaceAll(arg, "%", "%%")
		if arg == "" || strings.ContainsAny(arg, " \t\n\"'\\><~|&;$*?#()`") {
			arg = `"` + strings.NewReplacer(`"`, `\"`, "`", "\\`", `$`, `\$`, `\`, `\\`).Replace(arg) + `"`
		}
		quoted[i] = arg
	}
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(strings.Join(quoted, " ")), nil
}

// parseEntry returns the keys of the group [Desktop Entry], each with the text after
// the equal sign, escapes and all (Desktop Entry Specification, "Basic format of the
// file").
func parseEntry(data []byte) (map[string]string, error) {
	keys, group := make(map[string]string), ""
	for n, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		key, value, pair := strings.Cut(line, "=")
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[' && strings.HasSuffix(line, "]"):
			group = line[1 : len(line)-1]
		case !pair || group == "":
			return nil, fmt.Errorf("line %d is none of a desktop entry", n+1)
		case group == "Desktop Entry":
			key = strings.TrimSpace(key)
			if _, twice := keys[key]; twice {
				return nil, fmt.Errorf("line %d says %s again", n+1, key)
			}
			keys[key] = strings.TrimSpace(value)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("it has no group [Desktop Entry]")
	}
	return keys, nil
}
