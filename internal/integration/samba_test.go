//go:build integration

package integration

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

const (
	password = "Integration.1"
	dnsPort  = "10053"
)

// domain is an Active Directory domain with one domain controller, dc1.
type domain struct {
	*peer
	name  string // contoso.test
	ip    string // of the loopback network: each controller has the ports of LDAP, Kerberos and DNS
	smb   string // its smb.conf
	roots *x509.CertPool
}

func (d *domain) host() string { return "dc1." + d.name }
func (d *domain) base() string { return "DC=" + strings.ReplaceAll(d.name, ".", ",DC=") }

// newDomain provisions a domain below dir and starts its controller. options are
// those of its smb.conf.
func newDomain(dir, name, ip string, options ...string) (*domain, error) {
	d := &domain{name: name, ip: ip, roots: x509.NewCertPool()}
	dir = filepath.Join(dir, name)
	d.smb = filepath.Join(dir, "etc", "smb.conf")
	short, _, _ := strings.Cut(name, ".")
	if _, err := command(nil, "", "samba-tool", "domain", "provision", "--realm="+strings.ToUpper(name), "--domain="+strings.ToUpper(short),
		"--server-role=dc", "--dns-backend=SAMBA_INTERNAL", "--targetdir="+dir, "--host-name=dc1", "--host-ip="+ip, "--adminpass="+password,
		"--option=interfaces="+ip+"/8", "--option=bind interfaces only=yes"); err != nil {
		return nil, err
	}
	certificate, err := d.certificate(dir)
	if err != nil {
		return nil, err
	}
	args := []string{"--interactive", "--model=single", "--configfile=" + d.smb, "--debug-stdout"}
	for _, o := range append([]string{
		"interfaces=" + ip + "/8", "bind interfaces only=yes", "dns port=" + dnsPort,
		"pid directory=" + dir, "ncalrpc dir=" + filepath.Join(dir, "ncalrpc"), "ntp signd socket directory=" + filepath.Join(dir, "ntp"),
		"server services=rpc ldap cldap kdc dns",
		"log level=1 auth_json_audit:4 kerberos:3 dns:10",
		"tls certfile=" + certificate, "tls keyfile=" + filepath.Join(dir, "key.pem"), "tls cafile=",
	}, options...) {
		args = append(args, "--option="+o)
	}
	var addrs []string
	for _, port := range []string{"389", "636", "88", dnsPort} {
		addrs = append(addrs, "tcp/"+net.JoinHostPort(ip, port))
	}
	addrs = append(addrs, "udp/"+net.JoinHostPort(ip, dnsPort))
	if d.peer, err = start("samba of "+name, filepath.Join(dir, "samba.log"), addrs, "samba", args...); err != nil {
		return nil, err
	}
	d.version, err = command(nil, "", "samba", "--version")
	d.version = strings.TrimSpace(d.version)
	d.counted = []mark{
		{"LDAP binds", []string{`"type": "Authorization"`, `"serviceDescription": "LDAP"`}},
		{"Kerberos requests", []string{"-REQ ", " from ", " for "}},
		{"DNS questions", []string{"Received DNS "}},
	}
	return d, err
}

// certificate makes a certificate that is its own authority: that which Samba would
// make has the name of the host only in its subject, where nobody looks any more.
func (d *domain) certificate(dir string) (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: d.host()}, DNSNames: []string{d.host()},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return "", err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return "", err
	}
	d.roots.AddCert(cert)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	_, err = write(dir, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	file, err2 := write(dir, "cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return file, cmp.Or(err, err2)
}

// administrator signs in over LDAPS, with the library itself.
func (d *domain) administrator() (*ldap.Conn, error) {
	conn, err := ldap.DialURL("ldaps://"+d.ip, ldap.DialWithTLSConfig(&tls.Config{RootCAs: d.roots, ServerName: d.host()}))
	if err != nil {
		return nil, err
	}
	return conn, conn.Bind("Administrator@"+d.name, password)
}

// announce registers a service connection point as Exchange does: below
// CN=Services of the configuration.
func (d *domain) announce(name, binding string, keywords ...string) error {
	conn, err := d.administrator()
	if err != nil {
		return err
	}
	defer conn.Close()
	parent := "CN=Microsoft Exchange Autodiscover,CN=Services,CN=Configuration," + d.base()
	container := ldap.NewAddRequest(parent, nil)
	container.Attribute("objectClass", []string{"container"})
	if err := conn.Add(container); err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultEntryAlreadyExists) {
		return err
	}
	point := ldap.NewAddRequest("CN="+name+","+parent, nil)
	point.Attribute("objectClass", []string{"serviceConnectionPoint"})
	point.Attribute("serviceBindingInformation", []string{binding})
	point.Attribute("keywords", keywords)
	return conn.Add(point)
}

// tool runs samba-tool on the databases of the domain.
func (d *domain) tool(args ...string) error {
	_, err := command(nil, "", "samba-tool", append(args, "--configfile="+d.smb)...)
	return err
}

// newDNSMasq starts a second DNS, which knows a domain of its own and hands the
// others on.
func newDNSMasq(dir, port string, domains ...*domain) (*peer, error) {
	args := []string{"--no-daemon", "--conf-file=" + os.DevNull, "--no-resolv", "--no-hosts", "--user=root", "--pid-file=" + filepath.Join(dir, "dnsmasq.pid"),
		"--listen-address=127.77.0.9", "--bind-interfaces", "--port=" + port, "--log-queries", "--log-facility=-",
		"--local=/tailspin.test/", "--srv-host=_autodiscover._tcp.tailspin.test,mail2.tailspin.test,443,20,0",
		"--srv-host=_autodiscover._tcp.tailspin.test,mail1.tailspin.test,443,10,0"}
	for _, d := range domains {
		args = append(args, "--server=/"+d.name+"/"+d.ip+"#"+dnsPort)
	}
	p, err := start("dnsmasq", filepath.Join(dir, "dnsmasq.log"), []string{"udp/127.77.0.9:" + port}, "dnsmasq", args...)
	if err != nil {
		return nil, err
	}
	version, err := command(nil, "", "dnsmasq", "--version")
	p.version, _, _ = strings.Cut(version, "\n")
	p.counted = []mark{{"questions", []string{"query["}}}
	return p, err
}
