package mockserver

import (
	"net/http"
	"testing"
)

const accountWorld = `
name = "accounts"
password = "autumn-leaf-7"
[[forest]]
name = "contoso.test"
[[forest.server]]
name = "ex1"
[[forest]]
name = "fabrikam.test"
[[forest.server]]
name = "mx1"
[[mailbox]]
user = "ann"
address = "ann.lee@contoso.test"
server = "ex1"
[[mailbox]]
user = "ben"
server = "ex1"
[[mailbox.account]]
forest = "contoso.test"
user = "b.berg@contoso.test"
password = "first-1"
[[mailbox.account]]
forest = "fabrikam.test"
password = "second-2"
token = "opaque-token-3"
[[mailbox]]
user = "cat"
server = "ex1"
[[mailbox.account]]
forest = "contoso.test"
`

func TestAccounts(t *testing.T) {
	const first, second = "autodiscover.contoso.test", "autodiscover.fabrikam.test"
	tests := []struct {
		name, script, host, user, password string
		want                               int // HTTP status: 200 is signed in
	}{
		{"by address", "", first, "ann.lee@contoso.test", "autumn-leaf-7", 200},
		{"by user@forest", "", first, "ann@contoso.test", "autumn-leaf-7", 200},
		{"in capitals", "", first, "ANN@CONTOSO.TEST", "autumn-leaf-7", 200},
		{"by DOMAIN and user", "", first, `CONTOSO\ann`, "autumn-leaf-7", 200},
		{"in the other forest by the same address", "", second, "ann.lee@contoso.test", "autumn-leaf-7", 200},
		{"in the other forest by its own name", "", second, "ann@fabrikam.test", "autumn-leaf-7", 200},
		{"by the name of the other forest", "", second, "ann@contoso.test", "autumn-leaf-7", 401},
		{"a password in capitals", "", first, "ann@contoso.test", "AUTUMN-LEAF-7", 401},
		{"no password", "", first, "ann@contoso.test", "", 401},
		{"the default password of other worlds", "", first, "ann@contoso.test", DefaultPassword, 401},
		{"nobody", "", first, "nobody@contoso.test", "autumn-leaf-7", 401},
		{"a name of its own", "", first, "b.berg@contoso.test", "first-1", 200},
		{"then not by user@forest", "", first, "ben@contoso.test", "first-1", 401},
		{"then not with the default password", "", first, "b.berg@contoso.test", "autumn-leaf-7", 401},
		{"a password of its own", "", second, "ben@fabrikam.test", "second-2", 200},
		{"not with that of the other forest", "", second, "ben@fabrikam.test", "first-1", 401},
		{"one forest only", "", first, "cat@contoso.test", "autumn-leaf-7", 200},
		{"not in the other", "", second, "cat@fabrikam.test", "autumn-leaf-7", 401},
		{"disabled", "disable ann contoso.test", first, "ann@contoso.test", "autumn-leaf-7", 401},
		{"disabled in the other forest", "disable ann fabrikam.test", first, "ann@contoso.test", "autumn-leaf-7", 200},
		{"enabled again", "disable ann contoso.test\nenable ann contoso.test", first, "ann@contoso.test", "autumn-leaf-7", 200},
		{"a new password", "password ann contoso.test with two spaces  inside", first, "ann@contoso.test", "with two spaces  inside", 200},
		{"the one before", "password ann contoso.test new-9", first, "ann@contoso.test", "autumn-leaf-7", 401},
		{"a new password of an own account", "password ben contoso.test new-9", first, "b.berg@contoso.test", "new-9", 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, accountWorld)
			do(t, s, lines(tt.script)...)
			c := newClient(t, s, tt.user)
			c.password = tt.password
			if d := c.post("https://"+tt.host+autodiscoverPath, "", nil); d.Status != tt.want {
				t.Errorf("status %d, want %d", d.Status, tt.want)
			}
		})
	}
}

func TestTokens(t *testing.T) {
	s := Start(t, accountWorld)
	c := newClient(t, s, "")
	bearer := func(host, token string) *pox {
		return c.post("https://"+host+autodiscoverPath, "", map[string]string{"Authorization": "Bearer " + token})
	}
	if d := bearer("autodiscover.fabrikam.test", "opaque-token-3"); d.Status != 200 {
		t.Errorf("a good token: %d", d.Status)
	}
	d := bearer("autodiscover.fabrikam.test", "another")
	if d.Status != 401 || len(d.Head.Values("WWW-Authenticate")) != 2 {
		t.Errorf("another token: %d %v", d.Status, d.Head)
	}
	d = bearer("autodiscover.contoso.test", "opaque-token-3")
	if d.Status != 401 || len(d.Head.Values("WWW-Authenticate")) != 1 {
		t.Errorf("in the other forest: %d %v", d.Status, d.Head)
	}
	do(t, s, "disable ben fabrikam.test")
	if d := bearer("autodiscover.fabrikam.test", "opaque-token-3"); d.Status != http.StatusUnauthorized {
		t.Errorf("disabled: %d", d.Status)
	}
}
