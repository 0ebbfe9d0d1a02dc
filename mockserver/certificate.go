package mockserver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"sync"
	"time"
)

// What is wrong with the certificate of a host.
const (
	CertificateValid         = "valid"
	CertificateExpired       = "expired"        // since yesterday
	CertificateWrongName     = "wrong-name"     // names another host
	CertificateUnknownIssuer = "unknown-issuer" // issued by an authority that nobody knows
)

var certificates = []string{CertificateValid, CertificateExpired, CertificateWrongName, CertificateUnknownIssuer}

// authority issues the certificates, when they are first needed.
type authority struct {
	mu      sync.Mutex
	known   *issuer
	unknown *issuer
	leaves  map[[2]string]*tls.Certificate // by host and what is wrong with it
}

type issuer struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// RootCAs returns a pool with the authority that issues the certificates of the
// world, made anew for each server.
func (s *Server) RootCAs() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.authority.root().certificate)
	return pool
}

// CertificatePEM returns the certificate of that authority, for files such as
// curl's --cacert.
func (s *Server) CertificatePEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.authority.root().certificate.Raw})
}

// certificate is tls.Config.GetCertificate.
func (s *Server) certificate(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.mu.Lock()
	at := s.dir.siteAt(h.ServerName)
	kind := ""
	if at != nil {
		kind = at.certificate
	}
	s.mu.Unlock()
	if at == nil {
		return nil, fmt.Errorf("no host %q", h.ServerName)
	}
	return s.authority.leaf(at.host, kind) // which an alias is not
}

func (a *authority) root() *issuer {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.rootLocked()
}

func (a *authority) rootLocked() *issuer {
	if a.known == nil {
		a.known = newIssuer("Mock Root")
	}
	return a.known
}

func (a *authority) leaf(host, kind string) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.leaves[[2]string{host, kind}]; c != nil {
		return c, nil
	}
	by, name, now := a.rootLocked(), host, time.Now()
	from, until := now.Add(-time.Hour), now.AddDate(10, 0, 0)
	switch kind {
	case CertificateExpired:
		from, until = now.Add(-48*time.Hour), now.Add(-24*time.Hour)
	case CertificateWrongName:
		name = "wrong-name.invalid"
	case CertificateUnknownIssuer:
		if a.unknown == nil {
			a.unknown = newIssuer("Unknown Root")
		}
		by = a.unknown
	}
	key := newKey()
	raw, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: from, NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, by.certificate, &key.PublicKey, by.key)
	if err != nil {
		return nil, fmt.Errorf("certificate of %s: %w", host, err)
	}
	if a.leaves == nil {
		a.leaves = map[[2]string]*tls.Certificate{}
	}
	c := &tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}
	a.leaves[[2]string{host, kind}] = c
	return c, nil
}

func newIssuer(name string) *issuer {
	key, now := newKey(), time.Now()
	raw, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-72 * time.Hour), NotAfter: now.AddDate(10, 0, 0), // before the start of an expired leaf
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, &x509.Certificate{Subject: pkix.Name{CommonName: name}}, &key.PublicKey, key)
	if err != nil {
		panic(fmt.Sprintf("mockserver: certificate authority: %v", err)) // the template is fixed
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		panic(fmt.Sprintf("mockserver: certificate authority: %v", err))
	}
	return &issuer{certificate, key}
}

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(fmt.Sprintf("mockserver: key: %v", err)) // crypto/rand does not fail
	}
	return key
}

func serial() *big.Int {
	var b [16]byte
	rand.Read(b[:])
	return new(big.Int).SetBytes(b[:])
}
