package scp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// authority signs the certificates of a test.
type authority struct {
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
	roots *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{roots: x509.NewCertPool()}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test CA"}, IsCA: true, BasicConstraintsValid: true}
	der := a.sign(t, template)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a.cert = cert
	a.roots.AddCert(cert)
	return a
}

// sign signs template; the first time the authority itself.
func (a *authority) sign(t *testing.T, template *x509.Certificate) []byte {
	t.Helper()
	template.NotBefore = time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
	template.NotAfter = time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
	parent := a.cert
	if a.key == nil {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		a.key, parent = key, template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func (a *authority) certificate(t *testing.T, host string) *tls.Config {
	t.Helper()
	der := a.sign(t, &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{host}})
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: a.key}}}
}

// directory is a server that knows what a look-up asks, and nothing else.
type directory struct {
	objects  []object
	tls      *tls.Config // nil: StartTLS is refused
	wantBind bool        // refuses to search for whoever has not signed in
	referral string      // answers every search below the root with it
	netlogon string      // in hexadecimal digits
	context  string      // empty: CN=Configuration,DC=contoso,DC=test; "-": none
	flood    bool        // a value without end

	mu     sync.Mutex
	dialed int
	binds  []string // "NAME PASSWORD in the clear" or "… within TLS"
	bases  []string // of the searches
}

// network is where the directories of a test listen: by host:port.
type network map[string]*directory

// dial connects to a directory. A nil one is a black hole: it never accepts. An
// address that is not in the table is closed.
func (n network) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	d, ok := n[addr]
	if !ok {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: io.ErrClosedPipe}
	}
	if d == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	d.mu.Lock()
	d.dialed++
	d.mu.Unlock()
	here, there := net.Pipe()
	secured := strings.HasSuffix(addr, ":636")
	go d.serve(there, secured)
	return here, nil
}

func (d *directory) serve(conn net.Conn, secured bool) {
	// Closed to the core: TLS would want to say goodbye to a peer that has gone.
	defer conn.Close()
	wire := conn
	if secured {
		wire = tls.Server(conn, d.tls)
	}
	for {
		message, err := ber.ReadPacket(wire)
		if err != nil || len(message.Children) < 2 {
			return
		}
		id, op := message.Children[0].Value.(int64), message.Children[1]
		switch op.Tag {
		case ldap.ApplicationExtendedRequest:
			if d.tls == nil {
				reply(wire, id, ldap.ApplicationExtendedResponse, result(ldap.LDAPResultProtocolError))
				continue
			}
			reply(wire, id, ldap.ApplicationExtendedResponse, result(0))
			wire, secured = tls.Server(conn, d.tls), true
		case ldap.ApplicationBindRequest:
			how := " in the clear"
			if secured {
				how = " within TLS"
			}
			name, password := op.Children[1].Value.(string), op.Children[2].Data.String()
			d.mu.Lock()
			d.binds = append(d.binds, name+" "+password+how)
			d.mu.Unlock()
			code := 0
			if password != "secret" {
				code = ldap.LDAPResultInvalidCredentials
			}
			reply(wire, id, ldap.ApplicationBindResponse, result(code))
		case ldap.ApplicationSearchRequest:
			d.search(wire, id, op)
		case ldap.ApplicationUnbindRequest:
			return
		}
	}
}

func (d *directory) search(wire net.Conn, id int64, op *ber.Packet) {
	d.mu.Lock()
	defer d.mu.Unlock()
	base := op.Children[0].Value.(string)
	d.bases = append(d.bases, base)
	asked := op.Children[7].Children[0].Value.(string)
	at := d.context
	if at == "" {
		at = "CN=Configuration,DC=contoso,DC=test"
	}
	switch {
	case base == "" && asked == "Netlogon":
		if b, err := hex.DecodeString(d.netlogon); err == nil && len(b) > 0 {
			reply(wire, id, ldap.ApplicationSearchResultEntry, entry("", "netlogon", string(b)))
		}
	case base == "":
		if at == "-" {
			reply(wire, id, ldap.ApplicationSearchResultEntry, entry(""))
		} else {
			reply(wire, id, ldap.ApplicationSearchResultEntry, entry("", "configurationNamingContext", at))
		}
	case base != at:
		reply(wire, id, ldap.ApplicationSearchResultDone, result(ldap.LDAPResultNoSuchObject))
		return
	case d.wantBind && len(d.binds) == 0:
		reply(wire, id, ldap.ApplicationSearchResultDone, result(ldap.LDAPResultOperationsError))
		return
	case d.referral != "":
		uris := ber.Encode(ber.ClassContext, ber.TypeConstructed, 3, nil, "referral")
		uris.AppendChild(text(d.referral))
		reply(wire, id, ldap.ApplicationSearchResultDone, append(result(ldap.LDAPResultReferral), uris))
		return
	case d.flood:
		value := strings.Repeat("x", 1<<20)
		for reply(wire, id, ldap.ApplicationSearchResultEntry, entry("CN=a", "keywords", value)) == nil {
		}
		return
	default:
		for _, o := range d.objects {
			var attributes []string
			for _, k := range o.keywords {
				attributes = append(attributes, "keywords", k)
			}
			for _, b := range o.bindings {
				attributes = append(attributes, "serviceBindingInformation", b)
			}
			if reply(wire, id, ldap.ApplicationSearchResultEntry, entry(o.dn, attributes...)) != nil {
				return
			}
		}
	}
	reply(wire, id, ldap.ApplicationSearchResultDone, result(0))
}

// told returns what a directory has recorded.
func (d *directory) told() (dialed int, binds []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dialed, d.binds
}

func reply(w io.Writer, id int64, tag ber.Tag, fields []*ber.Packet) error {
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
	for _, f := range fields {
		op.AppendChild(f)
	}
	message := ber.NewSequence("")
	message.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	message.AppendChild(op)
	_, err := w.Write(message.Bytes())
	return err
}

func text(s string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s, "")
}

func result(code int) []*ber.Packet {
	return []*ber.Packet{ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, code, ""), text(""), text("")}
}

// entry is a SearchResultEntry: pairs of a name and one of its values, those of
// one name together.
func entry(dn string, pairs ...string) []*ber.Packet {
	attributes := ber.NewSequence("")
	for i := 0; i < len(pairs); {
		attribute, values := ber.NewSequence(""), ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		attribute.AppendChild(text(pairs[i]))
		for name := pairs[i]; i < len(pairs) && pairs[i] == name; i += 2 {
			values.AppendChild(text(pairs[i+1]))
		}
		attribute.AppendChild(values)
		attributes.AppendChild(attribute)
	}
	return []*ber.Packet{text(dn), attributes}
}
