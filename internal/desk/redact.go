package desk

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/profile"
)

// redacted is what stands at the head of a report. It is what redactor does.
const redacted = `Of mail addresses, user names, labels and LegacyDNs only the first letter is
shown: "a…@contoso.test", "/cn=a…". The home directory is "~". Secrets, the queries
of URLs and the arguments of programs are left out. Hosts and mail domains are shown
as they are: who sends this on decides whether they may be known.
`

// redactor makes of a text one that names no person and holds no secret. It knows
// the names that are in use here, and the forms in which others come.
type redactor struct {
	forms
	open  bool           // redacts nothing, for whoever looks what there is to redact
	homes []string       // home directory of this user, as it may be written
	names *regexp.Regexp // any of the names, whatever its case; nil: there are none
}

// newRedactor knows a home directory, and names: of this user, of profiles, of
// mailboxes. A name of several words is also known by each of them.
func newRedactor(home string, names []string) *redactor {
	r := &redactor{forms: newForms()}
	if home = strings.TrimRight(home, `/\`); home != "" {
		r.homes = []string{strings.ReplaceAll(home, `\`, `\\`), home}
	}
	known := make(map[string]bool)
	for _, name := range names {
		name, _, _ = strings.Cut(name, "@")
		if _, account, ok := strings.Cut(name, `\`); ok {
			name = account
		}
		name = strings.ToLower(strings.TrimSpace(name))
		known[name] = true
		for _, part := range strings.FieldsFunc(name, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) }) {
			if utf8.RuneCountInString(part) > 2 {
				known[part] = true
			}
		}
	}
	for _, nobody := range []string{"", "root", "homing", "nobody", "system", "administrator"} {
		delete(known, nobody)
	}
	var quoted []string
	for name := range known {
		quoted = append(quoted, regexp.QuoteMeta(name))
	}
	slices.SortFunc(quoted, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	if len(quoted) > 0 {
		r.names = regexp.MustCompile("(?i)" + strings.Join(quoted, "|"))
	}
	return r
}

// namesOf are the names that a profile has or had.
func namesOf(p profile.Profile) []string {
	names := []string{p.Label, p.Address, p.Identity.DisplayName, p.Endpoint.Routing}
	for _, l := range p.Logins {
		names = append(names, l.User)
	}
	if p.Endpoint.MAPI != nil {
		dn := p.Endpoint.MAPI.LegacyDN
		names = append(names, dn[strings.LastIndexByte(dn, '=')+1:])
	}
	return names
}

// initial is the first letter of a name.
func initial(name string) string {
	if name == "" || name == "…" {
		return name
	}
	_, n := utf8.DecodeRuneInString(name)
	return name[:n] + "…"
}

// forms are those in which names and secrets come. No value of theirs goes over a
// line.
type forms struct {
	userInfo, query, headers, scheme, secret     *regexp.Regexp
	unixHome, winHome, account, address, element *regexp.Regexp
}

// newForms compiles them: not at the start of every program, of which few write a
// report.
func newForms() forms {
	return forms{
		userInfo: regexp.MustCompile(`(://)[^/\s"'@]+@`),
		query:    regexp.MustCompile(`([a-zA-Z]+://[^\s"'<>?#]+)[?#][^\s"'<>]*`),
		headers:  regexp.MustCompile(`(?i)((?:set-)?cookie2?|(?:proxy-)?authorization)("?\s*[=:]\s*).+`),
		scheme:   regexp.MustCompile(`\b((?i:basic|bearer|negotiate|ntlm|digest))(\s+)[A-Za-z0-9+/=._~-]*[A-Z0-9+/=_~][A-Za-z0-9+/=._~-]*`),
		secret:   regexp.MustCompile(`(?i)(password|passwd|passphrase|pwd|secret|token|credential)(s?"?\s*[=:]\s*)("(?:[^"\\]|\\.)*"|\S+)`),
		unixHome: regexp.MustCompile(`(?i)(/home/|/Users/)([^/\s"':,;)]+)`),
		winHome:  regexp.MustCompile(`(?i)([a-z]:\\+Users\\+)([^\\/"':\n]+)`),
		account:  regexp.MustCompile(`(^|[\s"'=(])([A-Za-z0-9][A-Za-z0-9.-]*\\{1,2})([^\s\\"'/,;)]+)`),
		address:  regexp.MustCompile(`([^\s"'<>()\[\],;:@/\\=&?]+)((?:@|%40)[\pL\pN\[])`),
		element:  regexp.MustCompile(`\b((?i:cn|uid|user)=)([^\s/"',;()\\]+(?: [\p{Lu}\d][^\s/"',;()\\]*)*)`),
	}
}

// text is s on one line, without names and secrets.
func (r *redactor) text(s string) string {
	s = line(s)
	if r.open {
		return s
	}
	for _, home := range r.homes {
		s = strings.ReplaceAll(s, home, "~")
	}
	s = r.userInfo.ReplaceAllString(s, "${1}…@")
	s = r.query.ReplaceAllString(s, "${1}?…")
	s = r.headers.ReplaceAllString(s, "${1}${2}…")
	s = r.scheme.ReplaceAllString(s, "${1}${2}…")
	s = r.secret.ReplaceAllString(s, "${1}${2}…")
	s = r.known(s)
	for _, form := range []*regexp.Regexp{r.unixHome, r.winHome, r.account, r.address} {
		s = form.ReplaceAllStringFunc(s, func(found string) string {
			part := form.FindStringSubmatch(found)
			switch form {
			case r.account:
				return part[1] + part[2] + initial(part[3])
			case r.address:
				return initial(part[1]) + part[2]
			}
			return part[1] + initial(part[2])
		})
	}
	return r.elements(s)
}

// long is from how many letters on a name is shortened within words too: "Annegrets".
const long = 5

// known shortens the names that are known.
func (r *redactor) known(s string) string {
	if r.names == nil {
		return s
	}
	within := func(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) }
	var b strings.Builder
	from := 0
	for _, at := range r.names.FindAllStringIndex(s, -1) {
		before, _ := utf8.DecodeLastRuneInString(s[:at[0]])
		after, _ := utf8.DecodeRuneInString(s[at[1]:])
		if utf8.RuneCountInString(s[at[0]:at[1]]) < long && (within(before) || within(after)) {
			continue
		}
		b.WriteString(s[from:at[0]])
		b.WriteString(initial(s[at[0]:at[1]]))
		from = at[1]
	}
	return b.String() + s[from:]
}

// elements shortens the names in distinguished names: not those of containers, nor
// the servers.
func (r *redactor) elements(s string) string {
	last := ""
	return r.element.ReplaceAllStringFunc(s, func(found string) string {
		part := r.element.FindStringSubmatch(found)
		value, before := strings.ToLower(part[2]), last
		last = value
		if before == "servers" || slices.Contains([]string{"recipients", "configuration", "servers", "microsoft private mdb"}, value) {
			return found
		}
		return part[1] + initial(part[2])
	})
}

// host is a host or a URL: what looks like a name in a host is none.
func (r *redactor) host(s string) string {
	s = line(s)
	if r.open {
		return s
	}
	s = r.userInfo.ReplaceAllString(s, "${1}…@")
	s = r.query.ReplaceAllString(s, "${1}?…")
	return r.address.ReplaceAllStringFunc(s, func(found string) string {
		part := r.address.FindStringSubmatch(found)
		return initial(part[1]) + part[2]
	})
}

// value is one of the configuration. What a program is given may be a secret, and
// so may what stands in the place of a secret's reference.
func (r *redactor) value(v program.Value) string {
	shown := r.text(fmt.Sprint(v.Value))
	if r.open {
		return shown
	}
	switch v.Key {
	case "on_change":
		return r.command(v.Value)
	case "secrets.commands":
		commands, _ := v.Value.(map[string]any)
		var all []string
		for name, argv := range commands {
			all = append(all, r.text(name)+" = "+r.command(argv))
		}
		slices.Sort(all)
		return strings.Join(all, ", ")
	case "discovery.bind_name":
		return initial(line(fmt.Sprint(v.Value)))
	case "discovery.bind_secret":
		kind, _, _ := strings.Cut(shown, ":")
		if !slices.Contains([]string{"", "keyring", "systemd", "command", "file"}, kind) {
			kind = "…"
		}
		return kind
	}
	return shown
}

// command is the program of a list of arguments.
func (r *redactor) command(argv any) string {
	list, _ := argv.([]any)
	if len(list) == 0 {
		return "[]"
	}
	name := path.Base(strings.ReplaceAll(fmt.Sprint(list[0]), `\`, "/"))
	return fmt.Sprintf("[%s and %d arguments]", r.text(name), len(list)-1)
}
