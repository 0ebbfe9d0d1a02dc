package mockserver

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// ldapClient is the smallest client of a directory.
type ldapClient struct {
	t    testing.TB
	conn net.Conn
	id   int64
}

// dialLDAP connects in memory: by TLS at port 636, else in clear.
func dialLDAP(t testing.TB, s *Server, host, port string) *ldapClient {
	t.Helper()
	c, err := s.Dial(t.Context(), "tcp", host+":"+port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	l := &ldapClient{t: t, conn: c}
	if port == "636" {
		l.secure(s, host)
	}
	return l
}

func (l *ldapClient) secure(s *Server, host string) {
	l.t.Helper()
	c := tls.Client(l.conn, &tls.Config{RootCAs: s.RootCAs(), ServerName: host})
	if err := c.Handshake(); err != nil {
		l.t.Fatal(err)
	}
	l.conn = c
}

// ask sends an operation and returns what comes up to the result, which has the
// tag done.
func (l *ldapClient) ask(op *ber.Packet, done ber.Tag, controls ...*ber.Packet) []*ber.Packet {
	l.t.Helper()
	l.id++
	message := ber.NewSequence("")
	message.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, l.id, ""))
	message.AppendChild(op)
	if len(controls) > 0 {
		list := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
		for _, c := range controls {
			list.AppendChild(c)
		}
		message.AppendChild(list)
	}
	if _, err := l.conn.Write(message.Bytes()); err != nil {
		l.t.Fatal(err)
	}
	var list []*ber.Packet
	for {
		p, err := ber.ReadPacket(l.conn)
		if err != nil {
			l.t.Fatal(err)
		}
		if p.Children[0].Value != l.id {
			l.t.Errorf("answer to %v, want %d", p.Children[0].Value, l.id)
		}
		list = append(list, p.Children[1])
		if p.Children[1].Tag == done {
			return list
		}
	}
}

// code is the result code that a list of answers ends with.
func code(list []*ber.Packet) int64 { return list[len(list)-1].Children[0].Value.(int64) }

func bindRequest(name, password string) *ber.Packet {
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, 0, nil, "")
	op.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, int64(3), ""))
	op.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, name, ""))
	op.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, password, ""))
	return op
}

func (l *ldapClient) bind(name, password string) int64 {
	l.t.Helper()
	return code(l.ask(bindRequest(name, password), 1))
}

func (l *ldapClient) startTLS() int64 {
	l.t.Helper()
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, 23, nil, "")
	op.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, "1.3.6.1.4.1.1466.20037", ""))
	return code(l.ask(op, 24))
}

func equality(name, value string) *ber.Packet {
	p := ber.Encode(ber.ClassContext, ber.TypeConstructed, 3, nil, "")
	for _, s := range []string{name, value} {
		p.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s, ""))
	}
	return p
}

func present(name string) *ber.Packet {
	return ber.NewString(ber.ClassContext, ber.TypePrimitive, 7, name, "")
}

func combine(tag ber.Tag, filters ...*ber.Packet) *ber.Packet {
	p := ber.Encode(ber.ClassContext, ber.TypeConstructed, tag, nil, "")
	for _, f := range filters {
		p.AppendChild(f)
	}
	return p
}

// scpFilter is that of [MS-OXDISCO] 2.2.1.2, with the keywords in another case.
func scpFilter(class string) *ber.Packet {
	return combine(0, equality(class, "serviceConnectionPoint"), combine(1,
		equality("keywords", "67661D7F-8FC4-4FA7-BFAC-E1D7794C1F68"), equality("Keywords", "77378f46-2c66-4aa9-a6a6-3e7a48b19596")))
}

func searchRequest(base string, scope, limit int64, filter *ber.Packet, names ...string) *ber.Packet {
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, 3, nil, "")
	op.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, base, ""))
	op.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, scope, ""))
	op.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, int64(0), ""))
	op.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, limit, ""))
	op.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, int64(10), ""))
	op.AppendChild(ber.NewBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, false, ""))
	op.AppendChild(filter)
	list := ber.NewSequence("")
	for _, name := range names {
		list.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, name, ""))
	}
	op.AppendChild(list)
	return op
}

// search returns the result code, the values of each entry, and where it was
// referred to.
func (l *ldapClient) search(base string, scope, limit int64, filter *ber.Packet, names ...string) (result int64, entries, referrals []string) {
	l.t.Helper()
	list := l.ask(searchRequest(base, scope, limit, filter, names...), 5)
	for _, p := range list[:len(list)-1] {
		if p.Tag == 19 {
			referrals = append(referrals, p.Children[0].Data.String())
			continue
		}
		var values []string
		for _, a := range p.Children[1].Children {
			for _, v := range a.Children[1].Children {
				values = append(values, v.Data.String())
			}
		}
		entries = append(entries, strings.Join(values, "; "))
	}
	if done := list[len(list)-1]; len(done.Children) > 3 {
		for _, p := range done.Children[3].Children {
			referrals = append(referrals, p.Data.String())
		}
	}
	return code(list), entries, referrals
}
