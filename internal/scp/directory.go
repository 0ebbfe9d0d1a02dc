package scp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// filter finds both kinds of service connection points ([MS-OXDISCO] 2.2.1.2).
// Microsoft's clients write objectClass where the specification has
// objectcategory, and so do these: not every directory knows categories.
const filter = "(&(objectClass=serviceConnectionPoint)(|(keywords=" + guidPointer + ")(keywords=" + guidURL + ")))"

// reading is what one directory holds.
type reading struct {
	objects   []object
	referrals []place // where it sends everybody instead
	notes     []Note
}

// read asks the directory at p, and records in d how far it came.
func (w *walk) read(ctx context.Context, p place, s step, d *Directory) (reading, error) {
	fail := func(op string, err error, next string) (reading, error) {
		if ctx.Err() != nil {
			err, next = context.Cause(ctx), ""
		}
		return reading{}, &Error{Op: op, Directory: d.URL, Err: err, Next: next}
	}
	raw, err := w.dial(ctx, p)
	if err != nil {
		return fail("connect", err, "")
	}
	defer raw.Close()
	defer context.AfterFunc(ctx, func() { raw.Close() })()

	wire, err := w.seal(ctx, raw, p)
	switch {
	case errors.Is(err, errNotOffered):
		if !s.bind.anonymous() {
			return fail("start TLS", err, "nobody signs in to a directory in the clear: give it a certificate")
		}
		wire = raw
	case err != nil:
		next := ""
		if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
			next = "the certificate has to name " + p.host + " and to come from an authority that this machine trusts"
		}
		return fail("start TLS", err, next)
	default:
		d.Sealed = true
	}

	conn := ldap.NewConn(wire, d.Sealed)
	conn.Start()
	defer func() {
		raw.Close() // first: TLS would wait for room to say goodbye
		conn.Close()
	}()
	if err := w.bind(ctx, conn, p.host, s.bind, certificate(wire)); err != nil {
		return fail(s.bind.String()+" bind", err, remedy(err))
	}
	d.Bind = s.bind.String()

	root, err := conn.Search(search("", ldap.ScopeBaseObject, 1, "(objectClass=*)", "configurationNamingContext"))
	if err != nil || len(root.Entries) == 0 {
		return fail("read its rootDSE", orNothing(err), "")
	}
	base := root.Entries[0].GetEqualFoldAttributeValue("configurationNamingContext")
	if d.Context = clip(base); base == "" {
		return fail("read its rootDSE", errors.New("it names no configurationNamingContext"), "is it an Active Directory?")
	}
	if w.report.Site == "" && (s.via == ViaConfiguration || s.via == ViaDNS) {
		w.report.Site = clientSite(conn)
	}

	answer, err := conn.Search(search(base, ldap.ScopeWholeSubtree, maxObjects, filter, "keywords", "serviceBindingInformation"))
	if refused, ok := errors.AsType[*ldap.Error](err); ok && refused.ResultCode == ldap.LDAPResultReferral {
		return reading{referrals: referrals(refused.Packet)}, nil
	}
	var found reading
	switch {
	case errors.Is(err, ldap.ErrSizeLimitExceeded) || ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded):
		found.notes = append(found.notes, Note{What: fmt.Sprintf("only the first %d service connection points were read", maxObjects)})
	case err != nil:
		next := ""
		if s.bind.anonymous() {
			next = "the directory may want somebody to sign in"
		}
		return fail("search", err, next)
	}
	d.Objects = len(answer.Entries)
	for _, e := range answer.Entries {
		obj := object{dn: e.DN}
		obj.keywords = found.values(obj, e.GetEqualFoldAttributeValues("keywords"))
		obj.bindings = found.values(obj, e.GetEqualFoldAttributeValues("serviceBindingInformation"))
		found.objects = append(found.objects, obj)
	}
	return found, nil
}

// values leaves out what is too long to be meant.
func (r *reading) values(obj object, all []string) []string {
	var short []string
	for _, v := range all {
		if len(v) > maxValue {
			r.notes = append(r.notes, Note{Object: clip(obj.dn), What: fmt.Sprintf("a value of %d bytes is left out", len(v))})
			continue
		}
		short = append(short, v)
	}
	return short
}

// remedy says what helps against a refused bind, if that is known.
func remedy(err error) string {
	switch {
	case ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials):
		return "check the name and the password"
	case ldap.IsErrorWithCode(err, ldap.LDAPResultStrongAuthRequired):
		return "the directory wants every message signed, within TLS as well, which is not done here: sign in with a password"
	}
	return ""
}

func search(base string, scope, limit int, filter string, attributes ...string) *ldap.SearchRequest {
	return &ldap.SearchRequest{
		BaseDN: base, Scope: scope, Filter: filter, Attributes: attributes,
		SizeLimit: limit, EnforceSizeLimit: true, TimeLimit: int(maxTime / time.Second),
	}
}

func orNothing(err error) error {
	if err == nil {
		return errors.New("it answered nothing")
	}
	return err
}

// dial connects to p, and reads no more than maxBytes from there.
func (w *walk) dial(ctx context.Context, p place) (net.Conn, error) {
	return w.connect(ctx, p.address(), maxBytes)
}

func (w *walk) connect(ctx context.Context, addr string, most int64) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, connectTimeout, fmt.Errorf("no connection within %v", connectTimeout))
	defer cancel()
	dial := w.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, "tcp", addr)
	if err != nil {
		return nil, cmpErr(ctx, err)
	}
	return &limited{conn, most}, nil
}

// cmpErr prefers the reason of ctx, if it has ended, to what that led to.
func cmpErr(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

var (
	errNotOffered = errors.New("the directory does not offer TLS")
	errTooMuch    = errors.New("the directory sent more than anybody would read")
)

// limited is a connection that ends after so many bytes read.
type limited struct {
	net.Conn
	left int64
}

func (l *limited) Read(b []byte) (int, error) {
	if l.left <= 0 {
		return 0, errTooMuch
	}
	n, err := l.Conn.Read(b[:min(int64(len(b)), l.left)])
	l.left -= int64(n)
	return n, err
}

// seal returns raw within TLS. errNotOffered says that a directory asked for
// StartTLS refused it (RFC 4511 4.14).
func (w *walk) seal(ctx context.Context, raw net.Conn, p place) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, tlsTimeout, fmt.Errorf("no TLS within %v", tlsTimeout))
	defer cancel()
	if !p.tls {
		stop := context.AfterFunc(ctx, func() { raw.Close() })
		err := startTLS(raw)
		if stop(); err != nil {
			return nil, cmpErr(ctx, err)
		}
	}
	conn := tls.Client(raw, &tls.Config{RootCAs: w.RootCAs, ServerName: p.host, MinVersion: tls.VersionTLS12})
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, cmpErr(ctx, err)
	}
	return conn, nil
}

// startTLS asks for TLS on a fresh connection. It reads exactly one message, so
// that nothing sent in the clear is taken for what comes within TLS.
func startTLS(conn net.Conn) error {
	const oid = "1.3.6.1.4.1.1466.20037"
	request := ber.NewSequence("LDAPMessage")
	request.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 1, "messageID"))
	extended := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationExtendedRequest, nil, "extendedReq")
	extended.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, oid, "requestName"))
	request.AppendChild(extended)
	if _, err := conn.Write(request.Bytes()); err != nil {
		return err
	}
	answer, err := ber.ReadPacket(io.LimitReader(conn, maxValue))
	if err != nil {
		return err
	}
	if err := ldap.GetLDAPError(answer); err != nil {
		if refused, ok := errors.AsType[*ldap.Error](err); ok && refused.ResultCode < ldap.ErrorNetwork {
			return fmt.Errorf("%w: %v", errNotOffered, err)
		}
		return err
	}
	return nil
}

// referrals returns the directories of a referral (RFC 4511 4.1.10).
func referrals(answer *ber.Packet) []place {
	var places []place
	if answer == nil || len(answer.Children) < 2 {
		return nil
	}
	for _, field := range answer.Children[1].Children {
		if field.ClassType != ber.ClassContext || field.Tag != 3 {
			continue
		}
		for _, uri := range field.Children {
			if p, err := parsePlace(ber.DecodeString(uri.Data.Bytes())); err == nil {
				places = append(places, p)
			}
		}
	}
	return places
}

// certificate returns that of the other side, or nil in the clear.
func certificate(wire net.Conn) *x509.Certificate {
	if sealed, ok := wire.(*tls.Conn); ok {
		return sealed.ConnectionState().PeerCertificates[0]
	}
	return nil
}

// bind signs in, if anybody does.
func (w *walk) bind(ctx context.Context, conn *ldap.Conn, host string, b Bind, channel *x509.Certificate) (err error) {
	// The readers of Kerberos files and tokens may panic where those are broken.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("unusable Kerberos file or answer: %v", p)
		}
	}()
	switch {
	case b.Kerberos != nil:
		client, service, err := w.gssapi(ctx, *b.Kerberos, host, channel)
		if err != nil {
			return err
		}
		defer client.Close()
		return conn.GSSAPIBind(client, service, "")
	case b.Name != "":
		_, err := conn.SimpleBind(&ldap.SimpleBindRequest{Username: b.Name, Password: b.Password.Reveal()})
		return err
	}
	return nil
}
