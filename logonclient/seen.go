package logonclient

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/homing-mail/homing/internal/mapi"
)

type seenKey struct{}

// WithSeen returns a context under which seen is called after each exchange, as
// Client.Seen is, so that whoever logs on hears of its own exchanges alone. All
// calls come one at a time, before the method that was given the context returns.
func WithSeen(ctx context.Context, seen func(Exchange)) context.Context {
	return context.WithValue(ctx, seenKey{}, seen)
}

// ContextSeen returns what WithSeen has put into ctx, for what stands in for a
// Client; nil: nothing.
func ContextSeen(ctx context.Context) func(Exchange) {
	seen, _ := ctx.Value(seenKey{}).(func(Exchange))
	return seen
}

// Lines returns x for people: what was asked, the codes that were read, by their
// names, the server that was named, and what went wrong.
func (x Exchange) Lines() []string {
	lines := []string{fmt.Sprintf("%s at %s, X-RequestId %s, %d ms", x.Op, strings.TrimSuffix(x.Host, ":443"), x.RequestID, x.Elapsed.Round(time.Millisecond).Milliseconds())}
	codes := []string{
		fmt.Sprintf("HTTP %d", x.HTTPStatus),
		fmt.Sprintf("X-ResponseCode %d", x.ResponseCode),
		fmt.Sprintf("StatusCode %v", mapi.Code(x.StatusCode)),
		fmt.Sprintf("ErrorCode %v", mapi.Code(x.ErrorCode)),
		fmt.Sprintf("ReturnValue %v", mapi.Code(x.ReturnValue)),
	}
	if codes = codes[:min(max(x.Layers, 0), len(codes))]; len(codes) > 0 {
		lines = append(lines, "  "+strings.Join(codes, ", "))
	}
	if x.ServerName != "" {
		lines = append(lines, "  ServerName "+x.ServerName)
	}
	why := strings.TrimPrefix(x.Err, x.Op+" at "+x.Host+": ")
	if why != "" && !strings.HasSuffix(lines[min(1, len(lines)-1)], " "+why) { // the last code has said it
		lines = append(lines, "  "+why)
	}
	return lines
}
