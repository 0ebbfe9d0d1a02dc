package mockserver

import (
	"io"
	"strings"
	"testing"
	"testing/synctest"
)

func TestEachFieldThatIsSpoiltIsTheOneThatIsRefused(t *testing.T) {
	const away = "claim ann ex1 ex2" // ex1 answers ecWrongServer
	const redirect = "RopLogon ecWrongServer /o=contoso/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Configuration/cn=Servers/cn=ex2"
	tests := []struct {
		rule, before, step, want string
	}{
		{"malformed=head.response-code", "", "connect", "no number"},
		{"malformed=head.no-response-code", "", "connect", "no X-ResponseCode, application/mapi-http"},
		{"malformed=head.content-type", "", "connect", "Content-Type text/plain"},
		{"malformed=head.request-id", "", "connect", "X-RequestId {00000000-0000-0000-0000-000000000000}:1"},
		{"malformed=head.request-type", "", "connect", "X-RequestType Strange"},
		{"malformed=head.cookie", "", "connect", "Set-Cookie =; ;;"},
		{"malformed=stream.tag", "", "connect", "malformed answer stream: tag…"},
		{"malformed=stream.no-done", "", "connect", "hung up"},
		{"malformed=stream.header", "", "connect", "malformed answer stream: additional header…"},
		{"malformed=stream.no-empty-line", "", "connect", "hung up"},
		{"malformed=stream.no-body", "", "connect", "connect response: StatusCode"},
		{"malformed=stream.trailing", "", "connect", "connect response: end"},
		{"malformed=connect.cut", "", "connect", "connect response: RetryDelay"},
		{"malformed=connect.dn-prefix", "", "connect", "connect response: DnPrefix"},
		{"malformed=connect.display-name", "", "connect", "connect response: DisplayName"},
		{"malformed=execute.header-version", "", "logon", "rpc header: Version"},
		{"malformed=execute.header-last", "", "logon", "rop buffer: Flags"},
		{"malformed=execute.header-compressed", "", "logon", "compressed payload: match"},
		{"malformed=execute.rop-id", "", "logon", "then unknown rop (0x99)"},
		{"malformed=execute.no-rops", "", "logon", ""},
		{"malformed=execute.handles", "", "logon", "RopLogon ecNone without a handle"},
		{"malformed=logon.cut", "", "logon", "logon response: FolderIds"},
		{"malformed=logon.index", "", "logon", "RopLogon at 77"},
		{"malformed=logon.handle", "", "logon", "RopLogon ecNone without a handle"},
		{"malformed=logon.twice", "", "logon", "RopLogon ecNone RopLogon ecNone"},
		{"malformed=redirect.cut", away, "logon", "logon response: ServerNameSize"},
		{"malformed=redirect.empty", away, "logon", "RopLogon ecWrongServer"},
		{"malformed=redirect.no-dn", away, "logon", "RopLogon ecWrongServer somewhere else"},
		{"malformed=redirect.no-cn", away, "logon", "RopLogon ecWrongServer /o=Contoso"},
		{"malformed=redirect.not-ascii", away, "logon", "logon response: ServerName"},
		{"malformed=redirect.nul", away, "logon", "RopLogon ecWrongServer /o=Contoso/cn=Configuration"},
		{"length=content.long", "", "connect", "hung up"},
		{"length=content.short", "", "connect", "connect response: AuxiliaryBuffer"},
		{"length=connect.aux-long", "", "connect", "connect response: AuxiliaryBuffer"},
		{"length=connect.aux-short", "", "connect", "connect response: end"},
		{"length=execute.buffer-long", "", "logon", "execute response: AuxiliaryBuffer"},
		{"length=execute.buffer-short", "", "logon", "execute response: AuxiliaryBuffer"},
		{"length=execute.header-long", "", "logon", "rpc header: SizeActual"},
		{"length=execute.header-short", "", "logon", "rpc header: SizeActual"},
		{"length=execute.actual-long", "", "logon", "rpc header: SizeActual"},
		{"length=execute.rops-long", "", "logon", "rop buffer: ServerObjectHandleTable"},
		{"length=execute.rops-short", "", "logon", "rop buffer: ServerObjectHandleTable"},
		{"length=redirect.name-long", away, "logon", "logon response: ServerName"},
		{"length=redirect.name-short", away, "logon", redirect + " then unknown rop (0x00)"},
		{"malformed=xml.empty", "", "ask", ""},
		{"malformed=xml.cut", "", "ask", ""},
		{"malformed=xml.html", "", "ask", "This is a web site."},
		{"malformed=xml.namespace", "", "ask", `xmlns="http://schemas.microsoft.com/exchange/autodiscover/elsewhere"`},
		{"malformed=xml.doctype", "", "ask", "<!DOCTYPE Autodiscover ["},
		{"malformed=xml.entity", "", "ask", "&nobody;"},
		{"malformed=xml.charset", "", "ask", `encoding="utf-16"`},
		{"malformed=xml.deep", "", "ask", strings.Repeat("<a>", 5000)},
		{"malformed=xml.action", "", "ask", "<Action>dance</Action>"},
		{"malformed=xml.no-account", "", "ask", "<Account></Account>"},
		{"malformed=xml.legacy-dn", "", "ask", "<LegacyDN></LegacyDN>"},
		{"malformed=xml.url", "", "ask", "<InternalUrl>ht tps:/ex1"},
		{"malformed=xml.redirect-url", "move ann mx1", "ask", "<RedirectUrl>not a URL</RedirectUrl>"},
		{"malformed=xml.redirect-empty", "move ann mx1", "ask", "<RedirectUrl></RedirectUrl>"},
		{"malformed=xml.error-code", "malformed", "ask", "<ErrorCode>many</ErrorCode>"},
	}
	shown := map[string]bool{}
	for _, tt := range tests {
		shown[tt.rule] = true
		t.Run(tt.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := Start(t, calm)
				see := func() string {
					v := newVictim(t, s, tt.step)
					if tt.step == "ask" {
						return rawAsk(v, tt.before == "malformed")
					}
					if head, ok := strings.CutPrefix(tt.rule, "malformed=head."); ok && head != "no-response-code" {
						return rawHead(v, tt.want)
					}
					return v.see(tt.step)
				}
				if tt.before != "malformed" {
					do(t, s, tt.before)
				}
				// It is taken at the endpoint, and for the request type, where it acts.
				where := map[string]string{"ask": " endpoint=autodiscover", "connect": " endpoint=mapi type=Connect", "logon": " endpoint=mapi type=Execute"}[tt.step]
				if strings.Contains(tt.rule, "head.") { // which PING has too
					where = " endpoint=mapi"
				}
				do(t, s, "fault "+tt.rule+where)
				want, begins := strings.CutSuffix(tt.want, "…")
				switch got := see(); {
				case tt.step == "ask" && strings.Contains(got, want) && (want != "" || !strings.Contains(got, "</Autodiscover>")):
				case tt.step != "ask" && (got == want || begins && strings.HasPrefix(got, want)):
				default:
					t.Errorf("have %.200q, want %q", got, tt.want)
				}
				if got := s.Faults()[0]; got.Acted != 1 {
					t.Errorf("acted %d times", got.Acted)
				}
				unharmed := healthy[tt.step]
				if tt.before == away {
					unharmed = redirect
				}
				if got := see(); tt.step == "ask" && (!strings.HasSuffix(got, "</Autodiscover>\n") || tt.want != "" && strings.Contains(got, tt.want)) ||
					tt.step != "ask" && got != unharmed && got != "as it should be" {
					t.Errorf("afterwards: %q", got)
				}
			})
		})
	}
	for _, k := range FaultKinds() {
		for _, field := range k.Samples {
			if rule := k.Name + "=" + field; (k.Name == "malformed" || k.Name == "length") && !shown[rule] {
				t.Errorf("%s is not tested", rule)
			}
		}
	}
}

// rawAsk is the document that Autodiscover answers.
func rawAsk(v *victim, wrong bool) string {
	body := ""
	if wrong {
		body = "<no-request/>"
	}
	q := v.asking(body)
	a, err := v.http.Do(q)
	if err != nil {
		v.t.Fatal(err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return string(text)
}

// rawHead says which part of the head of an answer to Connect is not as it
// should be.
func rawHead(v *victim, want string) string {
	v.http.CheckRedirect = nil
	a := v.send("PING", nil, nil)
	if strings.HasPrefix(want, "Set-Cookie") {
		a = v.send("Connect", connectBody(v.dn), nil)
	}
	switch {
	case a.head.Get("X-ResponseCode") != "0":
		return "no number"
	case a.head.Get("Content-Type") != "application/mapi-http":
		return "Content-Type " + a.head.Get("Content-Type")
	case !strings.HasPrefix(a.head.Get("X-RequestId"), "{E2EA6C1C"):
		return "X-RequestId " + a.head.Get("X-RequestId")
	case a.head.Get("X-RequestType") == "Strange":
		return "X-RequestType Strange"
	case len(a.head["Set-Cookie"]) == 1:
		return "Set-Cookie " + a.head.Get("Set-Cookie")
	}
	return "as it should be"
}
