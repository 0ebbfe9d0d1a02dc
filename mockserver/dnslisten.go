package mockserver

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	plainUDP     = 512  // bytes of an answer to a client without EDNS (RFC 1035 4.2.1)
	maxUDP       = 1232 // bytes of an answer to one with EDNS, whatever it offers
	dnsIdle      = 10 * time.Second
	dnsTTL       = 5 // seconds: a script may change everything
	dnsTypeWords = 40
)

// ListenDNS serves the DNS of the world by UDP and TCP at one port of a loopback
// address, such as "127.0.0.1:0". It is authoritative for every name and asks
// nobody else. A host has the address of [Server.Listen], or 127.0.0.1 before
// that. An answer that is too long for UDP is truncated, and whole by TCP.
func (s *Server) ListenDNS(addr string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dns != nil {
		return fmt.Errorf("listen on %s: the dns is on %s already", addr, s.dns.LocalAddr())
	}
	// The port that TCP drew may be taken for UDP.
	var err error
	for range 10 {
		var tcp net.Listener
		if tcp, err = s.loopback(addr); err != nil {
			return err
		}
		var udp net.PacketConn
		if udp, err = net.ListenPacket("udp", tcp.Addr().String()); err != nil {
			tcp.Close()
			continue
		}
		s.dns = udp
		s.listeners = append(s.listeners, udp, tcp)
		s.serving.Go(func() { s.serveUDP(udp) })
		s.serving.Go(func() { s.accept(tcp, "", s.serveTCP) })
		return nil
	}
	return fmt.Errorf("listen on %s: %w", addr, err)
}

// DNSAddr is the address of the DNS, "" before [Server.ListenDNS].
func (s *Server) DNSAddr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dns == nil {
		return ""
	}
	return s.dns.LocalAddr().String()
}

func (s *Server) serveUDP(c net.PacketConn) {
	buf := make([]byte, 4096)
	for {
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			if s.isClosed() {
				return
			}
			continue // the client of the answer before is gone
		}
		if answer := s.answerDNS(buf[:n], true); answer != nil {
			c.WriteTo(answer, from)
		}
	}
}

func (s *Server) serveTCP(c net.Conn) {
	for {
		c.SetDeadline(time.Now().Add(dnsIdle))
		var length [2]byte
		if _, err := io.ReadFull(c, length[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(c, query); err != nil {
			return
		}
		answer := s.answerDNS(query, false)
		if answer == nil {
			continue // until the client gives up
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return
		}
	}
}

// answerDNS answers a query of one question; nil: with silence.
func (s *Server) answerDNS(query []byte, udp bool) []byte {
	var p dnsmessage.Parser
	head, err := p.Start(query)
	if err != nil || head.Response {
		return nil
	}
	reply := dnsmessage.Header{ID: head.ID, Response: true, OpCode: head.OpCode, Authoritative: true, RecursionDesired: head.RecursionDesired}
	questions, err := p.AllQuestions()
	switch {
	case err != nil || len(questions) != 1:
		reply.RCode = dnsmessage.RCodeFormatError
		return pack(reply, nil, nil)
	case head.OpCode != 0 || questions[0].Class != dnsmessage.ClassINET:
		reply.RCode = dnsmessage.RCodeNotImplemented
		return pack(reply, questions, nil)
	}
	room := 1<<16 - 1
	if udp {
		room = udpRoom(&p)
	}
	q := questions[0]
	name := strings.ToLower(strings.TrimSuffix(q.Name.String(), "."))

	s.mu.Lock()
	s.dir.dns.count(cut(strings.TrimPrefix(q.Type.String(), "Type"), dnsTypeWords), name)
	r := s.dir.resolve(name)
	ip := net.IPv4(127, 0, 0, 1)
	if s.listener != nil {
		if tcp, ok := s.listener.Addr().(*net.TCPAddr); ok {
			ip = tcp.IP
		}
	}
	s.mu.Unlock()

	var answers []dnsmessage.Resource
	switch {
	case r.how == ResolverSilent:
		return nil
	case r.how == ResolverFails:
		reply.RCode, reply.Authoritative = dnsmessage.RCodeServerFailure, false
	case r.how == ResolverNXDomain, r.how == ResolverNormal && !r.exists:
		reply.RCode = dnsmessage.RCodeNameError
	case r.how == ResolverNormal:
		answers = r.records(q, ip)
		if len(r.aliases) > 0 && r.site == nil {
			reply.RCode = dnsmessage.RCodeNameError // what the alias leads to has vanished
		}
	}
	answer := pack(reply, questions, answers)
	if len(answer) > room {
		reply.Truncated = true
		answer = pack(reply, questions, nil)
	}
	return answer
}

// udpRoom is how long an answer by UDP may be, by the OPT record of a query (RFC
// 6891 6.2.3).
func udpRoom(p *dnsmessage.Parser) int {
	if p.SkipAllAnswers() != nil || p.SkipAllAuthorities() != nil {
		return plainUDP
	}
	for {
		head, err := p.AdditionalHeader()
		if err != nil {
			return plainUDP
		}
		if head.Type == dnsmessage.TypeOPT {
			return min(max(int(head.Class), plainUDP), maxUDP)
		}
		if p.SkipAdditional() != nil {
			return plainUDP
		}
	}
}

// records answer a question; a host has the address ip.
func (r resolution) records(q dnsmessage.Question, ip net.IP) (list []dnsmessage.Resource) {
	owner := q.Name
	add := func(body dnsmessage.ResourceBody) {
		list = append(list, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: owner, Class: q.Class, TTL: dnsTTL}, Body: body})
	}
	for _, alias := range r.aliases {
		target := dnsmessage.MustNewName(alias + ".")
		add(&dnsmessage.CNAMEResource{CNAME: target})
		if q.Type == dnsmessage.TypeCNAME {
			return list
		}
		owner = target
	}
	switch four := ip.To4(); {
	case q.Type == dnsmessage.TypeA && r.site != nil && four != nil:
		add(&dnsmessage.AResource{A: [4]byte(four)})
	case q.Type == dnsmessage.TypeAAAA && r.site != nil && four == nil:
		add(&dnsmessage.AAAAResource{AAAA: [16]byte(ip.To16())})
	case q.Type == dnsmessage.TypeSRV:
		for _, s := range r.srv {
			add(&dnsmessage.SRVResource{Priority: s.Priority, Weight: s.Weight, Port: s.Port, Target: dnsmessage.MustNewName(s.Target)})
		}
	}
	return list
}

func pack(head dnsmessage.Header, questions []dnsmessage.Question, answers []dnsmessage.Resource) []byte {
	m := dnsmessage.Message{Header: head, Questions: questions, Answers: answers}
	b, err := m.Pack()
	if err != nil {
		return nil // more than TCP can carry
	}
	return b
}
