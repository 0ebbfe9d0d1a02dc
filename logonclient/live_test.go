//go:build live

package logonclient_test

import (
	"cmp"
	"crypto/x509"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
)

// TestLive logs on to a real server:
//
//	HOMING_TEST_SERVER         its mailbox URL, https://…/mapi/emsmdb/?MailboxId=…
//	HOMING_TEST_USER           the user name
//	HOMING_TEST_PASSWORD_FILE  a file with the password
//	HOMING_TEST_DN             the LegacyDN of the mailbox
//	HOMING_TEST_CA_FILE        a PEM file of its authority; absent: the system's
func TestLive(t *testing.T) {
	server := os.Getenv("HOMING_TEST_SERVER")
	u, err := url.Parse(server)
	if err != nil || server == "" {
		t.Fatalf("HOMING_TEST_SERVER is %q: %v", server, err)
	}
	password, err := os.ReadFile(os.Getenv("HOMING_TEST_PASSWORD_FILE"))
	if err != nil {
		t.Fatal(err)
	}
	user := os.Getenv("HOMING_TEST_USER")
	target := logonclient.Target{MailStore: server, LegacyDN: os.Getenv("HOMING_TEST_DN"), Access: logonclient.Access{
		Rules:  trust.Rules{Trusted: []string{u.Host}},
		Hop:    logonclient.Hop{MailDomain: u.Hostname(), To: trust.HostPort(u), How: trust.FromConfiguration},
		Logins: &logins{login: trust.Login{User: user, Secret: trust.NewSecret(strings.TrimRight(string(password), "\r\n"))}},
	}}
	c := &logonclient.Client{Network: liveNetwork(t), Seen: func(x logonclient.Exchange) {
		t.Logf("%s at %s: HTTP %d, X-ResponseCode %d, %08X %08X %08X, %v %s", x.Op, x.Host, x.HTTPStatus, x.ResponseCode,
			x.StatusCode, x.ErrorCode, x.ReturnValue, x.Elapsed, x.Err)
	}}
	session, err := c.Logon(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", session.Facts())
	if err := cmp.Or(session.Probe(t.Context()), session.Close(t.Context())); err != nil {
		t.Error(err)
	}
}

func liveNetwork(t *testing.T) (n logonclient.Network) {
	name := os.Getenv("HOMING_TEST_CA_FILE")
	if name == "" {
		return n
	}
	pem, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	n.RootCAs = x509.NewCertPool()
	if !n.RootCAs.AppendCertsFromPEM(pem) {
		t.Fatalf("%s holds no certificate", name)
	}
	return n
}
