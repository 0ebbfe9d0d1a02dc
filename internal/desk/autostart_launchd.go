package desk

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/homing-mail/homing/internal/program"
)

// agentLabel names the launch agent.
const agentLabel = "io.github.homing_mail.Homing"

// launchAgent is a file of ~/Library/LaunchAgents (launchd.plist(5)).
type launchAgent struct {
	path       string
	executable string
}

// On implements Autostart.
func (l launchAgent) On() (bool, error) {
	data, err := os.ReadFile(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	flags, err := plistFlags(data)
	if err != nil {
		return false, fmt.Errorf("%s: %w; mend or remove it", l.path, err)
	}
	return flags["RunAtLoad"] && !flags["Disabled"], nil
}

// Set implements Autostart.
func (l launchAgent) Set(on bool) error {
	if now, err := l.On(); err != nil || now == on {
		return err
	}
	if !on {
		return os.Remove(l.path)
	}
	var b bytes.Buffer
	b.WriteString(xml.Header + `<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>Label</key>
	<string>` + agentLabel + `</string>
	<key>ProgramArguments</key>
	<array>
		<string>`)
	if err := xml.EscapeText(&b, []byte(l.executable)); err != nil {
		return err
	}
	b.WriteString(`</string>
		<string>` + background + `</string>
	</array>
	<key>RunAtLoad</key>
	<true/>
	<key>ProcessType</key>
	<string>Interactive</string>
</dict>
</plist>
`)
	return program.Replace(l.path, b.Bytes())
}

// plistFlags returns the keys of the dictionary of a property list that are true or
// false.
func plistFlags(data []byte) (map[string]bool, error) {
	flags, key, depth, dictionary := make(map[string]bool), "", 0, false
	for d := xml.NewDecoder(bytes.NewReader(data)); ; {
		token, err := d.Token()
		if err == io.EOF && dictionary {
			return flags, nil
		}
		if err != nil {
			return nil, fmt.Errorf("it is no property list: %w", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			depth++
			name := t.Name.Local
			dictionary = dictionary || depth == 2 && name == "dict"
			if depth != 3 {
				continue
			}
			if name == "key" {
				if err := d.DecodeElement(&key, &t); err != nil {
					return nil, fmt.Errorf("it is no property list: %w", err)
				}
				depth-- // DecodeElement has read the end
				continue
			}
			if name == "true" || name == "false" {
				flags[key] = name == "true"
			}
		case xml.EndElement:
			depth--
		}
	}
}
