package mockserver

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"
)

// noteCredentials puts into the record that credentials came and whose they
// claim to be.
func (x *exchange) noteCredentials() {
	x.Cookie = x.r.Header.Get("Cookie") != ""
	scheme, _, _ := strings.Cut(x.r.Header.Get("Authorization"), " ")
	if scheme == "" {
		return
	}
	x.Signed, x.Scheme = true, cut(strings.ToLower(scheme), 16)
	if user, _, ok := x.r.BasicAuth(); ok {
		x.User = cut(user, 256)
	}
}

// signIn finds whose credentials came with the request, at the forest f; nil:
// nobody's. s.mu is held.
func (s *Server) signIn(x *exchange, f *forest) *mailbox {
	switch {
	case x.Scheme == "basic" && f.flavour.basic:
		if user, password, ok := x.r.BasicAuth(); ok {
			return s.dir.account(f, strings.ToLower(user), password)
		}
	case x.Scheme == "bearer":
		_, token, _ := strings.Cut(x.r.Header.Get("Authorization"), " ")
		m := f.bearer(strings.TrimSpace(token))
		if m != nil {
			x.User = m.user
		}
		return m
	}
	return nil
}

// account finds who signs in to f with name, in lower case, and password. A name
// may come as DOMAIN\name. Someone without accounts in the world file has one in
// every forest, under the address and under user@forest.
func (d *directory) account(f *forest, name, password string) *mailbox {
	if _, after, ok := strings.Cut(name, `\`); ok {
		name = after
		if !strings.Contains(name, "@") {
			name += "@" + f.Name
		}
	}
	m := d.named(f, name)
	if m == nil || m.past != nil && m.past.disabled[f] {
		return nil
	}
	want := d.password
	if a := m.account(f); a != nil {
		if !strings.EqualFold(a.User, name) {
			return nil
		}
		want = a.Password
	} else if m.hasAccounts() {
		return nil
	}
	if m.past != nil && m.past.password[f] != "" {
		want = m.past.password[f]
	}
	if subtle.ConstantTimeCompare([]byte(password), []byte(want)) != 1 {
		return nil
	}
	return m
}

// bearer finds whose token it is.
func (f *forest) bearer(token string) *mailbox {
	m := f.tokens[token]
	if m == nil || m.past != nil && m.past.disabled[f] {
		return nil
	}
	return m
}

func (m *mailbox) hasAccounts() bool { return m.spec != nil && len(m.spec.Accounts) > 0 }

// account returns the account that the world file gives m in f, or nil.
func (m *mailbox) account(f *forest) *Account {
	if m.spec == nil {
		return nil
	}
	for i := range m.spec.Accounts {
		if m.spec.Accounts[i].Forest == f.Name {
			return &m.spec.Accounts[i]
		}
	}
	return nil
}

const headChallenge = "WWW-Authenticate"

// challenge answers 401 with an empty body, except for Gromox.
func (x *exchange) challenge(f *forest) {
	h := x.w.Header()
	if f.flavour.basic {
		parameters := f.flavour.basicRealm
		if parameters == "" {
			parameters = `realm="` + x.Host + `"`
		}
		h[headChallenge] = append(h[headChallenge], "Basic "+parameters)
	}
	switch {
	case f.flavour.bearer != "":
		h[headChallenge] = append(h[headChallenge], "Bearer "+fmt.Sprintf(f.flavour.bearer, f.Name))
	case f.tokens != nil:
		h[headChallenge] = append(h[headChallenge], "Bearer")
	}
	if f.flavour.gromoxFrame {
		h["Content-Type"] = []string{"text/plain; charset=utf-8"}
		h["Connection"], h["Keep-Alive"] = []string{"keep-alive"}, []string{"timeout=180"}
		x.send(x.answer(http.StatusUnauthorized, "401", []byte("Unauthorized\r\n")))
		return
	}
	x.refuse(http.StatusUnauthorized, "401")
}
