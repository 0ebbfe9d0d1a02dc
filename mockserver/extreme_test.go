package mockserver

import (
	"testing"

	"github.com/homing-mail/homing/internal/mapi"
)

// A rule that acts has acted: its request is in the record, and the answer is
// what the rule says, whatever the client asked.
func TestANotifyInFrontOfAnAnswerWithoutHandles(t *testing.T) {
	s := Start(t, calm)
	v := newVictim(t, s, "logon")
	do(t, s, "fault notify-first type=Execute")
	list := (&mapi.GetReceiveFolderRequest{MessageClass: "IPM"}).Append(nil)
	q := mapi.ExecuteRequest{Flags: 3, RopBuffer: mapi.AppendRopBuffer(nil, list, nil), MaxRopOut: 0x10008}
	_, err := v.try("Execute", q.Append(nil), nil)
	if err != nil {
		t.Errorf("the handler died: %v", err)
	}
	if all := s.Requests(); all[len(all)-1].Fault != "fault1" {
		t.Errorf("not in the record: %+v", all[len(all)-1])
	}
}

func TestAnAnswerThatIsLongerThanABuffer(t *testing.T) {
	s := Start(t, calm)
	v := newVictim(t, s, "probe")
	var rops []mapi.RopRequest
	for range 6000 {
		rops = append(rops, &mapi.GetReceiveFolderRequest{MessageClass: ""})
	}
	if _, err := v.try("Execute", v.executeBody(rops...), nil); err != nil {
		t.Errorf("the handler died: %v", err)
	}
}

func TestAFailureOfGromoxIsTruncatedToo(t *testing.T) {
	for _, rule := range []string{"truncate=0", "reset=0", "none"} {
		t.Run(rule, func(t *testing.T) {
			s := Start(t, places("flavour = \"gromox\"\n"))
			v := newVictim(t, s, "probe")
			if rule != "none" {
				do(t, s, "fault "+rule)
			}
			list := (&mapi.GetReceiveFolderRequest{MessageClass: "IPM"}).Append(nil)
			q := mapi.ExecuteRequest{Flags: 3, RopBuffer: mapi.AppendRopBuffer(nil, list, []uint32{v.handle}), MaxRopOut: 1}
			a, err := v.try("Execute", q.Append(nil), nil)
			if whole := err == nil && a.err == nil; whole != (rule == "none") {
				t.Errorf("the answer is whole: %t; errors %v, %v", whole, err, a.err)
			}
		})
	}
}
