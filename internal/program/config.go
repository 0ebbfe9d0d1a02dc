package program

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/internal/trust"
)

// Config is config.toml, and policy.toml, which is laid over it.
type Config struct {
	Trust struct {
		// Hosts are the patterns of hosts that may receive credentials besides
		// those of the mail domain: "mx1.fabrikam.test", "*.fabrikam.test".
		Hosts []string `toml:"hosts" comment:"hosts that may receive credentials, besides those of the mail domain"`
		// Microsoft365 lets the hosts of Microsoft 365 receive credentials.
		Microsoft365 bool `toml:"microsoft365"`
		// Basic are the patterns of hosts that a password may go to by Basic: "*" is
		// every host that may receive it.
		Basic []string `toml:"basic"`
	} `toml:"trust"`

	Discovery Discovery `toml:"discovery"`

	Secrets struct {
		// Backend is where a sign-in that is typed is kept: keyring or file.
		Backend   string              `toml:"backend"`
		Directory string              `toml:"directory"` // of the backend file
		Commands  map[string][]string `toml:"commands"`  // of references command:NAME
	} `toml:"secrets"`
	Network struct {
		CAFile    string   `toml:"ca_file"`    // certificate authorities instead of the system's
		ConnectTo []string `toml:"connect_to"` // HOST:PORT:ADDR:PORT, as curl takes them
		Proxy     string   `toml:"proxy"`      // environment or none
		DNS       string   `toml:"dns"`        // ADDR:PORT of a DNS server instead of the system's; empty: the system's
	} `toml:"network"`
	Pace struct {
		Move    Steps    `toml:"move"`
		Server  Steps    `toml:"server"`
		News    Steps    `toml:"news"`
		Network Steps    `toml:"network"`
		You     Steps    `toml:"you"`
		Turn    Duration `toml:"turn"`
		Probe   Duration `toml:"probe"`
	} `toml:"pace"`
	OnChange []string `toml:"on_change"` // argv, run after each commit
	Log      struct {
		Level string `toml:"level"` // debug, info, warn, error
	} `toml:"log"`

	// Policy is what the machine leaves to its users. It stands in policy.toml alone.
	Policy struct {
		CAFile    bool `toml:"ca_file"`    // network.ca_file and --ca-file
		ConnectTo bool `toml:"connect_to"` // network.connect_to and --connect-to
	} `toml:"policy"`
}

// Steps is a wait that doubles from the first to the longest: ["30s", "5m"].
type Steps []Duration

// Duration is a time.Duration in its text form: "30s".
type Duration time.Duration

func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("%q is no time with its unit", b)
	}
	if v <= 0 {
		return fmt.Errorf("%s is not a time that one can wait", b)
	}
	*d = Duration(v)
	return nil
}

func (d Duration) String() string { return time.Duration(d).String() }

func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func (s Steps) agent() agent.Steps {
	return agent.Steps{First: time.Duration(s[0]), Max: time.Duration(s[1])}
}

func steps(s agent.Steps) Steps { return Steps{Duration(s.First), Duration(s.Max)} }

// defaults returns the configuration of a machine where nobody wrote one.
func defaults() Config {
	var c Config
	c.Trust.Basic = []string{"*"} // no stronger way is served for a password
	c.Discovery.Bind = "kerberos"
	c.Secrets.Backend = "keyring"
	c.Network.Proxy = "environment"
	p := agent.DefaultPace()
	c.Pace.Move, c.Pace.Server, c.Pace.News = steps(p.Move), steps(p.Server), steps(p.News)
	c.Pace.Network, c.Pace.You = steps(p.Network), steps(p.You)
	c.Pace.Turn, c.Pace.Probe = Duration(p.Turn), Duration(p.Probe)
	c.Log.Level = "info"
	c.Policy.CAFile, c.Policy.ConnectTo = true, true
	return c
}

// Value is one effective value and where it came from.
type Value struct {
	Key    string `json:"key"`
	Value  any    `json:"value"`
	Origin string `json:"origin"` // default, preferences, a file, "policy" and its file, or a flag
}

// Effective is a configuration of which each value knows its origin.
type Effective struct {
	Config
	origin map[string]string // by key; absent: default
	laid   []file            // in their order
	policy string            // the origin of what the policy says
}

// LoadConfig lays the preferences over the defaults, the configuration over them,
// and the policy over all. A file that does not exist says nothing; one with an
// unknown key, a value out of place or bad TOML is an error with its line and
// column, and with what the key takes. So is a configuration with a key that the
// policy does not leave to users.
func LoadConfig(p Paths) (*Effective, error) {
	e := &Effective{Config: defaults(), origin: make(map[string]string), policy: "policy " + p.Policy}
	if err := e.prefer(p); err != nil {
		return nil, err
	}
	for _, file := range []struct{ path, origin string }{{p.Config, p.Config}, {p.Policy, e.policy}} {
		data, err := os.ReadFile(file.path)
		switch {
		case errors.Is(err, fs.ErrNotExist) || file.path == "":
			continue
		case err != nil:
			return nil, err
		}
		data = bytes.TrimPrefix(data, []byte("\ufeff")) // editors of Windows begin a file with it
		if err := e.lay(data, file.path, file.origin); err != nil {
			return nil, err
		}
	}
	return e, e.check()
}

func (e *Effective) lay(data []byte, path, origin string) error {
	dec := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields()
	if err := dec.Decode(&e.Config); err != nil {
		return located(path, err)
	}
	var keys map[string]any
	if err := toml.Unmarshal(data, &keys); err != nil {
		return located(path, err)
	}
	e.laid = append(e.laid, file{path, data})
	for key := range flatten("", keys) {
		if strings.HasPrefix(key, "policy.") && origin != e.policy {
			return fmt.Errorf("%s: %s: it stands in policy.toml alone", cmp.Or(e.place(key), path), key)
		}
		e.origin[key] = origin
	}
	return nil
}

// reserved returns where the policy keeps key from users, or "".
func (e *Effective) reserved(key string) string {
	by := key
	switch {
	case e.origin[key] == e.policy:
	case key == "network.ca_file" && !e.Policy.CAFile:
		by = "policy.ca_file"
	case key == "network.connect_to" && !e.Policy.ConnectTo:
		by = "policy.connect_to"
	default:
		return ""
	}
	return cmp.Or(e.place(by), e.from(by)) + ": " + by
}

func (e *Effective) check() error {
	bad := func(key, why string) error {
		return fmt.Errorf("%s: %s: %s; it takes %s", cmp.Or(e.place(key), e.from(key)), key, why, form(key))
	}
	for _, key := range []string{"network.ca_file", "network.connect_to"} {
		if by := e.reserved(key); by != "" && e.from(key) != "default" && e.from(key) != e.policy {
			return fmt.Errorf("%s: %s: the policy of this machine does not leave it to users (%s)", cmp.Or(e.place(key), e.from(key)), key, by)
		}
	}
	switch e.Secrets.Backend {
	case "keyring":
	case "file":
		if e.Secrets.Directory == "" {
			return bad("secrets.backend", `"file" needs secrets.directory`)
		}
	default:
		return bad("secrets.backend", fmt.Sprintf("%q is neither keyring nor file", e.Secrets.Backend))
	}
	if dir := e.Secrets.Directory; dir != "" && !filepath.IsAbs(dir) {
		return bad("secrets.directory", fmt.Sprintf("%q does not begin at the root", dir))
	}
	for name, argv := range e.Secrets.Commands {
		if len(argv) == 0 || argv[0] == "" {
			return bad("secrets.commands", fmt.Sprintf("%q names no program", name))
		}
	}
	if len(e.OnChange) > 0 && e.OnChange[0] == "" {
		return bad("on_change", "it names no program")
	}
	if e.Network.Proxy != "environment" && e.Network.Proxy != "none" {
		return bad("network.proxy", fmt.Sprintf("%q is neither environment nor none", e.Network.Proxy))
	}
	if dns := e.Network.DNS; dns != "" {
		if at, err := netip.ParseAddrPort(dns); err != nil || at.Port() == 0 {
			return bad("network.dns", fmt.Sprintf("%q is no address with its port", dns))
		}
	}
	if why := badPlaces(e.Trust.Hosts); why != "" {
		return bad("trust.hosts", why)
	}
	if why := badPlaces(slices.DeleteFunc(slices.Clone(e.Trust.Basic), func(h string) bool { return h == "*" })); why != "" {
		return bad("trust.basic", why)
	}
	if key, why := e.Discovery.check(); key != "" {
		return bad(key, why)
	}
	for key, s := range map[string]Steps{
		"pace.move": e.Pace.Move, "pace.server": e.Pace.Server, "pace.news": e.Pace.News, "pace.network": e.Pace.Network, "pace.you": e.Pace.You,
	} {
		if len(s) != 2 {
			return bad(key, fmt.Sprintf("it has %d waits", len(s)))
		}
		if s[0] < Duration(time.Millisecond) {
			return bad(key, fmt.Sprintf("a wait of %s is none", s[0]))
		}
		if s[0] > s[1] {
			return bad(key, "the first wait is longer than the longest")
		}
	}
	if e.Pace.Turn < Duration(time.Millisecond) || e.Pace.Turn > Duration(time.Hour) {
		return bad("pace.turn", fmt.Sprintf("%s is not within 1ms and 1h", e.Pace.Turn))
	}
	if why := badProbe(e.Pace.Probe); why != "" {
		return bad("pace.probe", why)
	}
	if _, err := e.level(); err != nil {
		return bad("log.level", fmt.Sprintf("%q is no level", e.Log.Level))
	}
	return nil
}

// badPlaces says what is wrong with host names and patterns, "" if nothing is.
func badPlaces(places []string) string {
	for _, h := range places {
		if strings.ContainsAny(h, "/@ ") || strings.Contains(strings.TrimPrefix(h, "*."), "*") || !strings.Contains(h, ".") {
			return fmt.Sprintf("%q is no host name and no pattern like *.fabrikam.test", h)
		}
		h, port, err := trust.SplitPlace(h)
		if err != nil {
			return err.Error()
		}
		if domain, below := strings.CutPrefix(h, "*."); below && !strings.Contains(domain, ".") {
			return fmt.Sprintf("%q can never be trusted: %s is a public suffix", h, domain)
		}
		if verdict, why := (trust.Rules{}).Judge(trust.Hop{To: strings.TrimPrefix(h, "*.") + ":" + port}); verdict == trust.Refuse {
			return fmt.Sprintf("%q can never be trusted: %s", h, why)
		}
	}
	return ""
}

// Set changes the value of key on behalf of a flag. The error says that the
// policy does not leave it to users.
func (e *Effective) Set(key, flag string, set func(*Config)) error {
	if by := e.reserved(key); by != "" {
		return fmt.Errorf("%s: the policy of this machine does not leave %s to users (%s)", flag, key, by)
	}
	set(&e.Config)
	e.origin[key] = flag
	return nil
}

func (e *Effective) from(key string) string {
	if origin, ok := e.origin[key]; ok {
		return origin
	}
	return "default"
}

// Values returns every effective value, sorted by key.
func (e *Effective) Values() []Value {
	data, err := toml.Marshal(e.Config)
	var keys map[string]any
	if err == nil {
		err = toml.Unmarshal(data, &keys)
	}
	if err != nil {
		panic("the configuration does not survive its own format: " + err.Error())
	}
	flat := flatten("", keys)
	out := make([]Value, 0, len(flat))
	for _, key := range slices.Sorted(maps.Keys(flat)) {
		out = append(out, Value{key, flat[key], e.from(key)})
	}
	return out
}

// flatten joins the keys of nested tables by dots. The names below
// secrets.commands are data, so that table stays whole.
func flatten(prefix string, in map[string]any) map[string]any {
	out := make(map[string]any)
	for k, v := range in {
		key := prefix + k
		if table, ok := v.(map[string]any); ok && key != "secrets.commands" {
			maps.Copy(out, flatten(key+".", table))
			continue
		}
		out[key] = v
	}
	return out
}
