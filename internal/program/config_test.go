package program

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/internal/trust"
)

// files writes a configuration and a policy, each only if it says something,
// and returns their paths.
func files(t *testing.T, config, policy string) Paths {
	t.Helper()
	dir := t.TempDir()
	p := Paths{Config: filepath.Join(dir, "config.toml"), Policy: filepath.Join(dir, "policy.toml"), State: filepath.Join(dir, "state")}
	for path, text := range map[string]string{p.Config: config, p.Policy: policy} {
		if text == "" {
			continue
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// value returns the effective value of key.
func value(t *testing.T, e *Effective, key string) Value {
	t.Helper()
	for _, v := range e.Values() {
		if v.Key == key {
			return v
		}
	}
	t.Fatalf("no value %s", key)
	return Value{}
}

func TestConfigurationIsLaidInOrder(t *testing.T) {
	const (
		config = "config"
		policy = "policy"
	)
	for _, tc := range []struct {
		name           string
		config, policy string
		key            string
		wantValue      any
		wantOrigin     string // config and policy stand for the paths
	}{
		{"without files the level is the default", "", "", "log.level", "info", "default"},
		{"without files the waits of a move are those of the agent", "", "", "pace.move", []any{"30s", "5m0s"}, "default"},
		{"without files the proxy is the environment's", "", "", "network.proxy", "environment", "default"},
		{"without files secrets go to the keyring", "", "", "secrets.backend", "keyring", "default"},
		{"the configuration is laid over the defaults", "[log]\nlevel = 'debug'", "", "log.level", "debug", config},
		{"the policy is laid over the defaults", "", "[log]\nlevel = 'warn'", "log.level", "warn", policy},
		{"the policy is laid over the configuration", "[log]\nlevel = 'debug'", "[log]\nlevel = 'warn'", "log.level", "warn", policy},
		{"what the policy does not name stays", "[log]\nlevel = 'debug'", "[pace]\nprobe = '2m'", "log.level", "debug", config},
		{"a list of the policy takes the place of the configuration's", "[trust]\nhosts = ['a.contoso.test', 'b.contoso.test']", "[trust]\nhosts = ['*.fabrikam.test']", "trust.hosts", []any{"*.fabrikam.test"}, policy},
		{"an empty list of the policy takes everything away", "[trust]\nhosts = ['a.contoso.test']", "[trust]\nhosts = []", "trust.hosts", []any{}, policy},
		{"without files a password goes by basic wherever it may be received", "", "", "trust.basic", []any{"*"}, "default"},
		{"the policy says where a password goes by basic", "[trust]\nbasic = ['*']", "[trust]\nbasic = ['mx1.fabrikam.test:8443', '*.contoso.test']", "trust.basic", []any{"mx1.fabrikam.test:8443", "*.contoso.test"}, policy},
		{"the policy has a password go by basic nowhere", "[trust]\nbasic = ['*']", "[trust]\nbasic = []", "trust.basic", []any{}, policy},
		{"one wait of a table leaves the others", "[pace]\nmove = ['1s', '2s']", "", "pace.news", []any{"5m0s", "1h0m0s"}, "default"},
		{"the commands for secrets stay one table", "[secrets.commands]\nvault = ['vault', 'read']", "", "secrets.commands", map[string]any{"vault": []any{"vault", "read"}}, config},
		{"Microsoft 365 is trusted by nobody's word alone", "", "", "trust.microsoft365", false, "default"},
		{"Microsoft 365 is trusted by the configuration", "[trust]\nmicrosoft365 = true", "", "trust.microsoft365", true, config},
		{"the policy trusts Microsoft 365 no more", "[trust]\nmicrosoft365 = true", "[trust]\nmicrosoft365 = false", "trust.microsoft365", false, policy},
		{"without files no source is switched off", "", "", "discovery.exclude", []any{}, "default"},
		{"without files Microsoft 365 is not asked", "", "", "discovery.microsoft365", false, "default"},
		{"the policy names the service", "[discovery]\nurl = 'https://a.contoso.test/autodiscover/autodiscover.xml'", "[discovery]\nurl = 'https://b.contoso.test/autodiscover/autodiscover.xml'", "discovery.url", "https://b.contoso.test/autodiscover/autodiscover.xml", policy},
		{"the policy switches on what the configuration has switched off", "[discovery]\nexclude = ['scp-lookup']", "[discovery]\nexclude = ['http-redirect', 'srv-record']", "discovery.exclude", []any{"http-redirect", "srv-record"}, policy},
		{"the site is the configuration's where the policy knows none", "[discovery]\nsite = 'Berlin'", "[discovery]\ndomain = 'ad.contoso.test'", "discovery.site", "Berlin", config},
		{"the domain is the policy's", "[discovery]\ndomain = 'contoso.test'", "[discovery]\ndomain = 'ad.contoso.test'", "discovery.domain", "ad.contoso.test", policy},
		{"without files directories are asked by Kerberos", "", "", "discovery.bind", "kerberos", "default"},
		{"the directories are the policy's", "", "[discovery]\ndirectories = ['ldaps://dc1.contoso.test']", "discovery.directories", []any{"ldaps://dc1.contoso.test"}, policy},
		{"on_change is a list of arguments", "on_change = ['notify', '-q']", "", "on_change", []any{"notify", "-q"}, config},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := files(t, tc.config, tc.policy)
			e, err := LoadConfig(p)
			if err != nil {
				t.Fatal(err)
			}
			want := Value{tc.key, tc.wantValue, tc.wantOrigin}
			switch tc.wantOrigin {
			case config:
				want.Origin = p.Config
			case policy:
				want.Origin = "policy " + p.Policy
			}
			if diff := cmp.Diff(want, value(t, e, tc.key)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A flag stands above the configuration, and below what the policy says or keeps
// to itself.
func TestAFlagStandsBelowThePolicy(t *testing.T) {
	const flag, refused = "--ca-file", "--ca-file: the policy of this machine does not leave network.ca_file to users"
	for _, tt := range []struct {
		name           string
		config, policy string
		want           string // value, if refused is empty
		refused        string // place and key in the policy
	}{
		{"nobody has said anything", "", "", "mine.pem", ""},
		{"the configuration has", "[network]\nca_file = '/etc/ca.pem'", "", "mine.pem", ""},
		{"the policy has said something else", "", "[network]\nproxy = 'none'", "mine.pem", ""},
		{"the policy leaves it to users", "", "[policy]\nca_file = true\nconnect_to = false", "mine.pem", ""},
		{"the policy has said it", "", "[network]\nca_file = '/etc/ca.pem'", "/etc/ca.pem", ":2:1: network.ca_file"},
		{"the policy has said that it is the system's", "", "[network]\nproxy = 'none'\nca_file = ''", "", ":3:1: network.ca_file"},
		{"the policy has said it in one line", "", "network.ca_file = '/etc/ca.pem'", "/etc/ca.pem", ":1:1: network.ca_file"},
		{"the policy does not leave it to users", "", "[policy]\nca_file = false", "", ":2:1: policy.ca_file"},
		{"the policy overrides the configuration and does not leave it to users", "[network]\nca_file = '/home/ca.pem'", "[network]\nca_file = '/etc/ca.pem'\n[policy]\nca_file = false", "/etc/ca.pem", ":2:1: network.ca_file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := files(t, tt.config, tt.policy)
			e, err := LoadConfig(p)
			if err != nil {
				t.Fatal(err)
			}
			err = e.Set("network.ca_file", flag, func(c *Config) { c.Network.CAFile = "mine.pem" })
			got := value(t, e, "network.ca_file")
			if tt.refused == "" && (err != nil || got.Origin != flag) || tt.refused != "" && (err == nil || err.Error() != refused+" ("+p.Policy+tt.refused+")" || got.Origin == flag) {
				t.Errorf("%v, origin %s", err, got.Origin)
			}
			if got.Value != tt.want {
				t.Errorf("%v is in force, want %s", got.Value, tt.want)
			}
		})
	}
}

// Every key that the policy sets is its own, whatever it is.
func TestWhatThePolicySetsNoFlagChanges(t *testing.T) {
	p := files(t, "", "on_change = ['notify']\n[trust]\nhosts = []\nmicrosoft365 = false\n[network]\nconnect_to = []\ndns = ''\nproxy = 'none'\n[log]\nlevel = 'info'")
	e, err := LoadConfig(p)
	if err != nil {
		t.Fatal(err)
	}
	kept := 0
	for _, v := range e.Values() {
		changed := false
		err := e.Set(v.Key, "--flag", func(*Config) { changed = true })
		switch v.Origin {
		case "policy " + p.Policy:
			kept++
			if changed || err == nil || !strings.Contains(err.Error(), p.Policy) {
				t.Errorf("%s: changed %v, %v; want an error that names the policy", v.Key, changed, err)
			}
		default:
			if !changed || err != nil {
				t.Errorf("%s, which is not the policy's: changed %v, %v", v.Key, changed, err)
			}
		}
	}
	if kept != 7 {
		t.Errorf("the policy keeps %d keys, want its 7", kept)
	}
}

// What the policy keeps to itself, a configuration may not say either.
func TestAConfigurationStaysOutOfWhatThePolicyReserves(t *testing.T) {
	const ca, to = "[network]\nca_file = '/etc/ca.pem'", "[network]\nconnect_to = ['a.contoso.test:443:127.0.0.1:8443']"
	for _, tt := range []struct{ name, config, policy, want string }{
		{"authorities", ca, "[policy]\nca_file = false", "network.ca_file: the policy of this machine does not leave it to users (POLICY:2:1: policy.ca_file)"},
		{"another place", to, "[policy]\nca_file = true\nconnect_to = false", "network.connect_to: the policy of this machine does not leave it to users (POLICY:3:1: policy.connect_to)"},
		{"authorities, where only the place is reserved", ca, "[policy]\nconnect_to = false", ""},
		{"a place, where only the authorities are", to, "[policy]\nca_file = false", ""},
		{"authorities that the policy overrides", ca, "[network]\nca_file = ''\n[policy]\nca_file = false", ""},
		{"nothing", "[log]\nlevel = 'info'", "[policy]\nca_file = false\nconnect_to = false", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := files(t, tt.config, tt.policy)
			_, err := LoadConfig(p)
			want := strings.ReplaceAll(tt.want, "POLICY", p.Policy)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || err.Error() != p.Config+":2:1: "+want) {
				t.Errorf("%v, want %q", err, want)
			}
		})
	}
}

func TestAByteOrderMarkIsNoKey(t *testing.T) {
	c, err := LoadConfig(files(t, "\ufeff[log]\nlevel = 'debug'", "\ufeff[policy]\nca_file = false"))
	if err != nil || c.Log.Level != "debug" {
		t.Errorf("LoadConfig: %+v, %v", c, err)
	}
	if _, err := LoadConfig(files(t, "[log]\n\ufefflevel = 'debug'", "")); err == nil {
		t.Error("a mark within the file is taken")
	}
}

func TestConfigurationIsRefusedWithItsPlace(t *testing.T) {
	for _, tc := range []struct {
		name   string
		config string
		want   string // after the path
	}{
		{"an unknown key", "[trust]\nhost = ['a.contoso.test']", ":2:1: unknown key trust.host"},
		{"an unknown table", "\n\n[trusted]\nhosts = []", ":3:2: unknown key trusted"},
		{"a value of the wrong type", "[log]\nlevel = 3", `:2:9: log.level: it is of another kind; it takes "debug", "info", "warn" or "error"`},
		{"a value in the place of a table", "trust = 'mx1.fabrikam.test'", `:1:9: trust: it is of another kind; it takes a table: [trust]`},
		{"one host in the place of a list", "[trust]\nhosts = 'mx1.fabrikam.test'", `:2:9: trust.hosts: it is of another kind; it takes a list of host names and patterns: ["mx1.fabrikam.test", "*.fabrikam.test"]`},
		{"a number among hosts", "[trust]\nhosts = [3]", `:2:10: trust.hosts: it is of another kind; it takes a list`},
		{"a table in the place of a list", "[on_change]\nprogram = 'notify'", `:1:2: on_change: it is of another kind; it takes a list, a program and its arguments: ["notify-send", "moved"]`},
		{"a table twice", "[[log]]\nlevel = 'info'", `:1:3: log: it is of another kind; it takes a table: [log]`},
		{"one text in the place of a command", "[secrets.commands]\nvault = 'vault read'", `:2:9: secrets.commands.vault: it is of another kind; it takes a table of lists, each a program and its arguments: vault = ["vault", "read", "mail"]`},
		{"no TOML", "[log\nlevel = 'info'", ":1:"},
		{"a key that stands there twice", "[log]\nlevel = 'info'\nlevel = 'warn'", ":3:1: "},
		{"a time without a unit", "[pace]\nprobe = '30'", `:2:9: pace.probe: "30" is no time with its unit; it takes a time from 1s to 1h: "1m"`},
		{"a time that has passed", "[pace]\nprobe = '-1s'", "-1s is not a time that one can wait"},
		{"no time at all", "[pace]\nprobe = '0s'", "0s is not a time that one can wait"},
		{"a number in the place of a time", "[pace]\nprobe = 30", `:2:1: pace.probe: 30ns is not within 1s and 1h; it takes a time from 1s to 1h: "1m"`},
		{"a probe that hammers", "[pace]\nprobe = '999ms'", `:2:1: pace.probe: 999ms is not within 1s and 1h`},
		{"a turn that never comes", "[pace]\nturn = '1h1s'", `:2:1: pace.turn: 1h0m1s is not within 1ms and 1h`},
		{"a probe that comes too late", "[pace]\nprobe = '1h0m1s'", `:2:1: pace.probe: 1h0m1s is not within 1s and 1h`},
		{"three waits", "[pace]\nmove = ['1s', '2s', '3s']", `:2:1: pace.move: it has 3 waits; it takes two times, the first wait and the longest: ["30s", "5m"]`},
		{"one wait", "[pace]\nmove = ['1s']", ":2:1: pace.move: it has 1 waits; it takes two times"},
		{"a number in the place of a wait", "[pace]\nmove = [30, '5m']", ":2:1: pace.move: a wait of 30ns is none; it takes two times"},
		{"a first wait that is longer than the longest", "[pace]\nmove = ['5m', '30s']", ":2:1: pace.move: the first wait is longer than the longest"},
		{"an unknown level", "[log]\nlevel = 'loud'", `:2:1: log.level: "loud" is no level; it takes "debug", "info", "warn" or "error"`},
		{"an unknown backend", "[secrets]\nbackend = 'paper'", `: secrets.backend: "paper" is neither keyring nor file`},
		{"files without a directory", "[secrets]\nbackend = 'file'", `: secrets.backend: "file" needs secrets.directory`},
		{"files in a directory that depends on where one stands", "[secrets]\nbackend = 'file'\ndirectory = 'here'", `: secrets.directory: "here" does not begin at the root`},
		{"a relative directory for a day on which files are chosen", "[secrets]\ndirectory = 'here'", `:2:1: secrets.directory: "here" does not begin at the root`},
		{"a command without a program", "[secrets.commands]\nvault = []", `:1:2: secrets.commands: "vault" names no program; it takes a table of lists`},
		{"a command with an empty program", "[secrets.commands]\nvault = ['', 'read']", `secrets.commands: "vault" names no program`},
		{"on_change with an empty program", "on_change = ['', '-q']", `:1:1: on_change: it names no program; it takes a list`},
		{"an unknown proxy", "[network]\nproxy = 'http://proxy.contoso.test'", `: network.proxy: "http://proxy.contoso.test" is neither environment nor none`},
		{"a DNS server by its name", "[network]\ndns = 'dc1.contoso.test:53'", `:2:1: network.dns: "dc1.contoso.test:53" is no address with its port; it takes the address of a DNS server with its port`},
		{"a DNS server without a port", "[network]\ndns = '192.0.2.53'", `:2:1: network.dns: "192.0.2.53" is no address with its port`},
		{"a DNS server at port 0", "[network]\ndns = '192.0.2.53:0'", `:2:1: network.dns: `},
		{"a URL as a trusted host", "[trust]\nhosts = ['https://mx1.fabrikam.test']", `: trust.hosts: "https://mx1.fabrikam.test" is no host name and no pattern like *.fabrikam.test`},
		{"a trusted host with a port that is none", "[trust]\nhosts = ['mx1.fabrikam.test:0']", `:2:1: trust.hosts: "0" is no port from 1 to 65535; it takes`},
		{"a trusted host with the name of a port", "[trust]\nhosts = ['mx1.fabrikam.test:https']", `:2:1: trust.hosts: "https" is no port`},
		{"a top-level domain at a port", "[trust]\nhosts = ['*.com:8443']", `"*.com" can never be trusted: com is a public suffix`},
		{"an address at a port", "[trust]\nhosts = ['10.9.8.7:8443']", `: trust.hosts: "10.9.8.7" can never be trusted: an IP address`},
		{"a star within a name", "[trust]\nhosts = ['mx*.fabrikam.test']", ": trust.hosts: "},
		{"a star alone", "[trust]\nhosts = ['*']", ": trust.hosts: "},
		{"a pattern for a top-level domain", "[trust]\nhosts = ['*.test']", `:2:1: trust.hosts: "*.test" can never be trusted: test is a public suffix`},
		{"a pattern for all of com", "[trust]\nhosts = ['*.com']", `:2:1: trust.hosts: "*.com" can never be trusted: com is a public suffix`},
		{"a pattern for every customer of a registry", "[trust]\nhosts = ['*.co.uk']", `: trust.hosts: "*.co.uk" can never be trusted: co.uk is a public suffix`},
		{"an unknown key of the discovery", "[discovery]\nurls = []", ":2:1: unknown key discovery.urls"},
		{"a service in the clear", "[discovery]\nurl = 'http://ex1.contoso.test/autodiscover/autodiscover.xml'", `:2:1: discovery.url: "http://ex1.contoso.test/autodiscover/autodiscover.xml" cannot be asked: credentials travel over https only, not http; it takes a URL: `},
		{"a service with a user name", "[discovery]\nurl = 'https://ann@ex1.contoso.test/'", `cannot be asked: the address contains a user name`},
		{"a service at an address", "[discovery]\nurl = 'https://10.9.8.7/'", `:2:1: discovery.url: "https://10.9.8.7/" cannot be asked: an IP address`},
		{"a service that is a host", "[discovery]\nurl = 'ex1.contoso.test'", `:2:1: discovery.url: "ex1.contoso.test" cannot be asked: the address names no host`},
		{"a service of everybody", "[discovery]\nurl = 'https://autodiscover.com/autodiscover/autodiscover.xml'", `belongs to whoever registered it`},
		{"a source that there is not", "[discovery]\nexclude = ['scp-lookup', 'carrier-pigeon']", `:2:1: discovery.exclude: "carrier-pigeon" is no source; it takes a list of sources: ["last-known-good-url", `},
		{"a source by Outlook's name", "[discovery]\nexclude = ['ExcludeScpLookup']", `"ExcludeScpLookup" is no source; it takes a list of sources: `},
		{"one source in the place of a list", "[discovery]\nexclude = 'scp-lookup'", `:2:11: discovery.exclude: it is of another kind; it takes a list of sources: `},
		{"a word in the place of true", "[discovery]\nmicrosoft365 = 'yes'", `:2:16: discovery.microsoft365: it is of another kind; it takes true or false`},
		{"a word in the place of false", "[trust]\nmicrosoft365 = 'no'", `:2:16: trust.microsoft365: it is of another kind; it takes true or false`},
		{"a directory by its name", "[discovery]\ndirectories = ['dc1.contoso.test']", `:2:1: discovery.directories: "dc1.contoso.test" is no address of a directory; it takes a list of LDAP addresses: ["ldaps://dc1.contoso.test"]`},
		{"a directory over http", "[discovery]\ndirectories = ['https://dc1.contoso.test']", `"https://dc1.contoso.test" is no address of a directory`},
		{"a directory without a host", "[discovery]\ndirectories = ['ldaps://:636']", `"ldaps://:636" is no address of a directory`},
		{"a directory with a search", "[discovery]\ndirectories = ['ldaps://dc1.contoso.test/CN=Services']", `"ldaps://dc1.contoso.test/CN=Services" says more than a host and a port`},
		{"a directory with a user name", "[discovery]\ndirectories = ['ldaps://ann@dc1.contoso.test']", `says more than a host and a port`},
		{"a domain that is none", "[discovery]\ndomain = 'CONTOSO'", `:2:1: discovery.domain: "CONTOSO" is no domain; it takes a domain of Active Directory: "ad.contoso.test"`},
		{"a domain that is an address", "[discovery]\ndomain = 'ann@contoso.test'", `discovery.domain: "ann@contoso.test" is no domain`},
		{"a site of 65 letters", "[discovery]\nsite = '" + strings.Repeat("s", 65) + "'", ` is no name of a site; it takes the name of a site of Active Directory: "Berlin"`},
		{"another way to sign in to directories", "[discovery]\nbind = 'ntlm'", `:2:1: discovery.bind: "ntlm" is no way to sign in; it takes "kerberos", "simple" or "anonymous"`},
		{"a simple bind of nobody", "[discovery]\nbind = 'simple'\nbind_secret = 'keyring:directory'", `:2:1: discovery.bind: "simple" needs discovery.bind_name and discovery.bind_secret; it takes`},
		{"a simple bind without a secret", "[discovery]\nbind = 'simple'\nbind_name = 'homing@ad.contoso.test'", `:2:1: discovery.bind: "simple" needs`},
		{"a secret in the place of its reference", "[discovery]\nbind_secret = 'hunter2'", `:2:1: discovery.bind_secret: `},
		{"a site with a line break", "[discovery]\nsite = \"Ber\\nlin\"", `:2:1: discovery.site: "Ber\nlin" is no name of a site`},
		{"what a policy alone may say", "[policy]\nca_file = true", ":2:1: policy.ca_file: it stands in policy.toml alone"},
		{"a pattern for a top-level domain by basic", "[trust]\nbasic = ['*', '*.test']", `:2:1: trust.basic: "*.test" can never be trusted: test is a public suffix; it takes "*" or`},
		{"a URL by basic", "[trust]\nbasic = ['https://mx1.fabrikam.test']", `:2:1: trust.basic: "https://mx1.fabrikam.test" is no host name`},
		{"yes by basic", "[trust]\nbasic = true", `:2:9: trust.basic: it is of another kind; it takes "*" or`},
		{"an address", "[trust]\nhosts = ['10.9.8.7']", `: trust.hosts: "10.9.8.7" can never be trusted: an IP address`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := files(t, tc.config, "")
			_, err := LoadConfig(p)
			if err == nil {
				t.Fatal("it was accepted")
			}
			if got := err.Error(); !strings.HasPrefix(got, p.Config) || !strings.Contains(got, tc.want) {
				t.Errorf("%s: want %s…%s", got, p.Config, tc.want)
			}
			for _, goType := range []string{"struct", "[]string", "program.", "map["} {
				if got := strings.TrimPrefix(err.Error(), p.Config); strings.Contains(got, goType) {
					t.Errorf("%s: a type of Go tells nobody what to write", got)
				}
			}
		})
	}
}

func TestConfigurationAtItsLimitsIsTaken(t *testing.T) {
	for _, config := range []string{
		"[pace]\nprobe = '1s'", "[pace]\nprobe = '1h'", "[pace]\nmove = ['1ms', '1ms']",
		"[secrets.commands]\nvault = ['vault']", "on_change = []", "[log]\nlevel = 'error'", "[trust]\nhosts = ['*.contoso.com']",
		"[discovery]\nurl = 'https://ex1.contoso.test:8443/autodiscover/autodiscover.xml'", "[discovery]\nexclude = []",
		"[discovery]\ndirectories = ['ldap://dc1.contoso.test:3268', 'LDAPS://dc2.contoso.test/']", "[discovery]\ndomain = 'AD.Contoso.test.'",
		"[network]\ndns = '[2001:db8::53]:53'", "[discovery]\nsite = ' Neu Delhi '", "[discovery]\nbind = 'simple'\nbind_name = 'n'\nbind_secret = 'keyring:n'", "[discovery]\nsite = '" + strings.Repeat("s", 64) + "'",
	} {
		if _, err := LoadConfig(files(t, config, "")); err != nil {
			t.Errorf("%s: %v", config, err)
		}
	}
}

// What a value takes is told of every key that there is, with an example.
func TestEveryKeyHasAForm(t *testing.T) {
	for _, v := range (&Effective{Config: defaults()}).Values() {
		if form(v.Key) == "" {
			t.Errorf("%s has none", v.Key)
		}
	}
	if form("secrets.commands.vault") == "" || form("trust.host") != "" {
		t.Error("the name of a command has none, or an unknown key has one")
	}
}

func TestPolicyIsRefusedWithItsPlace(t *testing.T) {
	p := files(t, "[log]\nlevel = 'debug'", "[log]\nlevel = 'loud'")
	_, err := LoadConfig(p)
	if err == nil || !strings.HasPrefix(err.Error(), p.Policy+":2:1: log.level: ") {
		t.Errorf("%v: want the path of the policy", err)
	}
}

func TestConfigurationThatCannotBeReadIsNotPassedOver(t *testing.T) {
	p := files(t, "", "")
	if err := os.Mkdir(p.Config, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadConfig(p); err == nil {
		t.Error("a directory in the place of config.toml was taken for no configuration")
	}
}

func TestConfigurationReachesTheAgent(t *testing.T) {
	e, err := LoadConfig(files(t, `
on_change = ["notify"]
[pace]
move = ["1s", "2s"]
server = ["3s", "4s"]
news = ["5s", "6s"]
network = ["7s", "8s"]
you = ["9s", "10s"]
turn = "12s"
probe = "11s"
[log]
level = "warn"
[trust]
hosts = ["*.fabrikam.test"]
microsoft365 = true
`, ""))
	if err != nil {
		t.Fatal(err)
	}
	p, err := Open(Paths{State: t.TempDir()}, e, nil)
	if err != nil {
		t.Fatal(err)
	}
	steps := func(first, max time.Duration) agent.Steps {
		return agent.Steps{First: first * time.Second, Max: max * time.Second}
	}
	c := p.AgentConfig()
	want := agent.Pace{
		Move: steps(1, 2), Server: steps(3, 4), News: steps(5, 6), Network: steps(7, 8), You: steps(9, 10),
		Turn: 12 * time.Second, Probe: 11 * time.Second,
	}
	if diff := cmp.Diff(want, c.Pace); diff != "" {
		t.Error(diff)
	}
	if c.Changed == nil {
		t.Error("on_change does not reach the agent")
	}
	if e.Level() != slog.LevelWarn {
		t.Errorf("level %v, want %v", e.Level(), slog.LevelWarn)
	}
	rules, err := p.Consents.Rules(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"*.fabrikam.test"}, rules.Trusted); diff != "" {
		t.Error(diff)
	}
	if !rules.Microsoft365 {
		t.Error("trust.microsoft365 does not reach the rules")
	}
}

// What is said of Basic reaches the rules, "nowhere" too; so does that nothing is.
func TestWhereBasicGoesReachesTheRules(t *testing.T) {
	hop := trust.Hop{MailDomain: "contoso.test", To: "mx.contoso.test:443", How: trust.FromDomain}
	for policy, want := range map[string]bool{
		"":                                     true,
		"[trust]\nbasic = ['*.contoso.test']":  true,
		"[trust]\nbasic = ['*.fabrikam.test']": false,
		"[trust]\nbasic = []":                  false,
	} {
		e, err := LoadConfig(files(t, "", policy))
		if err != nil {
			t.Fatal(err)
		}
		p, err := Open(Paths{State: t.TempDir()}, e, nil)
		if err != nil {
			t.Fatal(err)
		}
		rules, err := p.Consents.Rules(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := rules.Grant(t.Context(), hop, []string{"basic"}, anybody{}); (err == nil) != want {
			t.Errorf("%q: %v", policy, err)
		}
	}
}

// anybody has an empty password for everybody.
type anybody struct{}

func (anybody) Login(context.Context, string) (trust.Login, error) { return trust.Login{}, nil }
func (anybody) Refused(string, trust.Login)                        {}

func TestWithoutOnChangeNothingRuns(t *testing.T) {
	e, err := LoadConfig(files(t, "", ""))
	if err != nil {
		t.Fatal(err)
	}
	p, err := Open(Paths{State: t.TempDir()}, e, nil)
	if err != nil {
		t.Fatal(err)
	}
	if p.AgentConfig().Changed != nil {
		t.Error("Changed is set although on_change is not")
	}
}
