package logonclient

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/homing-mail/homing/internal/httpauth"
	"github.com/homing-mail/homing/internal/trust"
)

const (
	defaultTimeout = time.Minute
	maxPage        = 64 << 10 // of an answer that is no MAPI

	// clientApplication is the X-ClientApplication of every request. Servers
	// demand it and compare it with the versions that they block; this one is
	// known to pass Exchange SE 15.02.2562.
	clientApplication = "Outlook/15.00.0847.4040"
)

// line is the one connection of a dialogue and the sign-in on it.
type line struct {
	base      *http.Transport
	auth      *httpauth.Transport
	presented *presented // nil: there are no logins

	// Of the last request:
	sent   bool // all of it went out: the server may have acted on it
	unsent bool // it failed on its connection before that

	credentials []string // of the last Authorization header, as sent and as meant, to keep them out of what we show
}

func (c *Client) newLine(access Access) *line {
	l := &line{base: c.Network.Transport()}
	if access.Logins != nil {
		l.presented = &presented{Logins: access.Logins}
		access.Logins = l.presented
	}
	l.auth = &httpauth.Transport{Base: l, Access: access, Challenges: c.Challenges}
	return l
}

func (l *line) close() { l.base.CloseIdleConnections() }

// presented remembers whose login was taken, for the error that tells of its
// refusal.
type presented struct {
	trust.Logins
	user    string
	took    bool // the host has let it in: one more 401 may mean another token, another back end
	refused bool
	silent  bool    // a refusal is kept from the logins
	client  *Client // which remembers it instead
}

func (p *presented) Login(ctx context.Context, host string) (trust.Login, error) {
	login, err := p.Logins.Login(ctx, host)
	if err != nil {
		return login, err
	}
	if p.silent && p.client.keeps(host, login.Secret) {
		return trust.Login{}, &trust.NoLoginError{Host: host, Realm: login.Realm, User: login.User, Refused: true}
	}
	p.user = login.User
	return login, nil
}

func (p *presented) Refused(host string, login trust.Login) {
	if p.took { // in mid-session: signed in anew before it counts
		p.took = false
		return
	}
	p.refused = true
	if p.silent {
		p.client.keep(host, login.Secret)
	} else {
		p.Logins.Refused(host, login)
	}
}

// post sends one request and returns the head of the answer. A request that
// failed on its connection before it was sent is sent once more on a new one,
// as [MS-OXCMAPIHTTP] 3.1.7 allows: the server has not seen it. So is one that
// met a 401 which refused no sign-in: the host has changed what it offers, or
// has let it in before.
func (l *line) post(ctx context.Context, url string, header http.Header, body []byte) (*http.Response, error) {
	for again := false; ; again = true {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		req.Header = header
		l.sent, l.unsent = false, false
		res, err := l.auth.RoundTrip(req)
		switch {
		case again || ctx.Err() != nil:
			return l.answered(res), err
		case err != nil && l.unsent:
			l.close()
		case err == nil && res.StatusCode == http.StatusUnauthorized && l.presented != nil && l.presented.user != "" && !l.presented.refused:
			page(res.Body)
			res.Body.Close()
		default:
			return l.answered(res), err
		}
	}
}

// answered notes whether the host has let the sign-in in.
func (l *line) answered(res *http.Response) *http.Response {
	if res != nil && res.StatusCode == http.StatusOK && l.presented != nil {
		l.presented.took = l.presented.user != ""
	}
	return res
}

// RoundTrip serves l.auth, which asks a host without our headers first. It
// notes how far our own request came.
func (l *line) RoundTrip(req *http.Request) (*http.Response, error) {
	_, ours := req.Header["X-RequestType"]
	l.credentials = httpauth.Credentials(req)
	var connected, wrote atomic.Bool
	res, err := l.base.RoundTrip(req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GotConn:      func(httptrace.GotConnInfo) { connected.Store(true) },
		WroteRequest: func(info httptrace.WroteRequestInfo) { wrote.Store(info.Err == nil) },
	})))
	l.sent = ours && wrote.Load()
	l.unsent = err != nil && connected.Load() && !l.sent
	return res, err
}
