package mockserver_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/homing-mail/homing/internal/mapi"
	"github.com/homing-mail/homing/mockserver"
)

// logonTypes are those of the three requests of a logon.
var logonTypes = []string{"Connect", "Execute", "Disconnect"}

// BenchmarkLogons measures whole logons a second as a mail client makes them, each
// on a connection of its own: the TLS handshake, Connect, Execute with a RopLogon,
// Disconnect. Next to them, in turns, come the same three requests to an empty
// HTTPS handler with a certificate of the same kind. "ratio" is the first rate
// over the second one.
func BenchmarkLogons(b *testing.B) { benchmarkLogons(b, false, 0.7) }

// BenchmarkLogonsKeptAlive measures the same with all logons on one connection.
// "ratio-same" is the rate over that of a handler which sends the heads and bodies
// of the same answers and does nothing for them; it comes to about 0.7 of the empty
// one itself: that much is what net/http and the client take for twelve headers
// and a body in chunks.
func BenchmarkLogonsKeptAlive(b *testing.B) { benchmarkLogons(b, true, 0.5) }

func benchmarkLogons(b *testing.B, keepAlive bool, least float64) {
	world, err := mockserver.OpenWorld("acquisition")
	if err != nil {
		b.Fatal(err)
	}
	world.Hostility.Off = true
	s, err := mockserver.New(world)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if err := s.Listen("127.0.0.1:0"); err != nil {
		b.Fatal(err)
	}
	empty := serveTLS(b, func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
	var heads [3]http.Header
	var bodies [3][]byte
	same := serveTLS(b, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		i := slices.Index(logonTypes, r.Header.Get("X-RequestType"))
		for name, values := range heads[i] {
			w.Header()[name] = values
		}
		w.Header()["Transfer-Encoding"] = []string{"chunked"}
		w.Write(bodies[i])
	})

	at, err := s.Where("ann")
	if err != nil {
		b.Fatal(err)
	}
	dn := at.Objects[0].LegacyDN
	path := "/mapi/emsmdb/?MailboxId=" + at.GUID + "@contoso.test"
	connect := (&mapi.ConnectRequest{UserDN: dn}).Append(nil)
	logon := mapi.LogonRequest{LogonFlags: mapi.LogonPrivate, OpenFlags: mapi.OpenFlagsDefault, Essdn: dn}
	execute := (&mapi.ExecuteRequest{Flags: 3, RopBuffer: mapi.AppendRopBuffer(nil, logon.Append(nil), []uint32{mapi.NoHandle}), MaxRopOut: 0x10008}).Append(nil)
	disconnect := (&mapi.DisconnectRequest{}).Append(nil)

	to := func(addr string, config *tls.Config) *http.Client {
		transport := &http.Transport{TLSClientConfig: config, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		}}
		b.Cleanup(transport.CloseIdleConnections)
		return &http.Client{Transport: transport}
	}
	mock := to(s.Addr(), &tls.Config{RootCAs: s.RootCAs()})
	bare := to(empty.Listener.Addr().String(), empty.Client().Transport.(*http.Transport).TLSClientConfig)
	full := to(same.Listener.Addr().String(), same.Client().Transport.(*http.Transport).TLSClientConfig)

	// run sends the three requests; the other handlers get the cookies of the
	// logon before, so that all get the same bytes.
	var cookies []*http.Cookie
	run := func(client *http.Client, host string, real bool) {
		for i, body := range [][]byte{connect, execute, disconnect} {
			q, _ := http.NewRequest("POST", "https://"+host+path, bytes.NewReader(body))
			q.Header.Set("Content-Type", "application/mapi-http")
			q.Header.Set("X-RequestType", logonTypes[i])
			q.Header.Set("X-RequestId", fmt.Sprintf("{E2EA6C1C-E61B-49E9-9CFB-38184F907552}:%d", i+1))
			q.Header.Set("X-ClientInfo", "{2F94A2BF-A2E6-4CCC-BF98-B5F22C542226}:1")
			q.Header.Set("X-ClientApplication", "Outlook/15.00.0847.4040")
			q.SetBasicAuth("ann@contoso.test", "spring-rain-42")
			if i > 0 {
				for _, c := range cookies {
					q.AddCookie(c)
				}
			}
			a, err := client.Do(q)
			if err != nil {
				b.Fatal(err)
			}
			answer, err := io.ReadAll(a.Body)
			a.Body.Close()
			if err != nil || a.StatusCode != 200 {
				b.Fatal(a.Status, err)
			}
			if !real {
				continue
			}
			if a.Header.Get("X-ResponseCode") != "0" || i == 1 && !strings.Contains(string(answer), "\xfe\x00\x00\x00\x00\x00\x01") {
				b.Fatalf("request %d: X-ResponseCode %s, %q", i, a.Header.Get("X-ResponseCode"), answer)
			}
			cookies = a.Cookies()
			heads[i], bodies[i] = a.Header, answer
		}
		if !keepAlive {
			client.CloseIdleConnections()
		}
	}
	const turn = 20 // logons before it is the other one's turn
	var mockTime, bareTime, sameTime time.Duration
	logons := 0
	run(mock, "ex1.contoso.test", true)
	run(bare, "example.com", false)
	run(full, "example.com", false)
	for b.Loop() {
		start := time.Now()
		for range turn {
			run(mock, "ex1.contoso.test", true)
		}
		middle := time.Now()
		for range turn {
			run(bare, "example.com", false)
		}
		end := time.Now()
		for range turn {
			run(full, "example.com", false)
		}
		mockTime, bareTime, sameTime, logons = mockTime+middle.Sub(start), bareTime+end.Sub(middle), sameTime+time.Since(end), logons+turn
	}
	b.ReportMetric(float64(logons)/mockTime.Seconds(), "logons/s")
	ratio := bareTime.Seconds() / mockTime.Seconds()
	b.ReportMetric(ratio, "ratio")
	ratioSame := sameTime.Seconds() / mockTime.Seconds()
	b.ReportMetric(ratioSame, "ratio-same")
	if keepAlive && ratioSame < 0.65 {
		b.Errorf("%.2f of the rate of a handler that sends the same answers, want at least 0.65", ratioSame)
	}
	if ratio < least {
		b.Errorf("%.2f of the rate of an empty handler, want at least %.1f", ratio, least)
	}
}

// serveTLS serves a handler under a certificate of the kind that the mock has,
// ECDSA on P-256, and without resumption: handshakes are to cost the same.
func serveTLS(b *testing.B, handler http.HandlerFunc) *httptest.Server {
	b.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"example.com"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		b.Fatal(err)
	}
	s := httptest.NewUnstartedServer(handler)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, SessionTicketsDisabled: true}
	s.StartTLS()
	b.Cleanup(s.Close)
	return s
}
