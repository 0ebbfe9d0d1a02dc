package logonclient_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/internal/mapi"
	"github.com/homing-mail/homing/logonclient"
)

func TestWhoLogsOnHearsOfItsOwnExchangesAlone(t *testing.T) {
	s := start(t, mailbox(nil))
	var mu sync.Mutex
	all := 0
	c := &logonclient.Client{Network: s.network(), Seen: func(logonclient.Exchange) {
		mu.Lock()
		defer mu.Unlock()
		all++
	}}
	const logons = 8
	heard := make([][]logonclient.Exchange, logons)
	var wg sync.WaitGroup
	for i := range logons {
		wg.Go(func() {
			ctx := logonclient.WithSeen(t.Context(), func(x logonclient.Exchange) { heard[i] = append(heard[i], x) })
			session, err := c.Logon(ctx, ann())
			if err != nil {
				t.Error(err)
				return
			}
			session.Close(t.Context()) // under another context: not heard
		})
	}
	wg.Wait()
	contexts := make(map[string]bool)
	for _, list := range heard {
		var ops []string
		for _, x := range list {
			ops = append(ops, x.Op)
			id, _, _ := strings.Cut(x.RequestID, ":")
			contexts[id] = true
		}
		if diff := cmp.Diff([]string{"Connect", "Execute RopLogon"}, ops); diff != "" {
			t.Errorf("heard (-want +got):\n%s", diff)
		}
	}
	if len(contexts) != logons || all != 3*logons {
		t.Errorf("%d Session Contexts were heard of and %d exchanges seen, want %d and %d", len(contexts), all, logons, 3*logons)
	}
}

func TestNobodyListensToAContextOfNobody(t *testing.T) {
	if logonclient.ContextSeen(context.Background()) != nil {
		t.Error("something is called that nobody gave")
	}
}

func TestAnExchangeInLines(t *testing.T) {
	const id, ok = "{11111111-1111-4111-8111-111111111111}:2", ", StatusCode ecNone (0x00000000)"
	for _, tt := range []struct {
		name string
		x    logonclient.Exchange
		want []string
	}{
		{"no answer", logonclient.Exchange{Op: "Connect", Host: annHost, RequestID: id, ResponseCode: -1, Elapsed: 1600 * time.Microsecond, Err: "Connect at ex1.contoso.test:443: connection refused"},
			[]string{"Connect at ex1.contoso.test, X-RequestId " + id + ", 2 ms", "  connection refused"}},
		{"an HTTP status", logonclient.Exchange{Op: "Connect", Host: "ex1.contoso.test:8443", RequestID: id, ResponseCode: -1, HTTPStatus: 503, Layers: 1, Err: "Connect at ex1.contoso.test:8443: HTTP status 503"},
			[]string{"Connect at ex1.contoso.test:8443, X-RequestId " + id + ", 0 ms", "  HTTP 503", "  HTTP status 503"}},
		{"an X-ResponseCode", logonclient.Exchange{Op: "Execute RopLogon", Host: annHost, RequestID: id, HTTPStatus: 200, ResponseCode: 10, Layers: 2, Err: "Execute RopLogon at ex1.contoso.test:443: Context Not Found (10)"},
			[]string{"Execute RopLogon at ex1.contoso.test, X-RequestId " + id + ", 0 ms", "  HTTP 200, X-ResponseCode 10", "  Context Not Found (10)"}},
		{"an ErrorCode, which is said once", logonclient.Exchange{Op: "Connect", Host: annHost, RequestID: id, HTTPStatus: 200, ErrorCode: 0x3EB, Layers: 4, Err: "Connect at ex1.contoso.test:443: ecUnknownUser (0x000003EB)"},
			[]string{"Connect at ex1.contoso.test, X-RequestId " + id + ", 0 ms", "  HTTP 200, X-ResponseCode 0" + ok + ", ErrorCode ecUnknownUser (0x000003EB)"}},
		{"a code without a name", logonclient.Exchange{Op: "Connect", Host: annHost, RequestID: id, HTTPStatus: 200, StatusCode: 0x99, Layers: 3},
			[]string{"Connect at ex1.contoso.test, X-RequestId " + id + ", 0 ms", "  HTTP 200, X-ResponseCode 0, StatusCode 0x00000099"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tt.x.Lines()); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAServerThatIsNamedIsHeard(t *testing.T) {
	s := start(t, mailbox(map[string]string{"RopLogon": done("", executed([]uint32{mapi.NoHandle},
		&mapi.LogonResponse{ReturnValue: mapi.EcWrongServer, LogonFlags: 1, ServerName: ex2DN}))}))
	var lines []string
	c := &logonclient.Client{Network: s.network()}
	c.Logon(logonclient.WithSeen(t.Context(), func(x logonclient.Exchange) {
		if x.Op == "Execute RopLogon" {
			lines = x.Lines()[1:]
		}
	}), ann())
	want := []string{
		"  HTTP 200, X-ResponseCode 0, StatusCode ecNone (0x00000000), ErrorCode ecNone (0x00000000), ReturnValue ecWrongServer (0x00000478)",
		"  ServerName " + ex2DN,
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}
