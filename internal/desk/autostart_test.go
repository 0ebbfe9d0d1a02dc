package desk

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const tray = "/opt/homing/homing-tray"

// The values are written by hand from the examples and rules of "The Exec key".
func TestACommandLineIsQuotedAsEntriesWant(t *testing.T) {
	for _, tc := range []struct{ name, path, want string }{
		{"a plain path", "/usr/bin/homing-tray", `/usr/bin/homing-tray --background`},
		{"a space", "/opt/my mail/homing-tray", `"/opt/my mail/homing-tray" --background`},
		{"a dollar sign is escaped twice", "/opt/$mail/homing-tray", `"/opt/\\$mail/homing-tray" --background`},
		{"a backslash is four", `/opt/a\b/homing-tray`, `"/opt/a\\\\b/homing-tray" --background`},
		{"a quotation mark", `/opt/"a"/homing-tray`, `"/opt/\\"a\\"/homing-tray" --background`},
		{"a backtick", "/opt/`a`/homing-tray", "\"/opt/\\\\`a\\\\`/homing-tray\" --background"},
		{"a percent sign is no field code", "/opt/100%/homing-tray", `/opt/100%%/homing-tray --background`},
		{"what a shell would take", "/opt/a;b&c/homing-tray", `"/opt/a;b&c/homing-tray" --background`},
		{"letters of other scripts", "/home/ängström/homing-tray", `/home/ängström/homing-tray --background`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, err := execKey(tc.path, background); err != nil || got != tc.want {
				t.Errorf("%s, %v, want %s", got, err, tc.want)
			}
		})
	}
	if got, err := execKey("/opt/a=b/homing-tray"); err == nil {
		t.Errorf("a path with an equal sign is %s", got)
	}
}

func TestOnlyAProgramStartsAtLogin(t *testing.T) {
	for _, path := range []string{"", "homing-tray", "./homing-tray", "/opt/homing\n-tray", "/opt/homing\x00-tray"} {
		if _, err := NewAutostart(path); err == nil {
			t.Errorf("%q would be started", path)
		}
	}
	if a, err := NewAutostart(tray); err != nil || a == nil {
		t.Errorf("%s: %v", tray, err)
	}
}

// entryOf is an entry with lines of its own.
func entryOf(lines string) string {
	return "# of somebody\n[Desktop Entry]\nType=Application\nName=Homing\n" + lines + "\n[Desktop Action open]\nExec=homing-tray\n"
}

func TestAutostartReadsWhatIsThere(t *testing.T) {
	const exec = "Exec=homing-tray --background\n"
	for _, tc := range []struct {
		name         string
		user, system string // empty: no file
		want         bool
		wantErr      string
	}{
		{"nothing", "", "", false, ""},
		{"an entry", entryOf(exec), "", true, ""},
		{"an entry that starts something else", entryOf("Exec=/opt/other --background"), "", true, ""},
		{"a hidden one", entryOf(exec + "Hidden=true"), "", false, ""},
		{"one that is not hidden", entryOf(exec + "Hidden = false"), "", true, ""},
		{"one that a desktop has switched off", entryOf(exec + "X-GNOME-Autostart-enabled=false"), "", false, ""},
		{"one that starts nothing", entryOf(""), "", false, ""},
		{"one for everybody", "", entryOf(exec), true, ""},
		{"one for everybody that is hidden", "", entryOf(exec + "Hidden=true"), false, ""},
		{"the user's counts", entryOf(exec + "Hidden=true"), entryOf(exec), false, ""},
		{"the user's counts, the other way", entryOf(exec), entryOf(exec + "Hidden=true"), true, ""},
		{"an empty file", " ", "", false, "no group [Desktop Entry]"},
		{"no entry at all", "start homing-tray", "", false, "line 1 is none of a desktop entry"},
		{"one that contradicts itself", entryOf("Hidden=true\nHidden=false"), "", false, "says Hidden again"},
		{"one for everybody that is none", "", "start", false, "line 1 is none of a desktop entry"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x := onDisk(t, tc.user, tc.system)
			got, err := x.On()
			if got != tc.want || (err == nil) != (tc.wantErr == "") || err != nil && !strings.Contains(err.Error(), tc.wantErr) {
				t.Errorf("On = %v, %v, want %v, %q", got, err, tc.want, tc.wantErr)
			}
			if err == nil {
				return
			}
			before := files(t, x)
			for _, on := range []bool{true, false} {
				if err := x.Set(on); err == nil {
					t.Errorf("Set(%v) writes over what it does not understand", on)
				}
			}
			if after := files(t, x); after != before {
				t.Errorf("the files are now %q", after)
			}
		})
	}
}

func TestAutostartIsSwitched(t *testing.T) {
	const (
		exec   = "Exec=homing-tray --background\n"
		ours   = "ours"   // an entry that starts this program
		hidden = "hidden" // an entry that hides the one for everybody
	)
	for _, tc := range []struct {
		name         string
		user, system string
		on           bool
		want         string // the user's entry after it: ours, hidden, or as it is here
	}{
		{"on where nothing is", "", "", true, ours},
		{"off where nothing is", "", "", false, ""},
		{"on where the user's is on stays as it is", entryOf(exec), "", true, entryOf(exec)},
		{"on where the user's is hidden", entryOf(exec + "Hidden=true"), "", true, ours},
		{"off where the user's is on", entryOf(exec), "", false, ""},
		{"off where the user's is hidden stays as it is", entryOf(exec + "Hidden=true"), "", false, entryOf(exec + "Hidden=true")},
		{"on where there is one for everybody", "", entryOf(exec), true, ""},
		{"off where there is one for everybody", "", entryOf(exec), false, hidden},
		{"on again where there is one for everybody", entryOf("Hidden=true"), entryOf(exec), true, ""},
		{"off where the user's stands above the one for everybody", entryOf(exec), entryOf(exec), false, hidden},
		{"on where the one for everybody is hidden", "", entryOf(exec + "Hidden=true"), true, ours},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x := onDisk(t, tc.user, tc.system)
			if err := x.Set(tc.on); err != nil {
				t.Fatal(err)
			}
			if got, err := x.On(); err != nil || got != tc.on {
				t.Errorf("On = %v, %v, want %v", got, err, tc.on)
			}
			if got := read(t, x.system[1]); got != tc.system {
				t.Errorf("the entry for everybody is now %q", got)
			}
			got := read(t, x.user)
			if tc.want != ours && tc.want != hidden {
				if got != tc.want {
					t.Errorf("the user's entry is\n%s\nwant\n%s", got, tc.want)
				}
				return
			}
			entry, err := parseEntry([]byte(got))
			if err != nil {
				t.Fatal(err)
			}
			want := map[bool]string{true: "true", false: "false"}[tc.want == hidden]
			if entry["Type"] != "Application" || entry["Name"] != "Homing" || entry["Exec"] != tray+" --background" || entry["Hidden"] != want {
				t.Errorf("the user's entry is %v", entry)
			}
		})
	}
}

// onDisk has the entries on disk, each if it says something.
func onDisk(t *testing.T, user, system string) xdgAutostart {
	t.Helper()
	dir := t.TempDir()
	x := xdgAutostart{
		user:       filepath.Join(dir, "user", "autostart", entryName),
		system:     []string{filepath.Join(dir, "empty", "autostart", entryName), filepath.Join(dir, "xdg", "autostart", entryName)},
		executable: tray,
	}
	for path, text := range map[string]string{x.user: user, x.system[1]: system} {
		if text != "" {
			write(t, path, text)
		}
	}
	return x
}

func files(t *testing.T, x xdgAutostart) string { return read(t, x.user) + read(t, x.system[1]) }

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// read is the text of a file, empty if there is none.
func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(data)
}

func TestALaunchAgentIsSwitched(t *testing.T) {
	l := launchAgent{filepath.Join(t.TempDir(), "Library", "LaunchAgents", "homing.plist"), "/Applications/Tom & Jo/homing-tray"}
	for _, on := range []bool{false, true, true, false, true} {
		if err := l.Set(on); err != nil {
			t.Fatal(err)
		}
		if got, err := l.On(); err != nil || got != on {
			t.Errorf("after Set(%v): %v, %v", on, got, err)
		}
	}
	var plist struct {
		Dict struct {
			Keys    []string `xml:"key"`
			Strings []string `xml:"string"`
			Argv    []string `xml:"array>string"`
		} `xml:"dict"`
	}
	if err := xml.Unmarshal([]byte(read(t, l.path)), &plist); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(plist.Dict.Argv, "|"); got != "/Applications/Tom & Jo/homing-tray|--background" {
		t.Errorf("it starts %s", got)
	}
	if got := strings.Join(plist.Dict.Strings, "|"); got != "io.github.homing_mail.Homing|Interactive" {
		t.Errorf("its texts are %s", got)
	}
}

func TestALaunchAgentIsReadAsItIs(t *testing.T) {
	plist := func(in string) string {
		return "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>Label</key><string>x</string>" + in + "</dict></plist>"
	}
	for _, tc := range []struct {
		name, text string
		want, fail bool
	}{
		{"at login", plist("<key>RunAtLoad</key><true/>"), true, false},
		{"not at login", plist("<key>RunAtLoad</key><false/>"), false, false},
		{"nothing said of it", plist(""), false, false},
		{"disabled", plist("<key>RunAtLoad</key><true/><key>Disabled</key><true/>"), false, false},
		{"not disabled", plist("<key>Disabled</key><false/><key>RunAtLoad</key><true/>"), true, false},
		{"said of something within", plist("<key>KeepAlive</key><dict><key>RunAtLoad</key><true/></dict>"), false, false},
		{"cut short", "<plist><dict><key>RunAtLoad</key>", false, true},
		{"no dictionary", "<plist><array/></plist>", false, true},
		{"the binary form", "bplist00", false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := launchAgent{filepath.Join(t.TempDir(), "homing.plist"), tray}
			write(t, l.path, tc.text)
			got, err := l.On()
			if got != tc.want || (err != nil) != tc.fail {
				t.Errorf("On = %v, %v", got, err)
			}
			if err := l.Set(true); tc.fail && (err == nil || read(t, l.path) != tc.text) {
				t.Errorf("Set wrote over it: %v", err)
			}
		})
	}
}
