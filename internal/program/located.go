package program

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/homing-mail/homing/autodiscover"
)

const waits = `two times, the first wait and the longest: ["30s", "5m"]`

// forms say what each key takes.
var forms = map[string]string{
	"trust":              `a table: [trust]`,
	"trust.hosts":        `a list of host names and patterns: ["mx1.fabrikam.test", "*.fabrikam.test"], with a port where that is not 443`,
	"trust.microsoft365": `true or false`,
	"trust.basic":        `"*" or host names and patterns, as a list: ["*"], ["mx1.fabrikam.test", "*.fabrikam.test"]`,

	"discovery":              `a table: [discovery]`,
	"discovery.url":          `a URL: "https://ex1.contoso.test/autodiscover/autodiscover.xml"`,
	"discovery.exclude":      `a list of sources: ` + sources(),
	"discovery.microsoft365": `true or false`,
	"discovery.directories":  `a list of LDAP addresses: ["ldaps://dc1.contoso.test"]`,
	"discovery.domain":       `a domain of Active Directory: "ad.contoso.test"`,
	"discovery.bind":         `"kerberos", "simple" or "anonymous", the second with discovery.bind_name and discovery.bind_secret`,
	"discovery.bind_name":    `a name of the directory: "homing@ad.contoso.test"`,
	"discovery.bind_secret":  `the reference of a secret: "keyring:directory", "systemd:directory", "command:vault", "file:/etc/homing/directory"`,
	"discovery.site":         `the name of a site of Active Directory: "Berlin"`,

	"secrets":            `a table: [secrets]`,
	"secrets.backend":    `"keyring" or "file", the latter with secrets.directory`,
	"secrets.directory":  `a directory from the root on: "/home/ann/secrets"`,
	"secrets.commands":   `a table of lists, each a program and its arguments: vault = ["vault", "read", "mail"]`,
	"network":            `a table: [network]`,
	"network.ca_file":    `a file: "/etc/ssl/contoso.pem"`,
	"network.connect_to": `a list of HOST:PORT:ADDR:PORT: ["ex1.contoso.test:443:127.0.0.1:8443"]`,
	"network.dns":        `the address of a DNS server with its port: "192.0.2.53:53"`,
	"network.proxy":      `"environment" or "none"`,
	"pace":               `a table: [pace]`,
	"pace.move":          waits,
	"pace.server":        waits,
	"pace.news":          waits,
	"pace.network":       waits,
	"pace.you":           waits,
	"pace.turn":          `a time from 1ms to 1h: "30s"`,
	"pace.probe":         `a time from 1s to 1h: "1m"`,
	"on_change":          `a list, a program and its arguments: ["notify-send", "moved"]`,
	"policy":             `a table: [policy]`,
	"policy.ca_file":     `true or false`,
	"policy.connect_to":  `true or false`,
	"log":                `a table: [log]`,
	"log.level":          `"debug", "info", "warn" or "error"`,
}

// sources are the names that discovery.exclude takes.
func sources() string {
	var quoted []string
	for _, s := range autodiscover.Sources() {
		quoted = append(quoted, strconv.Quote(string(s)))
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// form says what key takes, empty for a key that there is not.
func form(key string) string {
	if strings.HasPrefix(key, "secrets.commands.") {
		key = "secrets.commands"
	}
	return forms[key]
}

// located says where in path the TOML is wrong, and what is wanted there.
func located(path string, err error) error {
	if strict, ok := errors.AsType[*toml.StrictMissingError](err); ok && len(strict.Errors) > 0 {
		first := strict.Errors[0]
		row, col := first.Position()
		return fmt.Errorf("%s:%d:%d: unknown key %s", path, row, col, strings.Join(first.Key(), "."))
	}
	bad, ok := errors.AsType[*toml.DecodeError](err)
	if !ok {
		return fmt.Errorf("%s: %w", path, err)
	}
	row, col := bad.Position()
	key, why := strings.Join(bad.Key(), "."), strings.TrimPrefix(bad.Error(), "toml: ")
	if form := form(key); form != "" {
		if strings.HasPrefix(why, "cannot ") { // the rest tells of types of Go
			why = "it is of another kind"
		}
		return fmt.Errorf("%s:%d:%d: %s: %s; it takes %s", path, row, col, key, why, form)
	}
	return fmt.Errorf("%s:%d:%d: %s", path, row, col, why)
}

// file is one that a configuration was read from.
type file struct {
	path string
	data []byte
}

// place returns where key stands, as file:line:column, or "". Only an error asks.
func (e *Effective) place(key string) string {
	for _, f := range slices.Backward(e.laid) {
		if at, ok := places(f.data)[key]; ok {
			return f.path + ":" + at
		}
	}
	return ""
}

// places returns the line and the column of each key of a document that has been
// decoded: of the decoder it asks what a table without keys does not know.
func places(data []byte) map[string]string {
	var tables struct{ Trust, Discovery, Secrets, Network, Pace, Log, Policy struct{} }
	strict, ok := errors.AsType[*toml.StrictMissingError](toml.NewDecoder(strings.NewReader(string(data))).DisallowUnknownFields().Decode(&tables))
	if !ok {
		return nil
	}
	found := make(map[string]string)
	for _, e := range strict.Errors {
		row, col := e.Position()
		found[strings.Join(e.Key(), ".")] = fmt.Sprintf("%d:%d", row, col)
	}
	return found
}
