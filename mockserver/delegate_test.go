package mockserver

import (
	"strings"
	"testing"

	"github.com/homing-mail/homing/internal/mapi"
)

// delegates is two forests where ben may open the mailbox of ann.
var delegates = strings.Replace(twoForests(""), "user = \"ann\"\n", "user = \"ann\"\ndelegates = [\"ben\"]\n", 1)

// side is a place that the lock of a move of ann's mailbox concerns.
type side struct{ name, server, forest string }

func (e side) url(w Whereabouts) string {
	return "https://" + e.server + "." + e.forest + "/mapi/emsmdb/?MailboxId=" + w.GUID + "@" + e.forest
}

func dnIn(t *testing.T, w Whereabouts, forest string) string {
	t.Helper()
	for _, o := range w.Objects {
		if o.Forest == forest {
			return o.LegacyDN
		}
	}
	t.Fatalf("%s does not know %s", forest, w.User)
	return ""
}

func TestALockKeepsDelegatesOutAsWell(t *testing.T) {
	source := side{"the source", "ex1", "contoso.test"}
	tests := []struct {
		to   string
		ends []side
	}{
		{"ex2", []side{source, {"the target in the same forest", "ex2", "contoso.test"}}},
		{"mx1", []side{source, {"the target in another forest", "mx1", "fabrikam.test"}}},
	}
	for _, tt := range tests {
		for _, at := range tt.ends {
			for _, who := range []string{"ann", "ben"} {
				t.Run(at.name+" for "+who+", moving to "+tt.to, func(t *testing.T) {
					s := Start(t, delegates)
					do(t, s, "start ann "+tt.to, "lock ann")
					w, err := s.Where("ann")
					if err != nil {
						t.Fatal(err)
					}
					c := newClient(t, s, who+"@contoso.test").session(at.url(w))
					dn := dnIn(t, w, at.forest)
					if a := c.connect(dn); a.ErrorCode != mapi.EcNone {
						t.Fatalf("Connect: %v, want ecNone", a.ErrorCode)
					}
					if a := c.logon(dn); a.ReturnValue != mapi.EcMailboxInTransit {
						t.Errorf("RopLogon while locked: %v, want ecMailboxInTransit", a.ReturnValue)
					}
					// The twin: on the same context, the mailbox opens where the move ends.
					if at.server == tt.to {
						do(t, s, "finish ann")
					} else {
						do(t, s, "cancel ann")
					}
					if a := c.logon(dn); a.ReturnValue != mapi.EcNone {
						t.Errorf("RopLogon after the move: %v, want ecNone", a.ReturnValue)
					}
				})
			}
		}
	}
}

func TestALockMeetsADelegateWhoConnectedBefore(t *testing.T) {
	s := Start(t, delegates)
	w, err := s.Where("ann")
	if err != nil {
		t.Fatal(err)
	}
	dn := dnIn(t, w, "contoso.test")
	ben, err := s.Where("ben")
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, s, "ben@contoso.test").session(side{server: "ex1", forest: "contoso.test"}.url(w))
	if a := c.connect(dnIn(t, ben, "contoso.test")); a.ErrorCode != mapi.EcNone {
		t.Fatalf("Connect with the own DN: %v", a.ErrorCode)
	}
	do(t, s, "start ann mx1")
	if a := c.logon(dn); a.ReturnValue != mapi.EcNone {
		t.Fatalf("before the lock: %v, want ecNone", a.ReturnValue)
	}
	do(t, s, "lock ann")
	if a := c.logon(dn); a.ReturnValue != mapi.EcMailboxInTransit {
		t.Errorf("on the same context after the lock: %v, want ecMailboxInTransit", a.ReturnValue)
	}
}

func TestALockInvalidatesTheLogonOfADelegate(t *testing.T) {
	tests := []struct {
		name, option string
		want         mapi.Code // of the next ROP
		code         int       // or X-ResponseCode
	}{
		{"by ecInvalidObject", "", mapi.EcInvalidObject, 0},
		{"by ecNullObject", " invalidate=null", mapi.EcNullObject, 0},
		{"by Context Not Found", " invalidate=context", 0, 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, delegates)
			w, err := s.Where("ann")
			if err != nil {
				t.Fatal(err)
			}
			url := side{server: "ex1", forest: "contoso.test"}.url(w)
			c, how := newClient(t, s, "ben@contoso.test").enter(url, dnIn(t, w, "contoso.test"))
			do(t, s, "start ann ex2"+tt.option)
			if code := c.probe(); how != "ok" || code != mapi.EcNone {
				t.Fatalf("before the lock: %s, %v", how, code)
			}
			do(t, s, "lock ann")
			r := c.send("Execute", c.executeBody(&mapi.GetReceiveFolderRequest{MessageClass: "IPM"}), nil)
			if r.code != tt.code {
				t.Fatalf("X-ResponseCode %d, want %d", r.code, tt.code)
			}
			if tt.code != 0 {
				return
			}
			if got := c.responses(r)[0].(*mapi.GetReceiveFolderResponse).ReturnValue; got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}
