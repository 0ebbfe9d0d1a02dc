package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/internal/mailaddr"
)

// Server serves an agent on a socket.
type Server struct {
	Service agent.Service
	Raise   func(context.Context) error // brings the window to the front; nil: there is none
	Log     *slog.Logger                // nil discards; sees no command, so no secret
	Timeout time.Duration               // for a request to arrive and for a line to be taken; 0: 10 seconds
	Limit   int                         // connections at once; 0: 64
}

// acceptPause is the pause after a failed Accept, as without file descriptors.
const acceptPause = time.Second

// Serve answers the requests that arrive at l, until ctx ends or l is closed.
// Then it closes l, ends what is under way and returns when that has ended: nil
// for ctx, the error of l otherwise. A watch that ends with ctx tells its client.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	log := s.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	log = log.With("component", "control")
	limit := s.Limit
	if limit == 0 {
		limit = 64
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	defer context.AfterFunc(ctx, func() { l.Close() })()
	defer l.Close()

	free := make(chan struct{}, limit)
	for {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("serving the control socket: %w", err)
		case err != nil:
			log.Warn("accepting a connection", "err", err)
			select {
			case <-time.After(acceptPause):
			case <-ctx.Done():
			}
			continue
		}
		select {
		case free <- struct{}{}:
			running.Go(func() {
				defer func() { <-free }()
				s.serve(ctx, conn, log)
			})
		default:
			log.Warn("too many connections", "limit", limit)
			refuse := &stream{conn: conn, timeout: min(s.timeout(), time.Second)}
			refuse.send(answer{Error: &Error{TooMany, fmt.Sprintf("the agent has %d connections already; close some", limit)}})
			conn.Close()
		}
	}
}

func (s *Server) timeout() time.Duration {
	if s.Timeout == 0 {
		return 10 * time.Second
	}
	return s.Timeout
}

// serve answers the request of one connection.
func (s *Server) serve(ctx context.Context, conn net.Conn, log *slog.Logger) {
	var reading sync.WaitGroup
	defer reading.Wait()
	defer conn.Close()
	out := &stream{conn: conn, timeout: s.timeout()}

	conn.SetReadDeadline(time.Now().Add(s.timeout()))
	release := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
	line, err := bufio.NewReader(io.LimitReader(conn, maxRequest)).ReadBytes('\n')
	release()
	switch {
	case ctx.Err() != nil:
		return
	case err != nil && len(line) == maxRequest:
		out.send(answer{Error: &Error{BadRequest, fmt.Sprintf("the request is longer than %d bytes", maxRequest)}})
		return
	case err != nil: // Dial looks whether we are here, and says nothing
		log.Debug("no request came", "bytes", len(line), "err", err)
		return
	}
	req, refusal := parseRequest(line)
	if refusal != nil {
		log.Warn("request refused", "code", refusal.Code, "err", refusal)
		out.send(answer{Error: refusal})
		return
	}

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	conn.SetReadDeadline(time.Time{})
	reading.Go(func() { // until the client closes its side, or we ours
		io.Copy(io.Discard, conn)
		cancel()
	})
	if err := s.answer(ctx, req, out, log); err != nil {
		log.Debug("the client does not listen any more", "op", req.Op, "err", err)
	}
}

// parseRequest never tells what stood in the line: it may be a secret.
func parseRequest(line []byte) (request, *Error) {
	var version struct {
		Version int `json:"version"`
	}
	malformed := &Error{BadRequest, "the request is not one that this protocol knows"}
	if err := json.Unmarshal(line, &version); err != nil {
		return request{}, malformed
	}
	if version.Version != Version {
		return request{}, &Error{BadVersion, fmt.Sprintf("the running agent speaks version %d of the protocol and was asked in version %d; restart it", Version, version.Version)}
	}
	var req request
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&req); err != nil || req.Op == opDo && req.Command == nil {
		return request{}, malformed
	}
	return req, nil
}

// answer carries a request out. The error is that of sending.
func (s *Server) answer(ctx context.Context, req request, out *stream, log *slog.Logger) error {
	var a answer
	var err error
	switch req.Op {
	case opWatch:
		for status, err := range s.Service.Watch(ctx) {
			if err != nil {
				return out.send(answer{Error: wireError(err)})
			}
			if err := out.send(answer{Status: &status}); err != nil {
				return err
			}
		}
		a.OK = true
	case opDo:
		a.ID, err = s.Service.Do(ctx, req.Command.command())
		a.OK = err == nil
		log.Info("command", "op", req.Command.Op, "mailbox", string(req.Command.Profile), "err", mailaddr.Logged(err))
	case opHistory:
		a.Generations, err = s.Service.History(ctx, req.Profile)
	case opRaise:
		err = errors.ErrUnsupported
		if s.Raise != nil {
			err = s.Raise(ctx)
		}
		a.OK = err == nil
	default:
		err = &Error{BadRequest, fmt.Sprintf("unknown request %q", req.Op)}
	}
	if err != nil {
		a.Error = wireError(err)
	}
	return out.send(a)
}

// stream writes lines to a client, each in limited time.
type stream struct {
	conn    net.Conn
	timeout time.Duration
}

func (s *stream) send(a answer) error {
	line, err := json.Marshal(a)
	if err != nil {
		return err
	}
	s.conn.SetWriteDeadline(time.Now().Add(s.timeout))
	_, err = s.conn.Write(append(line, '\n'))
	return err
}
