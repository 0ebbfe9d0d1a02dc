package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
	"github.com/homing-mail/homing/mockserver"
	"github.com/homing-mail/homing/profile"
)

// bench is an agent that looks when told, with a store in memory, before a
// mock world on loopback.
type bench struct {
	world *mockserver.Server
	svc   *program.Running
	id    profile.ID
	dir   string
}

func newBench(ctx context.Context) (*bench, error) {
	w, err := mockserver.OpenWorld("acquisition")
	if err != nil {
		return nil, err
	}
	w.Hostility.Off = true // nor is the server of the empty posts hostile
	world, err := mockserver.New(w)
	if err != nil {
		return nil, err
	}
	if err := world.Listen("127.0.0.1:0"); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "homing-figures-")
	if err != nil {
		return nil, err
	}
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, world.CertificatePEM(), 0o600); err != nil {
		return nil, err
	}
	paths := program.Paths{}.In(dir)
	c, err := program.LoadConfig(paths)
	if err != nil {
		return nil, err
	}
	c.Set("network", "figures", func(c *program.Config) {
		c.Network.CAFile, c.Network.ConnectTo = ca, world.ConnectTo()
		c.Trust.Hosts = []string{"*.fabrikam.test"}
	})
	p, err := program.Open(paths, c, nil)
	if err != nil {
		return nil, err
	}
	p.Secrets.Enabled = []string{"memory"}
	svc, err := p.Alone(ctx, func(c *agent.Config) {
		c.Store = new(profile.Memory)
		c.SecretRef = func(id profile.ID, realm string) string { return "memory:" + string(id) + realm }
	})
	if err != nil {
		return nil, err
	}
	b := &bench{world: world, svc: svc, dir: dir}
	began := time.Now()
	if b.id, err = svc.Do(ctx, agent.Command{Op: agent.Add, Address: "ann@contoso.test", Secret: trust.NewSecret("spring-rain-42")}); err != nil {
		return nil, err
	}
	return b, b.settle(ctx, began)
}

func (b *bench) close() {
	b.svc.Close()
	b.world.Close()
	os.RemoveAll(b.dir)
}

// settle waits for the end of a cycle that began after since.
func (b *bench) settle(ctx context.Context, since time.Time) error {
	for status, err := range b.svc.Watch(ctx) {
		if err != nil {
			return err
		}
		if len(status.Mailboxes) == 0 {
			continue
		}
		m := status.Mailboxes[0]
		if m.State.Settled() && !m.Looked.Before(since) {
			if m.State != agent.Online {
				return fmt.Errorf("the mailbox is %s: %v", m.State, m.Problem)
			}
			return nil
		}
	}
	return ctx.Err()
}

// look runs one cycle and returns its time and its requests.
func (b *bench) look(ctx context.Context) (time.Duration, []mockserver.Request, error) {
	b.world.Forget()
	began := time.Now()
	if _, err := b.svc.Do(ctx, agent.Command{Op: agent.CheckNow, Profile: b.id}); err != nil {
		return 0, nil, err
	}
	err := b.settle(ctx, began)
	return time.Since(began), b.world.Requests(), err
}

// repair compares cross-forest repairs with the same number of empty posts on
// as many connections.
func repair() ([]figure, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	b, err := newBench(ctx)
	if err != nil {
		return nil, err
	}
	defer b.close()
	empty, err := newEmpty()
	if err != nil {
		return nil, err
	}
	defer empty.close()

	const rounds = 60
	var ratios []float64
	var counted float64
	places := []string{"mx1", "ex2"} // back and forth between the forests
	for i := range rounds {
		if _, err := b.world.Do("move ann " + places[i%2]); err != nil {
			return nil, err
		}
		took, requests, err := b.look(ctx)
		if err != nil {
			return nil, fmt.Errorf("repair %d: %w", i, err)
		}
		plain, err := empty.post(ctx, perConnection(requests))
		if err != nil {
			return nil, err
		}
		if i < 4 { // hosts are met for the first time, caches fill
			continue
		}
		counted = max(counted, float64(len(requests)))
		ratios = append(ratios, took.Seconds()/plain.Seconds())
	}
	slices.Sort(ratios)
	return []figure{
		{"requests of a cross-forest repair, hosts known", counted, "requests", 6},
		{fmt.Sprintf("time of that repair over as many empty posts (median of %d)", len(ratios)), ratios[len(ratios)/2], "ratio", 1.5},
	}, nil
}

// perConnection counts the requests of each connection, in their order.
func perConnection(requests []mockserver.Request) []int {
	var order []int
	counts := make(map[int]int)
	for _, r := range requests {
		if counts[r.Conn] == 0 {
			order = append(order, r.Conn)
		}
		counts[r.Conn]++
	}
	out := make([]int, len(order))
	for i, conn := range order {
		out[i] = counts[conn]
	}
	return out
}

// empty is a server that answers nothing at all, with a certificate of the same
// kind as those of the mock world.
type empty struct {
	listener net.Listener
	server   *http.Server
	network  logonclient.Network
}

func newEmpty() (*empty, error) {
	caKey, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	key, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: []string{"empty.test"}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
	}
	root, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		return nil, err
	}
	if ca, err = x509.ParseCertificate(root); err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	if err != nil {
		return nil, err
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	if err != nil {
		return nil, err
	}
	e := &empty{listener: listener, server: &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
	})}}
	e.network.RootCAs = x509.NewCertPool()
	e.network.RootCAs.AddCert(ca)
	e.network.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, listener.Addr().String())
	}
	go e.server.Serve(listener)
	return e, nil
}

func (e *empty) close() { e.server.Close() }

// post sends counts[i] posts on the i-th connection and returns the time of all.
func (e *empty) post(ctx context.Context, counts []int) (time.Duration, error) {
	body := make([]byte, 150) // about what a Connect or an Execute carries
	began := time.Now()
	for _, n := range counts {
		transport := e.network.Transport()
		for range n {
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://empty.test/", bytes.NewReader(body))
			if err != nil {
				return 0, err
			}
			res, err := transport.RoundTrip(req)
			if err != nil {
				return 0, err
			}
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
		transport.CloseIdleConnections()
	}
	return time.Since(began), nil
}
