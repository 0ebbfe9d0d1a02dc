package program

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/internal/trust"
)

func consent(domain, host string, given time.Time) trust.Consent {
	return trust.Consent{MailDomain: domain, Host: host, Given: given}
}

var monday = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

func kept(t *testing.T, c *consents) []trust.Consent {
	t.Helper()
	rules, err := c.Rules(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return rules.Consents
}

func TestConsentsOutliveTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "consents.json")
	c := &consents{path: path, trusted: []string{"*.fabrikam.test"}}
	if got := kept(t, c); len(got) != 0 {
		t.Errorf("at first there are %v", got)
	}
	until := monday.AddDate(0, 1, 0)
	first, second := consent("contoso.test", "mx1.fabrikam.test", monday), consent("contoso.test", "mx2.fabrikam.test", monday)
	second.Expires = until
	for _, one := range []trust.Consent{first, second} {
		if err := c.Allow(t.Context(), one); err != nil {
			t.Fatal(err)
		}
	}
	again := &consents{path: path, trusted: c.trusted}
	if diff := cmp.Diff([]trust.Consent{first, second}, kept(t, again)); diff != "" {
		t.Error(diff)
	}
	rules, err := again.Rules(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"*.fabrikam.test"}, rules.Trusted); diff != "" {
		t.Error(diff)
	}
	if rules.Now.IsZero() {
		t.Error("the rules know no time: no consent would ever expire")
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("others may read it: %v", mode)
	}
}

func TestAnExpiredConsentIsKeptAndDoesNotCount(t *testing.T) {
	c := &consents{path: filepath.Join(t.TempDir(), "consents.json")}
	over, holds := consent("contoso.test", "mx1.fabrikam.test", monday), consent("contoso.test", "mx2.fabrikam.test", monday)
	over.Expires, holds.Expires = monday.AddDate(0, 0, 1), time.Now().AddDate(1, 0, 0).UTC().Truncate(time.Second)
	for _, one := range []trust.Consent{over, holds} {
		if err := c.Allow(t.Context(), one); err != nil {
			t.Fatal(err)
		}
	}
	rules, err := c.Rules(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]trust.Consent{over, holds}, rules.Consents); diff != "" {
		t.Error(diff)
	}
	for host, want := range map[string]trust.Verdict{"mx1.fabrikam.test:443": trust.Ask, "mx2.fabrikam.test:443": trust.Allow} {
		if got, why := rules.Judge(trust.Hop{MailDomain: "contoso.test", To: host, How: trust.FromSRV}); got != want {
			t.Errorf("%s: %v (%s), want %v", host, got, why, want)
		}
	}
}

func TestConsentForTheSameHostIsRenewed(t *testing.T) {
	c := &consents{path: filepath.Join(t.TempDir(), "consents.json")}
	later := monday.AddDate(0, 0, 7)
	for _, one := range []trust.Consent{
		consent("contoso.test", "mx1.fabrikam.test", monday),
		consent("tailspin.test", "mx1.fabrikam.test", monday),
		consent("Contoso.test", "MX1.fabrikam.test", later),
	} {
		if err := c.Allow(t.Context(), one); err != nil {
			t.Fatal(err)
		}
	}
	want := []trust.Consent{consent("tailspin.test", "mx1.fabrikam.test", monday), consent("Contoso.test", "MX1.fabrikam.test", later)}
	if diff := cmp.Diff(want, kept(t, c)); diff != "" {
		t.Error(diff)
	}
}

func TestAConsentOfAPortIsAnother(t *testing.T) {
	c := &consents{path: filepath.Join(t.TempDir(), "consents.json")}
	plain, other := consent("contoso.test", "mx1.fabrikam.test", monday), consent("contoso.test", "mx1.fabrikam.test:8443", monday)
	for _, one := range []trust.Consent{plain, other} {
		if err := c.Allow(t.Context(), one); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]trust.Consent{plain, other}, kept(t, c)); diff != "" {
		t.Error(diff)
	}
	if err := c.Revoke(t.Context(), "contoso.test", "mx1.fabrikam.test:443"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]trust.Consent{other}, kept(t, c)); diff != "" {
		t.Errorf("port 443 is the one that is not written: %s", diff)
	}
}

func TestConsentIsTakenBack(t *testing.T) {
	c := &consents{path: filepath.Join(t.TempDir(), "consents.json")}
	for _, domain := range []string{"contoso.test", "tailspin.test"} {
		if err := c.Allow(t.Context(), consent(domain, "mx1.fabrikam.test", monday)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Revoke(t.Context(), "CONTOSO.test", "Mx1.fabrikam.test"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]trust.Consent{consent("tailspin.test", "mx1.fabrikam.test", monday)}, kept(t, c)); diff != "" {
		t.Error(diff)
	}
	if err := c.Revoke(t.Context(), "contoso.test", "mx1.fabrikam.test"); err == nil || !strings.Contains(err.Error(), "was not allowed for contoso.test") {
		t.Errorf("taking it back twice: %v", err)
	}
}

func TestWhatCanNeverBeTrustedIsNotKept(t *testing.T) {
	c := &consents{path: filepath.Join(t.TempDir(), "consents.json")}
	for _, host := range []string{"10.9.8.7", "10.9.8.7:8443", "mx1", "mx1:8443", "co.uk", "github.io", "mx1.fabrikam.test:0", ""} {
		if err := c.Allow(t.Context(), consent("contoso.test", host, monday)); err == nil {
			t.Errorf("%q was allowed", host)
		}
	}
	if _, err := os.Stat(c.path); !os.IsNotExist(err) {
		t.Errorf("something was written: %v", err)
	}
}

func TestConsentsThatCannotBeReadTrustNobodyAndStay(t *testing.T) {
	for _, tc := range []struct {
		name, text, want string
	}{
		{"cut short", `{"version": 1, "consents": [{"mail_domain": "contoso.test"`, "cannot be read"},
		{"empty", "", "cannot be read"},
		{"written by a newer homing", `{"version": 2, "consents": [{"mail_domain": "contoso.test", "host": "mx1.fabrikam.test"}]}`, "is of version 2, written by a newer homing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := &consents{path: filepath.Join(t.TempDir(), "consents.json")}
			if err := os.WriteFile(c.path, []byte(tc.text), 0o600); err != nil {
				t.Fatal(err)
			}
			rules, err := c.Rules(t.Context())
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), c.path) {
				t.Errorf("Rules: %v, want %q and the path", err, tc.want)
			}
			if len(rules.Consents) > 0 {
				t.Errorf("Rules trust %v", rules.Consents)
			}
			if err := c.Allow(t.Context(), consent("contoso.test", "mx1.fabrikam.test", monday)); err == nil {
				t.Error("Allow wrote over it")
			}
			if err := c.Revoke(t.Context(), "contoso.test", "mx1.fabrikam.test"); err == nil {
				t.Error("Revoke wrote over it")
			}
			if got, err := os.ReadFile(c.path); err != nil || string(got) != tc.text {
				t.Errorf("the file is now %q (%v)", got, err)
			}
		})
	}
}

func TestConsentsThatCannotBeWrittenStay(t *testing.T) {
	dir := t.TempDir()
	c := &consents{path: filepath.Join(dir, "state", "consents.json")}
	if err := c.Allow(t.Context(), consent("contoso.test", "mx1.fabrikam.test", monday)); err != nil {
		t.Fatal(err)
	}
	// A directory in its place can be read by nobody and replaced by no file.
	if err := os.Mkdir(filepath.Join(dir, "state", "target"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Replace(filepath.Join(dir, "state", "target"), []byte("new")); err == nil {
		t.Error("Replace reports no failure")
	}
	entries, err := os.ReadDir(filepath.Join(dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".tmp-") {
			t.Errorf("%s was left behind", e.Name())
		}
	}
	if diff := cmp.Diff([]trust.Consent{consent("contoso.test", "mx1.fabrikam.test", monday)}, kept(t, c)); diff != "" {
		t.Error(diff)
	}
}

// A crash between two steps of Replace leaves what a reader of the old name
// sees at each of them: this watches the name while it is replaced.
func TestReplaceNeverShowsHalfAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "consents.json")
	old, new := strings.Repeat("old ", 50_000), strings.Repeat("new ", 50_000)
	if err := Replace(path, []byte(old)); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			got, err := os.ReadFile(path)
			if err != nil || string(got) != old && string(got) != new {
				t.Errorf("read %d bytes (%v), neither the old file nor the new one", len(got), err)
				return
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	for i := range 20 {
		text := old
		if i%2 == 0 {
			text = new
		}
		if err := Replace(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	reading.Wait()
}

func TestManyConsentsAtOnce(t *testing.T) {
	c := &consents{path: filepath.Join(t.TempDir(), "consents.json")}
	hosts := []string{"a.fabrikam.test", "b.fabrikam.test", "c.fabrikam.test", "d.fabrikam.test", "e.fabrikam.test"}
	var all sync.WaitGroup
	for _, host := range hosts {
		all.Go(func() {
			if err := c.Allow(t.Context(), consent("contoso.test", host, monday)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := kept(t, c); len(got) != len(hosts) {
		t.Errorf("%d of %d were kept: %v", len(got), len(hosts), got)
	}
}
