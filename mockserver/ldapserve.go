package mockserver

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// The operations of LDAP (RFC 4511 4.1.1), by their tags.
const (
	ldapBindRequest      = 0
	ldapBindResponse     = 1
	ldapUnbindRequest    = 2
	ldapSearchRequest    = 3
	ldapSearchEntry      = 4
	ldapSearchDone       = 5
	ldapAbandonRequest   = 16
	ldapSearchReference  = 19
	ldapExtendedRequest  = 23
	ldapExtendedResponse = 24
)

// ldapResult is a result code (RFC 4511 4.1.9).
type ldapResult int64

const (
	ldapSuccess              ldapResult = 0
	ldapOperationsError      ldapResult = 1
	ldapProtocolError        ldapResult = 2
	ldapSizeLimitExceeded    ldapResult = 4
	ldapAuthMethod           ldapResult = 7
	ldapStrongerAuthRequired ldapResult = 8
	ldapReferral             ldapResult = 10
	ldapCriticalExtension    ldapResult = 12
	ldapNoSuchObject         ldapResult = 32
	ldapInvalidCredentials   ldapResult = 49
)

const (
	oidStartTLS = "1.3.6.1.4.1.1466.20037" // RFC 4511 4.14.1
	maxLDAP     = 64 << 10                 // bytes of a request
	ldapIdle    = 15 * time.Minute         // MaxConnIdleTime of Active Directory
)

// ldapConn is one connection to a directory.
type ldapConn struct {
	s      *Server
	at     *site
	net    net.Conn
	number int
	secure bool // TLS
	bound  bool
	upset  error // the connection cannot go on
}

// ListenLDAP serves the directory of one host on a loopback address, such as
// "127.0.0.1:0": LDAP, with StartTLS, and LDAPS at the same port, told apart by
// the first byte. Each directory needs a listener of its own, since LDAP does not
// say which host it is meant for.
func (s *Server) ListenLDAP(host, addr string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.dir.directoryAt(host)
	switch {
	case l == nil:
		return absent("no directory %q: there are %s", cut(host, 80), s.dir.directoryNames())
	case l.addr != "":
		return fmt.Errorf("listen on %s: %s is on %s already", addr, host, l.addr)
	}
	listener, err := s.loopback(addr)
	if err != nil {
		return err
	}
	l.addr = listener.Addr().String()
	s.listeners = append(s.listeners, listener)
	at := s.dir.sites[host]
	s.serving.Go(func() {
		s.accept(listener, host, func(c net.Conn) {
			first := make([]byte, 1)
			if _, err := io.ReadFull(c, first); err != nil {
				return
			}
			s.serveLDAP(&prefixed{Conn: c, first: first}, at, first[0] == 0x16) // the handshake of TLS; LDAP begins with 0x30
		})
	})
	return nil
}

// LDAPAddr is the address at which a directory is served, "" before
// [Server.ListenLDAP].
func (s *Server) LDAPAddr(host string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.dir.directoryAt(host); l != nil {
		return l.addr
	}
	return ""
}

// prefixed is a connection of which a byte was read already.
type prefixed struct {
	net.Conn
	first []byte
}

func (p *prefixed) Read(b []byte) (int, error) {
	if len(p.first) > 0 && len(b) > 0 {
		n := copy(b, p.first)
		p.first = p.first[n:]
		return n, nil
	}
	return p.Conn.Read(b)
}

// serveLDAP answers on c until it ends.
func (s *Server) serveLDAP(c net.Conn, at *site, secure bool) {
	s.mu.Lock()
	away, hole := at.off || at.vanished, at.hole != ""
	s.connSeq++
	l := &ldapConn{s: s, at: at, net: c, number: s.connSeq}
	s.mu.Unlock()
	switch {
	case away:
		return
	case hole:
		swallow(c)
		return
	}
	if secure && !l.startTLS() {
		return
	}
	for l.upset == nil {
		l.net.SetDeadline(time.Now().Add(ldapIdle))
		l.upset = l.serveOne()
	}
}

// startTLS begins TLS and reports whether that went well.
func (l *ldapConn) startTLS() bool {
	c := tls.Server(l.net, &tls.Config{SessionTicketsDisabled: true, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		l.s.mu.Lock()
		kind := l.at.certificate
		l.s.mu.Unlock()
		return l.s.authority.leaf(l.at.host, kind)
	}})
	c.SetDeadline(time.Now().Add(dnsIdle))
	if c.Handshake() != nil {
		return false
	}
	l.net, l.secure = c, true
	return true
}

var errEnd = errors.New("the connection ends")

// serveOne answers one request; an error ends the connection.
func (l *ldapConn) serveOne() error {
	packet, err := readLDAP(l.net)
	if err != nil {
		return err
	}
	id, ok := integer(child(packet, 0))
	op := child(packet, 1)
	if !ok || op == nil || op.ClassType != ber.ClassApplication {
		return errEnd
	}
	if critical(child(packet, 2)) && op.Tag == ldapSearchRequest {
		return l.result(id, ldapSearchDone, ldapCriticalExtension, "no control is known here")
	}
	switch op.Tag {
	case ldapBindRequest:
		return l.bind(id, op)
	case ldapSearchRequest:
		return l.search(id, op)
	case ldapExtendedRequest:
		return l.extended(id, op)
	case ldapAbandonRequest:
		return nil
	}
	return errEnd // an unbind, or what nobody asks a directory for
}

// readLDAP reads one message, of at most maxLDAP bytes.
func readLDAP(r io.Reader) (*ber.Packet, error) {
	head := make([]byte, 2, 6)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	length := int(head[1])
	if length >= 0x80 {
		more := head[2 : 2+min(length&0x7F, 4)]
		if _, err := io.ReadFull(r, more); err != nil || len(more) == 0 {
			return nil, errEnd
		}
		head, length = head[:2+len(more)], 0
		for _, b := range more {
			length = length<<8 | int(b)
		}
	}
	if head[0] != 0x30 || length > maxLDAP {
		return nil, errEnd
	}
	message := append(head, make([]byte, length)...)
	if _, err := io.ReadFull(r, message[len(head):]); err != nil {
		return nil, err
	}
	return ber.DecodePacketErr(message)
}

// bind lets somebody in (RFC 4511 4.2). A name without a password stays nobody
// (RFC 4513 5.1.2).
func (l *ldapConn) bind(id int64, op *ber.Packet) error {
	name, auth := text(child(op, 1)), child(op, 2)
	if auth == nil {
		return l.result(id, ldapBindResponse, ldapProtocolError, "a bind without authentication")
	}
	r := Request{Method: "BIND", User: cut(name, 256), Scheme: "simple"}
	l.bound = false
	if auth.Tag != 0 {
		r.Scheme, r.Signed = cut(strings.ToLower(text(child(auth, 0))), 16), len(auth.Children) > 1
		l.record(&r, ldapAuthMethod, "no such mechanism")
		return l.result(id, ldapBindResponse, ldapAuthMethod, "simple binds only")
	}
	password := text(auth)
	r.Signed = password != ""

	l.s.mu.Lock()
	dir := l.at.ldap
	who := l.s.dir.account(dir.forest, bindName(dir, name), password)
	l.s.mu.Unlock()
	code, said := ldapSuccess, "bound"
	switch {
	case password == "":
		said = "bound as nobody"
	case !l.secure:
		code, said = ldapStrongerAuthRequired, "a password without TLS"
	case who == nil:
		code, said = ldapInvalidCredentials, "wrong credentials"
	default:
		l.bound = true
	}
	l.record(&r, code, said)
	return l.result(id, ldapBindResponse, code, said)
}

// extended knows StartTLS.
func (l *ldapConn) extended(id int64, op *ber.Packet) error {
	name := text(child(op, 0))
	switch {
	case name != oidStartTLS:
		return l.result(id, ldapExtendedResponse, ldapProtocolError, "no extension "+cut(name, 80))
	case l.secure:
		return l.result(id, ldapExtendedResponse, ldapOperationsError, "TLS is there already")
	}
	l.record(&Request{Method: "STARTTLS"}, ldapSuccess, "TLS begins")
	if err := l.result(id, ldapExtendedResponse, ldapSuccess, ""); err != nil {
		return err
	}
	if !l.startTLS() {
		return errEnd
	}
	return nil
}

// search answers with the entries that a filter meets (RFC 4511 4.5).
func (l *ldapConn) search(id int64, op *ber.Packet) error {
	base, filter := text(child(op, 0)), child(op, 6)
	scope, _ := integer(child(op, 1))
	limit, _ := integer(child(op, 3))
	r := Request{Method: "SEARCH", Path: cut(base, 200)}
	if filter == nil {
		l.record(&r, ldapProtocolError, "no filter")
		return l.result(id, ldapSearchDone, ldapProtocolError, "no filter")
	}
	l.s.mu.Lock()
	dir := *l.at.ldap
	l.s.mu.Unlock()
	var found []entry
	code, said, referral := ldapSuccess, "", ""
	switch {
	case base == "" && scope == scopeBase:
		if e := dir.rootDSE(); matches(&e, filter) {
			found = append(found, e)
		}
	case !l.bound && !dir.Anonymous:
		code, said = ldapOperationsError, "a successful bind must be completed first"
	default:
		for _, e := range dir.entries() {
			if within(e.dn, base, scope) && matches(&e, filter) {
				found = append(found, e)
			}
		}
		inside := within(base, dir.configuration(), scopeSub) || within(dir.configuration(), base, scopeSub)
		switch {
		case dir.Refers != "":
			referral = "ldap://" + dir.Refers + "/" + (&LDAPServer{Domain: l.s.domainOf(dir.Refers)}).configuration()
			if len(dir.scps) == 0 {
				code = ldapReferral
			}
		case !inside && !within(base, dir.root(), scopeSub):
			code, said = ldapNoSuchObject, "not held here"
		}
	}
	if limit > 0 && int64(len(found)) > limit {
		found, code, said = found[:limit], ldapSizeLimitExceeded, "more than were asked for"
	}
	if said == "" {
		said = strconv.Itoa(len(found)) + " entries"
	}
	if referral != "" {
		said += ", see " + referral
	}
	l.record(&r, code, said)

	typesOnly := child(op, 5)
	var names []string
	if list := child(op, 7); list != nil {
		for _, name := range list.Children {
			names = append(names, text(name))
		}
	}
	for _, e := range found {
		if err := l.send(id, e.packet(names, typesOnly != nil && typesOnly.Value == true)); err != nil {
			return err
		}
	}
	if referral != "" && code != ldapReferral {
		reference := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldapSearchReference, nil, "")
		reference.AppendChild(ldapString(referral))
		if err := l.send(id, reference); err != nil {
			return err
		}
	}
	done := result(ldapSearchDone, code, said)
	if code == ldapReferral {
		list := ber.Encode(ber.ClassContext, ber.TypeConstructed, 3, nil, "")
		list.AppendChild(ldapString(referral))
		done.AppendChild(list)
	}
	return l.send(id, done)
}

// domainOf is the domain of a directory.
func (s *Server) domainOf(host string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dir.directoryAt(host).Domain
}

// record notes an operation before its answer is sent.
func (l *ldapConn) record(r *Request, code ldapResult, said string) {
	r.Conn, r.Host, r.Clear, r.Code, r.Said = l.number, l.at.host, !l.secure, uint32(code), said
	l.s.mu.Lock()
	l.at.witness.note(r)
	l.s.mu.Unlock()
	l.s.record.add(*r)
}

func (l *ldapConn) result(id int64, tag ber.Tag, code ldapResult, why string) error {
	return l.send(id, result(tag, code, why))
}

func (l *ldapConn) send(id int64, op *ber.Packet) error {
	message := ber.NewSequence("")
	message.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	message.AppendChild(op)
	_, err := l.net.Write(message.Bytes())
	return err
}

// result is an LDAPResult (RFC 4511 4.1.9).
func result(tag ber.Tag, code ldapResult, why string) *ber.Packet {
	if code == ldapSuccess {
		why = ""
	}
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
	op.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, int64(code), ""))
	op.AppendChild(ldapString("")) // matchedDN
	op.AppendChild(ldapString(why))
	return op
}

// packet is e as a SearchResultEntry.
func (e *entry) packet(names []string, typesOnly bool) *ber.Packet {
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldapSearchEntry, nil, "")
	op.AppendChild(ldapString(e.dn))
	list := ber.NewSequence("")
	for _, a := range e.selects(names) {
		values := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		for _, v := range a.values {
			if !typesOnly {
				values.AppendChild(ldapString(v))
			}
		}
		one := ber.NewSequence("")
		one.AppendChild(ldapString(a.name))
		one.AppendChild(values)
		list.AppendChild(one)
	}
	op.AppendChild(list)
	return op
}

func ldapString(s string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s, "")
}

// child is the i-th part of p, or nil.
func child(p *ber.Packet, i int) *ber.Packet {
	if p == nil || i >= len(p.Children) {
		return nil
	}
	return p.Children[i]
}

// text is the content of a string, whatever its tag.
func text(p *ber.Packet) string {
	if p == nil || p.Data == nil {
		return ""
	}
	return p.Data.String()
}

func integer(p *ber.Packet) (int64, bool) {
	if p == nil {
		return 0, false
	}
	n, ok := p.Value.(int64)
	return n, ok
}

// critical reports whether a control among the controls of a message must not be
// ignored: none is known here.
func critical(controls *ber.Packet) bool {
	if controls == nil {
		return false
	}
	for _, c := range controls.Children {
		if yes := child(c, 1); yes != nil && yes.Value == true {
			return true
		}
	}
	return false
}
