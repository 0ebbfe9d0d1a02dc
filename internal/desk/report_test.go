package desk

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/profile"
)

// What must not stand in a report, in small letters.
var (
	planted = []string{"zwilling", "annegret", "quastenflosser", "bertolt"}
	secrets = []string{"hunter2", "zhvudgvymg", "s3cr3t", "c00kie", "t0k3n"} // the second is a base64 form of the first
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// full is a report that names people and holds secrets wherever it can.
func full() *Report {
	const dn = "/o=Contoso/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn=Annegret Zwilling"
	of := profile.Profile{
		ID: "0123456789abcdef", Label: "Brief von Annegret", Address: "annegret.zwilling@contoso.test", Generation: 2, Proven: true, Saved: noon,
		Endpoint: profile.Endpoint{
			MAPI:         &profile.MAPI{MailStore: "https://ex2.contoso.test/mapi/emsmdb/?MailboxId=annegret@contoso.test", LegacyDN: dn},
			Autodiscover: "https://annegret:hunter2@autodiscover.contoso.test/autodiscover/autodiscover.xml?token=hunter2",
			Routing:      "zwilling@fabrikam.test",
		},
		Logins:   []profile.LoginRef{{Realm: "*.contoso.test", User: `CONTOSO\bertolt`, Weakest: "basic", Secret: "file:/home/annegret/hunter2"}},
		Identity: profile.Identity{DisplayName: "Annegret Zwilling", ServerVersion: "Exchange/15.02"},
	}
	before := of
	before.Generation, before.Logins = 1, []profile.LoginRef{{User: "quastenflosser"}}
	return &Report{
		Version: "v1.2.3", Time: noon, Home: "/home/quastenflosser", Names: []string{"quastenflosser"},
		System: []Fact{{"display", "/home/quastenflosser/.Xauthority of Quastenflosser"}},
		Files:  []Fact{{"state", "/home/quastenflosser/.local/state/homing"}, {"other", `C:\Users\Annegret Zwilling\AppData`}, {"another", "/Users/bertolt/x"}},
		Config: []program.Value{
			{Key: "on_change", Value: []any{"/home/quastenflosser/bin/notify", "--password", "hunter2"}, Origin: "/home/quastenflosser/.config/homing/config.toml"},
			{Key: "secrets.commands", Value: map[string]any{"vault": []any{"sh", "-c", "echo hunter2"}, "none": []any{}}, Origin: "default"},
			{Key: "discovery.bind_secret", Value: "hunter2", Origin: "default"},
			{Key: "discovery.bind_name", Value: "CN=Annegret Zwilling,OU=Staff", Origin: "default"},
			{Key: "secrets.directory", Value: "/home/quastenflosser/secrets", Origin: "default"},
		},
		ConfigErr:   errors.New("/home/quastenflosser/.config/homing/config.toml:1:1: unknown key annegret"),
		Secrets:     "files in /home/quastenflosser/secrets",
		Consents:    []trust.Consent{{MailDomain: "contoso.test", Host: "mx1.fabrikam.test", Given: noon}},
		ConsentsErr: errors.New("/home/quastenflosser/consents.json cannot be read"),
		StatusErr:   errors.New("annegret@contoso.test\nzwilling"),
		Status: &agent.Status{Mailboxes: []agent.Mailbox{{
			ID: "0123456789abcdef", Label: "Annegret", Address: "annegret.zwilling@contoso.test", State: agent.NeedsYou, Server: "ex2.contoso.test",
			Needs:   &agent.Need{Kind: agent.NeedSignIn, Host: "ex2.contoso.test", User: `CONTOSO\bertolt`, Why: "bertolt was refused"},
			Problem: &agent.Problem{Outcome: agent.Unauthorized, Text: dn + " is refused at https://bertolt:hunter2@ex2.contoso.test/?p=hunter2"},
			Journey: []agent.Leg{
				{Time: noon, Step: "discover", Host: "autodiscover.contoso.test", Outcome: agent.Found, Said: "RedirectAddr annegret@fabrikam.test", Failed: true,
					Wire: []string{"POST https://zwilling@autodiscover.contoso.test/x?annegret", "Authorization: Basic aHVudGVyMg==", "EMailAddress: annegret.zwilling@contoso.test"}},
				{Time: noon, Step: "logon", Host: "ex2.contoso.test", Said: "sent Authorization: Basic YW5uOmh1bnRlcjI= for annegret"},
				{Time: noon, Step: "logon", Host: "ex2.contoso.test", Said: "refused basic YW5uZWdyZXQ6aHVudGVyMg=="},
			},
		}}},
		Profiles: []Kept{{Profile: of, Err: errors.New("of Zwilling"), History: []profile.Generation{{
			Profile: before,
			Reason:  profile.Reason{Text: "annegret moved", Hops: []profile.Hop{{Host: "ex1.contoso.test", Step: "logon", Said: "ecWrongServer of " + dn}}},
			Changes: []profile.Change{{Field: "mailbox url", Old: "", New: "https://ex2.contoso.test/mapi/?MailboxId=annegret@contoso.test"}, {Field: "legacy dn", Old: dn, New: strings.ToLower(dn)}},
		}}}},
		ProfileErr: errors.New("/home/annegret/profiles/x is damaged"),
		LogErr:     errors.New("open /home/quastenflosser/log"),
		Log: []string{
			`level=INFO msg="moved" address=annegret.zwilling@contoso.test user=bertolt`,
			`level=INFO msg="moved" address=annegret.zwilling%40contoso.test`,
			`level=DEBUG msg=sent header="Authorization: Bearer s3cr3t.S3CR3T"`,
			`level=DEBUG msg=sent header="Cookie: a=c00kie; b=c00kie"`,
			`level=DEBUG msg=sent auth="Bearer t0k3n-T0K3N"`,
			`level=DEBUG msg=form password=hunter2 token="s3cr3t and more s3cr3t"`,
			`level=DEBUG msg=json body={"password": "s3cr3t", "access_token": "t0k3n"}`,
			`level=ERROR msg="C:\\Users\\Annegret Zwilling\\x and CONTOSO\\zwilling"`,
			`level=ERROR err="` + dn + ` and /o=Fabrikam/cn=Recipients/cn=zwilling"`,
			"a line of \x1b[31mAnnegret\x1b[0m",
		},
	}
}

// among are those of words that stand in text.
func among(words []string, text string) (found []string) {
	text = strings.ToLower(text)
	for _, word := range words {
		if strings.Contains(text, word) {
			found = append(found, word)
		}
	}
	return found
}

func TestAReportNamesNobodyAndHoldsNoSecret(t *testing.T) {
	var out bytes.Buffer
	n, err := full().WriteTo(&out)
	if err != nil || n != int64(out.Len()) {
		t.Errorf("%d of %d bytes, %v", n, out.Len(), err)
	}
	for _, l := range strings.Split(out.String(), "\n") {
		if found := among(slices.Concat(planted, secrets), l); len(found) > 0 {
			t.Errorf("it tells %q: %s", found, l)
		}
		if strings.ContainsFunc(l, func(r rune) bool { return r < ' ' }) {
			t.Errorf("a line has control characters: %q", l)
		}
	}
	if !strings.HasPrefix(out.String(), "Report of Homing, 2026-03-02 12:00:00 UTC\n\nOf mail addresses, user names") {
		t.Errorf("its head does not say what is left out:\n%.300s", out.String())
	}
}

// The same search finds each of them where nothing is redacted.
func TestAReportThatIsNotRedactedTellsAll(t *testing.T) {
	var out bytes.Buffer
	if _, err := full().write(&out, &redactor{open: true}); err != nil {
		t.Fatal(err)
	}
	words := slices.DeleteFunc(slices.Concat(planted, secrets), func(s string) bool { return s == "zhvudgvymg" })
	if found := among(words, out.String()); len(found) != len(words) {
		t.Errorf("found only %q of %q", found, words)
	}
	if found := among([]string{"0z", "yw5uomh1bnrlcji="}, out.String()); len(found) != 1 {
		t.Errorf("found only %q", found)
	}
}

// What a help desk needs is still there.
func TestAReportIsOfUse(t *testing.T) {
	var out bytes.Buffer
	if _, err := full().WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"v1.2.3", "~/.local/state/homing", "a…@contoso.test", "needs you since never", "unauthorized, 0 times",
		"ex2.contoso.test", "RedirectAddr a…@fabrikam.test (found, failed)\n    POST https://…@autodiscover.contoso.test/x?…\n    Authorization: …\n    EMailAddress: a…@contoso.test\n", "/cn=Recipients/cn=A…",
		"[notify and 2 arguments]", "vault = [sh and 2 arguments]", "https://ex2.contoso.test/mapi/emsmdb/?…",
		`CONTOSO\b…`, "mx1.fabrikam.test        for contoso.test, since 2026-03-02 12:00:00 UTC", "secret in: file",
		"generation 1", "ecWrongServer", `level=INFO msg="moved" address=a…@contoso.test`, `C:\\Users\\A…`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q", want)
		}
	}
	if t.Failed() {
		t.Log(out.String())
	}
}

func TestATextIsRedacted(t *testing.T) {
	r := newRedactor(`C:\Users\ann`, []string{"ann.lee@contoso.test", `CONTOSO\svc-mail`, "root", ""})
	for _, tc := range []struct{ name, in, want string }{
		{"nothing to hide", "ex1.contoso.test said ecWrongServer", "ex1.contoso.test said ecWrongServer"},
		{"an address", "of ben@contoso.test, now", "of b…@contoso.test, now"},
		{"an address in brackets", "<ben@contoso.test>", "<b…@contoso.test>"},
		{"an address in a path", "https://ex1.contoso.test/ben@contoso.test/x", "https://ex1.contoso.test/b…@contoso.test/x"},
		{"an address that is escaped", "ben%40contoso.test", "b…%40contoso.test"},
		{"an address at an address", "ben@[192.0.2.1]", "b…@[192.0.2.1]"},
		{"letters of other scripts", "ängström@contoso.test", "ä…@contoso.test"},
		{"a name that is known, in other letters", "ANN.LEE has logged on", "A… has logged on"},
		{"a part of it", "Lee's mailbox", "L…'s mailbox"},
		{"letters of it within a word", "sleeping", "sleeping"},
		{"all of a long one within a word", "xsvc-mails", "xs…s"},
		{"another account of the domain", `CONTOSO\ben is refused`, `CONTOSO\b… is refused`},
		{"a known account without its domain", "svc-mail is refused", "s… is refused"},
		{"an account that is nobody's", "root may", "root may"},
		{"the home directory", `C:\Users\ann\AppData\Local\homing`, `~\AppData\Local\homing`},
		{"the home directory, quoted", `"C:\\Users\\ann\\AppData"`, `"~\\AppData"`},
		{"somebody else's", `C:\Users\ben\x`, `C:\Users\b…\x`},
		{"somebody else's on Linux", "/home/ben/x", "/home/b…/x"},
		{"a name of the directory", "CN=Ben Ray,OU=Staff,DC=contoso", "CN=B…,OU=Staff,DC=contoso"},
		{"a LegacyDN", "/o=Contoso/ou=x/cn=Recipients/cn=ben said", "/o=Contoso/ou=x/cn=Recipients/cn=b… said"},
		{"the name of a server", "/o=Contoso/ou=x/cn=Configuration/cn=Servers/cn=ex2", "/o=Contoso/ou=x/cn=Configuration/cn=Servers/cn=ex2"},
		{"the database of a server", "/cn=Servers/cn=ex2/cn=Microsoft Private MDB", "/cn=Servers/cn=ex2/cn=Microsoft Private MDB"},
		{"a query", "POST https://ex1.contoso.test/mapi/?MailboxId=x&y=z HTTP", "POST https://ex1.contoso.test/mapi/?… HTTP"},
		{"a sign-in in a URL", "https://ben:pw@ex1.contoso.test/", "https://…@ex1.contoso.test/"},
		{"a header", "Authorization: Negotiate YII, and more", "Authorization: …"},
		{"a scheme that is only named", "it wants Basic and bearer tokens", "it wants Basic and bearer tokens"},
		{"a password", `password="a b" then`, "password=… then"},
		{"lines", "a\nb\tc", "a b c"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := r.text(tc.in); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
			if got := r.text(r.text(tc.in)); got != tc.want {
				t.Errorf("once more it is %q", got)
			}
		})
	}
}

func FuzzNobodyWhoIsKnownIsNamed(f *testing.F) {
	f.Add("user=", " is refused")
	f.Add("/o=Contoso/cn=Recipients/cn=", "@contoso.test")
	f.Add(`C:\Users\`, `\x`)
	f.Add("\x1b[31m", "\u202e")
	f.Add("https://", ":hunter2@ex1.contoso.test/?q")
	f.Add("Basic ", "=")
	r := newRedactor("/home/ann", []string{"Annegret"})
	f.Fuzz(func(t *testing.T, before, after string) {
		for _, got := range []string{r.text(before + "annegret" + after), r.text(before + "ANNEGRET" + after)} {
			if strings.Contains(strings.ToLower(got), "annegret") {
				t.Errorf("%q", got)
			}
		}
	})
}

func TestTheLogKeepsTheLatestLines(t *testing.T) {
	path := LogPath(filepath.Join(t.TempDir(), "state"))
	if lines, err := LastLines(path, 3); err != nil || len(lines) != 0 {
		t.Errorf("without a log: %q, %v", lines, err)
	}
	l, err := OpenLog(path)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 1000) + "\n"
	for _, text := range slices.Concat(slices.Repeat([]string{long}, 600), []string{"one\n", "two\nthree\n"}) {
		if n, err := l.Write([]byte(text)); err != nil || n != len(text) {
			t.Fatalf("%d bytes of %d, %v", n, len(text), err)
		}
	}
	if lines, err := LastLines(path, 3); err != nil || !slices.Equal(lines, []string{"one", "two", "three"}) {
		t.Errorf("the last lines are %q, %v", lines, err)
	}
	if lines, err := LastLines(path, 300); err != nil || len(lines) != 300 {
		t.Errorf("with those of the file before it: %d, %v", len(lines), err)
	}
	var size int64
	for _, path := range []string{path, path + ".old"} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
		if mode := info.Mode().Perm(); mode&0o077 != 0 && os.PathSeparator == '/' {
			t.Errorf("others may read %s: %v", path, mode)
		}
	}
	if size > 2*maxLog {
		t.Errorf("it takes %d bytes", size)
	}
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Error(err)
	}
	if _, err := l.Write([]byte("late\n")); err == nil {
		t.Error("it is written after Close")
	}
}
