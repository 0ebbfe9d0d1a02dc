package mockserver

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/homing-mail/homing/internal/mapi"
)

// field is a part of an answer that a fault may spoil.
type field struct {
	name  string // the kind of answer, and what of it
	of    target
	spoil func(x *exchange, a *answer)
}

// target is the kind of answer that a field is in.
type target struct {
	reach
	meets func(x *exchange, a *answer) bool
}

// malformed are the fields that "malformed" may spoil.
var malformed = []field{
	// The head of every success of MAPI.
	{"head.response-code", ofStreamHead, setHeader("X-ResponseCode", "none")},
	{"head.no-response-code", ofStreamHead, setHeader("X-ResponseCode", "")},
	{"head.content-type", ofStreamHead, setHeader("Content-Type", "text/plain")},
	{"head.request-id", ofStreamHead, setHeader("X-RequestId", "{00000000-0000-0000-0000-000000000000}:1")},
	{"head.request-type", ofStreamHead, setHeader("X-RequestType", "Strange")},
	{"head.cookie", ofCookies, setHeader("Set-Cookie", "=; ;;")},

	// The stream that the body begins with.
	{"stream.tag", ofStreamEnd, func(_ *exchange, a *answer) { a.tail = append(append([]byte("READY\r\n"), a.extra...), "\r\n"...) }},
	{"stream.no-done", ofStreamEnd, func(_ *exchange, a *answer) { a.tail, a.body = []byte{}, nil }},
	{"stream.header", ofStreamEnd, func(_ *exchange, a *answer) { a.extra = append([]byte("no colon\r\n"), a.extra...) }},
	{"stream.no-empty-line", ofStreamEnd, func(_ *exchange, a *answer) { a.tail, a.body = append([]byte(tagDone), a.extra...), nil }},
	{"stream.no-body", ofBody, func(_ *exchange, a *answer) { a.body = nil }},
	{"stream.trailing", ofBody, func(_ *exchange, a *answer) { a.body = append(bytes.Clone(a.body), 0xEE) }},

	{"connect.cut", ofConnect, func(_ *exchange, a *answer) { a.body = a.body[:18] }},
	{"connect.dn-prefix", ofConnect, func(_ *exchange, a *answer) { a.body = append(a.body[:20:20], "/o=Contoso/ou"...) }}, // no NUL
	{"connect.display-name", ofConnect, func(_ *exchange, a *answer) {
		i := 20 + bytes.IndexByte(a.body[20:], 0) + 1
		a.body = append(a.body[:i:i], 'A', 0, 'n') // half a character
	}},

	{"execute.header-version", ofExecute, setUint16(atRPCHeader, 1)},
	{"execute.header-last", ofExecute, setUint16(atRPCFlags, 0)},
	{"execute.header-compressed", ofExecute, setUint16(atRPCFlags, uint16(mapi.PayloadCompressed|mapi.PayloadLast))},
	{"execute.rop-id", ofExecute, func(_ *exchange, a *answer) { a.body = with(a.body, atRops, 0x99) }},
	{"execute.no-rops", ofExecute, relist(func(e *execution) { e.list = nil })},
	{"execute.handles", ofExecute, relist(func(e *execution) { e.handles = nil })},

	{"logon.cut", ofLogon(mapi.EcNone), relist(func(e *execution) { e.list = e.list[:100] })},
	{"logon.index", ofLogon(mapi.EcNone), func(_ *exchange, a *answer) { a.body = with(a.body, atRops+1, 77) }},
	{"logon.handle", ofLogon(mapi.EcNone), relist(func(e *execution) { e.handles[0] = mapi.NoHandle })},
	{"logon.twice", ofLogon(mapi.EcNone), relist(func(e *execution) { e.list = append(e.list, e.list...) })},

	// A redirect: RopId, OutputHandleIndex, ReturnValue, LogonFlags, ServerNameSize, ServerName.
	{"redirect.cut", ofLogon(mapi.EcWrongServer), relist(func(e *execution) { e.list = e.list[:7] })},
	{"redirect.empty", ofLogon(mapi.EcWrongServer), renameServer("")},
	{"redirect.no-dn", ofLogon(mapi.EcWrongServer), renameServer("somewhere else")},
	{"redirect.no-cn", ofLogon(mapi.EcWrongServer), renameServer("/o=Contoso")},
	{"redirect.not-ascii", ofLogon(mapi.EcWrongServer), renameServer("/o=Contoso/cn=Configuration/cn=Servers/cn=ex\xff")},
	{"redirect.nul", ofLogon(mapi.EcWrongServer), renameServer("/o=Contoso/cn=Configuration\x00/cn=Servers/cn=ex2")},

	// Autodiscover.
	{"xml.empty", ofXML, func(_ *exchange, a *answer) { a.body = nil }},
	{"xml.cut", ofXML, func(_ *exchange, a *answer) { a.body = a.body[:len(a.body)/2] }},
	{"xml.html", ofXML, func(_ *exchange, a *answer) { a.body = []byte(htmlPage) }},
	{"xml.namespace", ofXML, replaceAll("exchange/autodiscover/outlook/responseschema/2006a", "exchange/autodiscover/elsewhere")},
	{"xml.doctype", ofXML, replaceAll("<Autodiscover ", "<!DOCTYPE Autodiscover [<!ENTITY a \"a\">]>\n<Autodiscover ")},
	{"xml.entity", ofXML, replaceAll("</Autodiscover>", "&nobody;</Autodiscover>")},
	{"xml.charset", ofXML, replaceAll(`encoding="utf-8"`, `encoding="utf-16"`)},
	{"xml.deep", ofXML, func(_ *exchange, a *answer) {
		a.body = bytes.Replace(a.body, []byte("</Autodiscover>"), []byte(strings.Repeat("<a>", 5000)+strings.Repeat("</a>", 5000)+"</Autodiscover>"), 1)
	}},
	{"xml.action", ofXMLWith("<Action>"), replaceBetween("<Action>", "</Action>", "dance")},
	{"xml.no-account", ofXMLWith("<Account>"), replaceBetween("<Account>", "</Account>", "")},
	{"xml.legacy-dn", ofXMLWith("<LegacyDN>"), replaceBetween("<LegacyDN>", "</LegacyDN>", "")},
	{"xml.url", ofXMLWith("<MailStore>"), replaceAll("https://", "ht tps:/")},
	{"xml.redirect-url", ofXMLWith("<RedirectUrl>"), replaceBetween("<RedirectUrl>", "</RedirectUrl>", "not a URL")},
	{"xml.redirect-empty", ofXMLWith("<Redirect"), replaceBetween("<Redirect", "</Redirect", "Url>")},
	{"xml.error-code", ofXMLWith("<ErrorCode>"), replaceBetween("<ErrorCode>", "</ErrorCode>", "many")},
}

// lengths are the fields that "length" makes too long or too short.
var lengths = []field{
	{"content.long", ofWhole, func(_ *exchange, a *answer) { a.length = 10 }},
	{"content.short", ofWhole, func(_ *exchange, a *answer) { n := len(a.body) / 2; a.body, a.stray = a.body[:n], a.body[n:] }},
	{"connect.aux-long", ofConnect, resize(atConnectAux, 4, 1)},
	{"connect.aux-short", ofConnect, resize(atConnectAux, 4, -1)},
	{"execute.buffer-long", ofExecute, resize(at(atRopBufferSize), 4, 1)},
	{"execute.buffer-short", ofExecute, resize(at(atRopBufferSize), 4, -1)},
	{"execute.header-long", ofExecute, resize(at(atRPCSize), 2, 1)},
	{"execute.header-short", ofExecute, resize(at(atRPCSize), 2, -1)},
	{"execute.actual-long", ofExecute, resize(at(atRPCActual), 2, 1)},
	{"execute.rops-long", ofExecute, resize(at(atPayload), 2, 1)},
	{"execute.rops-short", ofExecute, resize(at(atPayload), 2, -1)},
	{"redirect.name-long", ofLogon(mapi.EcWrongServer), resize(at(atRops+7), 1, 1)},
	{"redirect.name-short", ofLogon(mapi.EcWrongServer), resize(at(atRops+7), 1, -1)},
}

// fields are those that k may spoil; nil: it is about no field.
func (k *kind) fields() []field {
	switch k.Name {
	case "malformed":
		return malformed
	case "length":
		return lengths
	}
	return nil
}

func fieldNames(list []field) []string {
	var names []string
	for _, f := range list {
		names = append(names, f.name)
	}
	return names
}

func fieldNamed(list []field, name string) *field {
	for i := range list {
		if list[i].name == name {
			return &list[i]
		}
	}
	return nil
}

func wantField(list []field) func(string) error {
	return func(with string) error {
		if fieldNamed(list, with) == nil {
			return fmt.Errorf("no field %q: want one of %s", cut(with, 40), strings.Join(fieldNames(list), ", "))
		}
		return nil
	}
}

func meetsField(list []field) func(*exchange, *answer, *Fault) bool {
	return func(x *exchange, a *answer, f *Fault) bool { return fieldNamed(list, f.With).of.meets(x, a) }
}

func spoilField(list []field) func(*exchange, *answer, *Fault) {
	return func(x *exchange, a *answer, f *Fault) { fieldNamed(list, f.With).spoil(x, a) }
}

// What an answer has to be.

var (
	ofWhole      = target{reach{everywhere, nil}, func(_ *exchange, a *answer) bool { return a.part == partWhole && len(a.body) > 1 }}
	ofStreamHead = target{reach{onlyMAPI, nil}, func(x *exchange, a *answer) bool { return a.stream && hasHead(x, a, nil) }}
	ofStreamEnd  = target{reach{onlyMAPI, nil}, func(x *exchange, a *answer) bool { return isStreamEnd(x, a, nil) }}
	ofCookies    = target{reach{onlyMAPI, nil}, func(x *exchange, a *answer) bool { return hasCookies(x, a, nil) }}
	ofBody       = target{reach{onlyMAPI, typesBut("PING")}, func(x *exchange, a *answer) bool { return isStreamEnd(x, a, nil) && len(a.body) > 0 }}
	ofExecute    = target{reach{onlyMailbox, onlyExecute}, func(x *exchange, a *answer) bool { return isExecuted(x, a, nil) }}
	ofXML        = ofXMLWith("")

	ofConnect = target{reach{onlyMailbox, []string{"Connect"}}, func(x *exchange, a *answer) bool {
		return x.kind == "Connect" && a.stream && len(a.body) > 24 && binary.LittleEndian.Uint32(a.body) == 0
	}}
)

// ofLogon is about an answer to Execute that begins with a RopLogon and this
// ReturnValue.
func ofLogon(code mapi.Code) target {
	return target{reach{onlyMailbox, onlyExecute}, func(x *exchange, a *answer) bool {
		e, ok := executed(x, a)
		return ok && len(e.list) >= 8 && mapi.RopID(e.list[0]) == mapi.RopLogon && binary.LittleEndian.Uint32(e.list[2:]) == uint32(code)
	}}
}

// ofXMLWith is about a document of Autodiscover that has text in it.
func ofXMLWith(text string) target {
	return target{reach{onlyPOX, nil}, func(x *exchange, a *answer) bool { return isXML(x, a, nil) && bytes.Contains(a.body, []byte(text)) }}
}

// What is done to it.

func setHeader(name, value string) func(*exchange, *answer) {
	return func(_ *exchange, a *answer) {
		if value == "" {
			delete(a.header, name)
			return
		}
		a.header[name] = []string{value}
	}
}

func with(body []byte, at int, value byte) []byte {
	body = bytes.Clone(body)
	body[at] = value
	return body
}

func setUint16(at int, value uint16) func(*exchange, *answer) {
	return func(_ *exchange, a *answer) {
		a.body = bytes.Clone(a.body)
		binary.LittleEndian.PutUint16(a.body[at:], value)
	}
}

// relist changes the ROPs and the handles of an answer to Execute; the sizes
// around them stay right.
func relist(change func(*execution)) func(*exchange, *answer) {
	return func(x *exchange, a *answer) {
		e, _ := executed(x, a)
		change(&e)
		a.body = e.body()
	}
}

// renameServer gives a redirect another ServerName; "": ServerNameSize 0.
func renameServer(name string) func(*exchange, *answer) {
	return relist(func(e *execution) {
		e.list = e.list[:7:7]
		if name == "" {
			e.list = append(e.list, 0)
			return
		}
		e.list = append(append(append(e.list, byte(len(name)+1)), name...), 0)
	})
}

func at(offset int) func(body []byte) int { return func([]byte) int { return offset } }

// atConnectAux is where AuxiliaryBufferSize stands, behind DnPrefix and
// DisplayName.
func atConnectAux(body []byte) int {
	i := 20 + bytes.IndexByte(body[20:], 0) + 1
	for ; body[i] != 0 || body[i+1] != 0; i += 2 {
	}
	return i + 2
}

// resize adds by to a size of so many bytes, little-endian.
func resize(at func(body []byte) int, size, by int) func(*exchange, *answer) {
	return func(_ *exchange, a *answer) {
		a.body = bytes.Clone(a.body)
		field := a.body[at(a.body):][:size]
		for i, carry := 0, by; i < size && carry != 0; i++ {
			sum := int(field[i]) + carry
			field[i], carry = byte(sum), sum>>8
		}
	}
}

func replaceAll(old, new string) func(*exchange, *answer) {
	return func(_ *exchange, a *answer) { a.body = bytes.ReplaceAll(a.body, []byte(old), []byte(new)) }
}

// replaceBetween puts text between the first from and the first to behind it.
func replaceBetween(from, to, text string) func(*exchange, *answer) {
	return func(_ *exchange, a *answer) {
		before, rest, _ := bytes.Cut(a.body, []byte(from))
		_, after, _ := bytes.Cut(rest, []byte(to))
		a.body = []byte(string(before) + from + text + to + string(after))
	}
}
