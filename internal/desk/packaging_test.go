package desk

import (
	"bytes"
	"encoding/xml"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const packaging = "../../packaging"

func source(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// wrongEntry says what the Desktop Entry Specification ("Recognized desktop entry
// keys") and this program find wrong with an entry.
func wrongEntry(text string) (wrong []string) {
	entry, err := parseEntry([]byte(text))
	if err != nil {
		return []string{err.Error()}
	}
	complain := func(is bool, why string) {
		if is {
			wrong = append(wrong, why)
		}
	}
	known := []string{"Type", "Version", "Name", "GenericName", "NoDisplay", "Comment", "Icon", "Hidden", "TryExec", "Exec", "Path", "Terminal", "Actions", "MimeType", "Categories", "Keywords", "StartupNotify", "StartupWMClass"}
	for key, value := range entry {
		name, language, localised := strings.Cut(key, "[")
		complain(!slices.Contains(known, name), key+" is no key")
		complain(value == "", key+" is empty")
		if localised {
			complain(entry[name] == "", key+" translates nothing")
			complain(language != "de]", key+" is in a language that Homing does not speak")
		}
		switch name {
		case "Terminal", "StartupNotify", "NoDisplay", "Hidden":
			complain(value != "true" && value != "false", key+" is neither true nor false")
		case "Categories", "Keywords":
			complain(!strings.HasSuffix(value, ";"), key+" does not end its last item")
		}
	}
	complain(!strings.HasPrefix(text, "[Desktop Entry]\n"), "the group is not the first line")
	complain(entry["Type"] != "Application", "it is no application")
	complain(entry["Name"] == "", "it has no Name")
	complain(entry["Exec"] == "", "it starts nothing")
	complain(entry["Version"] != "1.4", "it is of another version than 1.4")
	return wrong
}

func TestTheDesktopEntryIsOne(t *testing.T) {
	text := source(t, filepath.Join(packaging, entryName))
	for _, w := range wrongEntry(text) {
		t.Error(w)
	}
	entry, err := parseEntry([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if entry["Exec"] != "homing-tray" || entry["Icon"] != "homing" || entry["StartupNotify"] != "true" || entry["Categories"] != "Network;Email;" {
		t.Errorf("it is %v", entry)
	}
	for _, key := range []string{"GenericName", "Comment", "Keywords"} {
		if entry[key+"[de]"] == "" {
			t.Errorf("%s has no German", key)
		}
	}
	for _, executable := range []string{tray, "/opt/my $mail/homing-tray"} {
		generated, err := autostartEntry(executable, true)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range wrongEntry(string(generated)) {
			t.Errorf("the entry for the start at login: %s", w)
		}
	}
}

func TestADesktopEntryThatIsNoneIsNoticed(t *testing.T) {
	good := source(t, filepath.Join(packaging, entryName))
	for _, tc := range []struct{ name, old, new, want string }{
		{"no name", "\nName=Homing\n", "\n", "it has no Name"},
		{"no program", "\nExec=homing-tray\n", "\n", "it starts nothing"},
		{"an unknown key", "\nExec=", "\nExecute=", "Execute is no key"},
		{"yes for true", "StartupNotify=true", "StartupNotify=yes", "StartupNotify is neither true nor false"},
		{"a list without its end", "Network;Email;", "Network;Email", "Categories does not end its last item"},
		{"a translation of nothing", "\nComment=", "\n#", "Comment[de] translates nothing"},
		{"a key twice", "Terminal=false", "Terminal=false\nTerminal=true", "says Terminal again"},
		{"something before the group", "[Desktop Entry]", "\n[Desktop Entry]", "the group is not the first line"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wrong := strings.Join(wrongEntry(strings.Replace(good, tc.old, tc.new, 1)), "\n")
			if !strings.Contains(wrong, tc.want) {
				t.Errorf("found %q, want %q", wrong, tc.want)
			}
		})
	}
}

func TestTheMetadataAreOfThisProgram(t *testing.T) {
	path := filepath.Join(packaging, agentLabel+".metainfo.xml")
	var component struct {
		Type     string  `xml:"type,attr"`
		ID       string  `xml:"id"`
		Metadata string  `xml:"metadata_license"`
		License  string  `xml:"project_license"`
		Name     string  `xml:"name"`
		By       string  `xml:"developer>name"`
		Summary  []words `xml:"summary"`
		Text     []words `xml:"description>p"`
		Launch   []struct {
			Type string `xml:"type,attr"`
			ID   string `xml:",chardata"`
		} `xml:"launchable"`
		Binaries []string `xml:"provides>binary"`
		URLs     []string `xml:"url"`
	}
	d := xml.NewDecoder(bytes.NewReader([]byte(source(t, path))))
	if err := d.Decode(&component); err != nil {
		t.Fatal(err)
	}
	for name, is := range map[string]bool{
		"a desktop application":       component.Type == "desktop-application",
		"of the id in its file name":  component.ID == agentLabel,
		"of this name":                component.Name == "Homing",
		"launched by the entry":       len(component.Launch) == 1 && component.Launch[0].Type == "desktop-id" && component.Launch[0].ID == entryName,
		"under the licence":           component.License == "MIT" && component.Metadata == "MIT" && strings.HasPrefix(source(t, "../../LICENSE"), "MIT License"),
		"by those of the licence":     component.By != "" && strings.Contains(source(t, "../../LICENSE"), component.By),
		"summed up in a short line":   len(component.Summary) == 2 && len(component.Summary[0].Text) < 60 && !strings.HasSuffix(component.Summary[0].Text, "."),
		"what the entry's Comment is": strings.Contains(source(t, filepath.Join(packaging, entryName)), "\nComment="+component.Summary[0].Text+"\n"),
		"both programs":               slices.Equal(component.Binaries, []string{"homing-tray", "homing"}),
		"at home where the module is": slices.Contains(component.URLs, "https://github.com/homing-mail/homing") && strings.Contains(source(t, "../../go.mod"), "module github.com/homing-mail/homing\n"),
	} {
		if !is {
			t.Errorf("it is not %s: %+v", name, component)
		}
	}
	for _, texts := range [][]words{component.Summary, component.Text} {
		for i, text := range texts {
			if want := []string{"", "de"}[i%2]; text.Lang != want || strings.TrimSpace(text.Text) == "" {
				t.Errorf("text %d is in %q, want %q: %s", i, text.Lang, want, text.Text)
			}
		}
	}
}

type words struct {
	Lang string `xml:"http://www.w3.org/XML/1998/namespace lang,attr"`
	Text string `xml:",chardata"`
}
