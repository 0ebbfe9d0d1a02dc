package mockserver

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// curlLine is what a line of curl in README.md asks for.
type curlLine struct {
	method, url, body string
	head              http.Header
	user, password    string
}

// What the shell blocks of README.md are made of.
var (
	shBlock   = regexp.MustCompile("(?s)```sh\n(.*?)```")
	shHere    = regexp.MustCompile(`(?ms)^cat > (\S+) <<'EOF'\n(.*?)^EOF\n`)
	shPrintf  = regexp.MustCompile(`(?m)^printf '([^']*)' > (\S+)\n`)
	shOctal   = regexp.MustCompile(`\\[0-7]{3}`)
	shWord    = regexp.MustCompile(`'[^']*'|"[^"]*"|[^\s'"]+`)
	curlKeyed = regexp.MustCompile(`(?m)^([a-z-]+) = "(.*)"$`)
)

// readCurl reads the lines of curl in README.md, in their order, with the
// contents of the files that the README makes.
func readCurl(t *testing.T) []curlLine {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	var list []curlLine
	for _, block := range shBlock.FindAllStringSubmatch(strings.ReplaceAll(string(text), "\r\n", "\n"), -1) {
		for _, m := range shHere.FindAllStringSubmatch(block[1], -1) {
			files[m[1]] = m[2]
		}
		sh := shHere.ReplaceAllString(block[1], "")
		for _, m := range shPrintf.FindAllStringSubmatch(sh, -1) {
			files[m[2]] = shOctal.ReplaceAllStringFunc(m[1], func(s string) string {
				n, err := strconv.ParseUint(s[1:], 8, 8)
				if err != nil {
					t.Fatal(err)
				}
				return string([]byte{byte(n)})
			})
		}
		for line := range strings.Lines(strings.ReplaceAll(sh, "\\\n", " ")) {
			line, _, _ = strings.Cut(line, " #")
			line, _, _ = strings.Cut(line, " > ")
			if args := shWord.FindAllString(line, -1); len(args) > 0 && args[0] == "curl" {
				list = append(list, readArgs(t, args[1:], files))
			}
		}
	}
	return list
}

func readArgs(t *testing.T, args []string, files map[string]string) curlLine {
	t.Helper()
	c := curlLine{head: http.Header{}}
	for i := 0; i < len(args); i++ {
		next := func() string { i++; return strings.Trim(args[i], `'"`) }
		switch args[i] {
		case "-K":
			for _, m := range curlKeyed.FindAllStringSubmatch(files[next()], -1) {
				if m[1] == "user" {
					c.user, c.password, _ = strings.Cut(m[2], ":")
				}
			}
		case "-H":
			key, value, _ := strings.Cut(next(), ": ")
			c.head.Set(key, value)
		case "-X":
			c.method = next()
		case "-d":
			c.body = next()
		case "--data-binary":
			c.body = files[strings.TrimPrefix(next(), "@")]
		case "-D", "-o":
			next()
		default:
			if c.url != "" || strings.HasPrefix(args[i], "-") {
				t.Fatalf("%q: what is %q?", args, args[i])
			}
			c.url = strings.Trim(args[i], `'"`)
		}
	}
	switch {
	case c.method != "":
	case c.body != "":
		c.method = "POST"
	default:
		c.method = "GET"
	}
	return c
}

// run sends what c asks for and returns the status, and the head with the body.
func (c curlLine) run(t *testing.T, s *Server) (status int, said string) {
	t.Helper()
	if path, ok := strings.CutPrefix(c.url, "http://127.0.0.1:8081"); ok {
		w := admin(s, c.method, path, c.body)
		return w.Code, w.Body.String()
	}
	q, err := http.NewRequest(c.method, c.url, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	q.Header = c.head.Clone()
	q.SetBasicAuth(c.user, c.password)
	a, err := newClient(t, s, "").http.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	a.Header.Write(&b)
	return a.StatusCode, b.String() + string(body)
}

func TestTheLinesOfTheReadmeDoWhatItSays(t *testing.T) {
	const zero = "\x00\x00\x00\x00"
	want := []struct {
		url  string // how it ends
		said []string
	}{
		{"autodiscover.xml", []string{"<ErrorCode>600</ErrorCode>"}},
		{"autodiscover.xml", []string{"<Action>settings</Action>", "https://ex1.contoso.test/mapi/emsmdb/?MailboxId=1d3b860d-c49b-467a-2e1c-a9aa2605693a@contoso.test", "/cn=45a629a6e63d19568772cb42997e0ee5-Ann"}},
		{"autodiscover.xml", []string{"<Action>settings</Action>", "https://ex1.contoso.test/mapi/emsmdb/?MailboxId="}},
		{"@contoso.test", []string{"X-Responsecode: 0\r\n", "MapiContext=", "MapiSequence=", "X-BackEndCookie=", "PROCESSING\r\n", "\nDONE\r\n", "\r\n\r\n" + zero + zero}},
		{"/", []string{`"path": "/mailboxes/USER/WORD"`, `"word": "prestage"`}},
		{"/ca.pem", []string{"BEGIN CERTIFICATE"}},
		{"/world", []string{`"name": "fabrikam.test"`, `"databases": [`}},
		{"/mailboxes?after=ann", []string{`"count": 2`, `"ben"`}},
		{"/mailboxes/ann", []string{`"guid": "1d3b860d-c49b-467a-2e1c-a9aa2605693a"`}},
		{"/mailboxes/ann/move", []string{"ann is on mx1/db1 in fabrikam.test"}},
		{"/mailboxes/ann/start", []string{"moving to ex2/db2 in contoso.test"}},
		{"/mailboxes/ann/lock", []string{"locked"}},
		{"/do", []string{"ok"}},
		{"/requests?since=3", []string{`"seq": 4`, `"said": "connected"`, `"request_type": "Connect"`}},
		{"/requests", []string{"ok"}},
		{"/faults", []string{`"said": "busy"`}},
		{"/faults", []string{`"name": "busy"`, `"acted": 0`, `"times": "always"`}},
		{"/faults/busy", []string{"ok"}},
	}
	s := Start(t, "acquisition")
	list := readCurl(t)
	if len(list) != len(want) {
		t.Fatalf("%d lines of curl, want %d", len(list), len(want))
	}
	for i, c := range list {
		status, got := c.run(t, s)
		if status != 200 || !strings.HasSuffix(c.url, want[i].url) {
			t.Errorf("%s %s: status %d, want 200 from …%s\n%s", c.method, c.url, status, want[i].url, got)
		}
		for _, said := range want[i].said {
			if !strings.Contains(got, said) {
				t.Errorf("%s %s: want %q in\n%q", c.method, c.url, said, got)
			}
		}
	}
}

func TestTheReadmeIsRightAboutTheRest(t *testing.T) {
	list := readCurl(t)
	byAddress, byLegacyDN, connect := list[1], list[2], list[3]

	moved := Start(t, "acquisition")
	do(t, moved, "move ann mx1")
	if _, got := byLegacyDN.run(t, moved); !strings.Contains(got, "<RedirectUrl>https://autodiscover.fabrikam.test/") {
		t.Errorf("by LegacyDN after the move:\n%s", got)
	}
	if _, got := connect.run(t, moved); !strings.Contains(got, "\r\n\r\n\x00\x00\x00\x00\xEB\x03\x00\x00") {
		t.Errorf("Connect after the move:\n%q", got)
	}
	get := list[0]
	get.password = "wrong"
	if status, _ := get.run(t, moved); status != 401 {
		t.Errorf("a GET before any sign-in: status %d, want 401", status)
	}
	noRequest := byAddress
	noRequest.body = "<html/>"
	if status, got := noRequest.run(t, moved); status != 200 || !strings.Contains(got, "<ErrorCode>600</ErrorCode>") {
		t.Errorf("a body that is no request: status %d\n%s", status, got)
	}
	home := Start(t, "acquisition")
	if _, got := byAddress.run(t, home); !strings.Contains(got, "mapiHttp") {
		t.Errorf("with X-MapiHttpCapability:\n%s", got)
	}
	byAddress.head.Del("X-MapiHttpCapability")
	if _, got := byAddress.run(t, home); strings.Contains(got, "mapiHttp") || !strings.Contains(got, "EXCH") || !strings.Contains(got, "EXPR") {
		t.Errorf("without it:\n%s", got)
	}
}
