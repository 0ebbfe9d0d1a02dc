package mockserver

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// World is what a world file says: forests, their servers, and who has a
// mailbox where. [New] checks it and fills in what it leaves out.
type World struct {
	Name        string       `toml:"name"`
	Password    string       `toml:"password"` // of every account that names none; "": DefaultPassword
	Forests     []Forest     `toml:"forest"`   // 1 to 16
	Hosters     []Hoster     `toml:"hoster"`   // web hosters, which are no forests
	Rogues      []Rogue      `toml:"rogue"`    // hosts that are after passwords
	Holes       []Hole       `toml:"hole"`     // hosts that swallow connections
	Directories []LDAPServer `toml:"directory"`
	SCPs        []SCP        `toml:"scp"`   // what the directories hold
	Clear       []ClearSite  `toml:"clear"` // what hosts answer without TLS; those that are not named: nothing
	SRV         []SRV        `toml:"srv"`
	CNAMEs      []CNAME      `toml:"cname"`
	Resolvers   []Resolver   `toml:"resolver"` // names for which the DNS fails
	Mailboxes   []Mailbox    `toml:"mailbox"`
	Populations []Population `toml:"population"`
	Faults      []Fault      `toml:"-"`         // rules that are in force from the start; [[fault]] in a file
	Hostility   Hostility    `toml:"hostility"` // what clients have to bear
}

// Forest is one Exchange organisation.
type Forest struct {
	Name         string         `toml:"name"`         // DNS name and mail domain, such as contoso.test
	Org          string         `toml:"org"`          // organisation in legacy DNs: /o=Contoso/…; "": the first label of Name
	Flavour      string         `toml:"flavour"`      // the product that it plays: one of the Flavour constants; "": Exchange SE with NameDN
	MAPI         string         `toml:"mapi"`         // of servers before 2013: MAPIStandIn ("" too), MAPINever
	ServerName   string         `toml:"server_name"`  // what ecWrongServer names: NameDN, NameMDB, NameGUID; "": as the flavour does
	RefuseAt     string         `toml:"refuse_at"`    // where a mailbox that is not here is refused: RefuseConnect, RefuseLogon; "": as the flavour does
	Unknown      string         `toml:"unknown"`      // with which code: "ecUnknownUser", "ecLoginFailure"; "": as the flavour does
	Referral     string         `toml:"referral"`     // how Autodiscover refers to another forest: one of the Refer constants; "": as the flavour does
	TTL          *int           `toml:"ttl"`          // hours that its settings hold, 0 to 65535; nil: they do not say
	Servers      []ServerSite   `toml:"server"`       // at least one
	Autodiscover []Autodiscover `toml:"autodiscover"` // none: autodiscover.<Name>
}

// What ecWrongServer names in a forest.
const (
	NameDN   = "dn"   // /o=…/cn=Configuration/cn=Servers/cn=<server>, as Exchange up to 2010
	NameMDB  = "mdb"  // the same with /cn=Microsoft Private MDB
	NameGUID = "guid" // /o=…/cn=Servers/cn=<mailbox GUID>@<forest>, as Exchange 2013 and later
)

// Where a forest refuses a mailbox that it does not hold.
const (
	RefuseConnect = "connect" // ErrorCode of Connect, in the success layout, as seen from Exchange SE
	RefuseLogon   = "logon"   // ReturnValue of RopLogon
)

// How the Autodiscover of a forest refers to another one ([MS-OXDSCLI] 3.2.5).
const (
	ReferURL       = "redirectUrl"       // Action redirectUrl in an HTTP 200
	ReferAddress   = "redirectAddr"      // Action redirectAddr in an HTTP 200
	Refer301       = "http301"           // HTTP 301, Location
	Refer302       = "http302"           // HTTP 302
	Refer303       = "http303"           // HTTP 303
	Refer307       = "http307"           // HTTP 307
	Refer308       = "http308"           // HTTP 308
	ReferAnonymous = "http302-anonymous" // HTTP 302 before anybody signs in
)

// ServerSite is a mailbox server with its front end.
type ServerSite struct {
	Name        string   `toml:"name"`        // unique in the world, such as ex1
	Host        string   `toml:"host"`        // "": <Name>.<forest>
	Flavour     string   `toml:"flavour"`     // the product that it plays; "": that of its forest
	Databases   []string `toml:"databases"`   // none: "db1", "db2"
	Offline     []string `toml:"offline"`     // those of Databases that are dismounted
	Version     string   `toml:"version"`     // X-ServerApplication: Exchange/<Version>; "": that of the flavour
	Certificate string   `toml:"certificate"` // one of the Certificate constants; "": CertificateValid
}

// Autodiscover is a host that answers for the Autodiscover service of a forest.
type Autodiscover struct {
	Host        string `toml:"host"`
	Certificate string `toml:"certificate"` // as of ServerSite
}

// Mailbox is a person with a mailbox.
type Mailbox struct {
	User        string    `toml:"user"`         // unique in the world: lower-case letters, digits, '.', '_', '-'
	Address     string    `toml:"address"`      // "": <User>@<forest of Server>; known in each forest that knows the person
	DisplayName string    `toml:"display_name"` // "": User
	Server      string    `toml:"server"`       // name of the server that holds it
	Database    string    `toml:"database"`     // "": the first of the server
	Delegates   []string  `toml:"delegates"`    // users who may open it
	Disabled    bool      `toml:"disabled"`     // it is there, and shut since the start
	Accounts    []Account `toml:"account"`      // none: one in every forest, named by Address and by <User>@<forest>
}

// Account is what a person signs in with in one forest.
type Account struct {
	Forest   string `toml:"forest"`
	User     string `toml:"user"`     // the name to sign in with; "": <user of the mailbox>@<forest>
	Password string `toml:"password"` // "": Password of the world
	Token    string `toml:"token"`    // accepted as a Bearer token; "": none
}

// Population is a number of mailboxes with the users u000001, u000002 and so
// on, counted through all populations of the world.
type Population struct {
	Count  int    `toml:"count"`
	Forest string `toml:"forest"` // may be left out: the forest of Server
	Server string `toml:"server"`
}

// WorldError tells why a world is refused, and where it is known, the place in
// the file.
type WorldError struct {
	Line, Column int // from 1; 0: not known
	Why          string
}

func (e *WorldError) Error() string {
	if e.Line == 0 {
		return "world: " + e.Why
	}
	return fmt.Sprintf("world: line %d, column %d: %s", e.Line, e.Column, e.Why)
}

// maxWorld is the length in bytes of the longest world file.
const maxWorld = 16 << 20

// ReadWorld reads a world file, TOML, of at most 16 MiB. Keys that it does not
// know, values that contradict each other and malformed TOML are refused with a
// *[WorldError].
func ReadWorld(r io.Reader) (World, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxWorld+1))
	if err != nil {
		return World{}, fmt.Errorf("world: %w", err)
	}
	if len(text) > maxWorld {
		return World{}, &WorldError{Why: "longer than 16 MiB"}
	}
	var file struct {
		World
		Faults []map[string]any `toml:"fault"`
	}
	if err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(&file); err != nil {
		return World{}, tomlError(err)
	}
	w := file.World
	for _, table := range file.Faults {
		f, wrong, err := faultFrom(table)
		if err != nil {
			line, column := find(text, wrong.key, cmp.Or(wrong.value, "true"))
			return World{}, &WorldError{Line: line, Column: column, Why: "fault: " + err.Error()}
		}
		w.Faults = append(w.Faults, f)
	}
	if line, column := portZero(text, w.SRV); line > 0 {
		return World{}, &WorldError{Line: line, Column: column, Why: "srv: port 0: want 1 to 65535"}
	}
	if _, err := build(w); err != nil {
		var refused *contradiction
		if !errors.As(err, &refused) {
			return World{}, err
		}
		line, column := find(text, refused.key, refused.value)
		return World{}, &WorldError{Line: line, Column: column, Why: refused.why}
	}
	return w, nil
}

// portZero finds a port that is written as 0, which in an SRV is one that is left
// out.
func portZero(text []byte, list []SRV) (line, column int) {
	var file struct {
		SRV []struct {
			Port *uint16 `toml:"port"`
		} `toml:"srv"`
	}
	if len(list) == 0 || toml.Unmarshal(text, &file) != nil {
		return 0, 0
	}
	for _, srv := range file.SRV {
		if srv.Port != nil && *srv.Port == 0 {
			return find(text, "port", "0")
		}
	}
	return 0, 0
}

func tomlError(err error) error {
	var unknown *toml.StrictMissingError
	if errors.As(err, &unknown) && len(unknown.Errors) > 0 {
		first := &unknown.Errors[0]
		line, column := first.Position()
		return &WorldError{Line: line, Column: column, Why: fmt.Sprintf("unknown key %q", strings.Join(first.Key(), "."))}
	}
	var decode *toml.DecodeError
	if errors.As(err, &decode) {
		line, column := decode.Position()
		return &WorldError{Line: line, Column: column, Why: strings.TrimPrefix(decode.Error(), "toml: ")}
	}
	return &WorldError{Why: strings.TrimPrefix(err.Error(), "toml: ")}
}

// find returns where value stands as that of key, alone or in a list: the last
// place, since of two that collide the second one is refused. 0: not in the text.
func find(text []byte, key, value string) (line, column int) {
	if key == "" || value == "" {
		return 0, 0
	}
	all := regexp.MustCompile(`(?m)^[^#\n]*\b`+key+`\s*=\s*(?:\[[^\]]*)?("`+regexp.QuoteMeta(value)+`")`).FindAllSubmatchIndex(text, -1)
	if len(all) == 0 { // a number, or true
		all = regexp.MustCompile(`(?m)^\s*`+key+`\s*=\s*(`+regexp.QuoteMeta(value)+`)\b`).FindAllSubmatchIndex(text, -1)
	}
	if len(all) == 0 {
		return 0, 0
	}
	at := all[len(all)-1][2]
	return bytes.Count(text[:at], []byte("\n")) + 1, at - bytes.LastIndexByte(text[:at], '\n')
}

//go:embed worlds/*.toml
var worlds embed.FS

// OpenWorld reads one of the worlds that come with the package, see
// [WorldNames].
func OpenWorld(name string) (World, error) {
	if !slices.Contains(WorldNames(), name) {
		return World{}, &WorldError{Why: fmt.Sprintf("no world %q: there are %s", name, strings.Join(WorldNames(), ", "))}
	}
	f, err := worlds.Open("worlds/" + name + ".toml")
	if err != nil {
		return World{}, fmt.Errorf("world: %w", err)
	}
	defer f.Close()
	return ReadWorld(f)
}

// WorldNames returns the names that [OpenWorld] knows, sorted.
func WorldNames() []string {
	files, _ := fs.Glob(worlds, "worlds/*.toml") // the pattern is well-formed
	for i, f := range files {
		files[i] = strings.TrimSuffix(strings.TrimPrefix(f, "worlds/"), ".toml")
	}
	return files
}
