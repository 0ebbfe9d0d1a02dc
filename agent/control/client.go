package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"time"
	"unicode/utf8"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/profile"
)

// Client is a running agent, seen through its socket. It holds no connection
// between calls and is safe for concurrent use. Errors of the agent are *Error;
// errors.Is finds ErrNotRunning, ErrVersion, profile.ErrNotFound and
// profile.ErrConflict in them.
type Client struct {
	Path string // of the socket
}

var _ agent.Service = (*Client)(nil)

// Dial returns a client for the agent that listens at path, or ErrNotRunning if
// nobody does.
func Dial(path string) (*Client, error) {
	conn, err := connect(context.Background(), path)
	if err != nil {
		return nil, err
	}
	conn.Close()
	return &Client{Path: path}, nil
}

// Watch implements agent.Service. It ends without an error with ctx and when
// the agent ends, with one where the agent is lost.
func (c *Client) Watch(ctx context.Context) iter.Seq2[agent.Status, error] {
	return func(yield func(agent.Status, error) bool) {
		call, err := c.ask(ctx, request{Op: opWatch})
		if err != nil {
			if ctx.Err() == nil {
				yield(agent.Status{}, err)
			}
			return
		}
		defer call.end()
		for {
			a, err := call.read(ctx)
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				yield(agent.Status{}, err)
				return
			case a.Status == nil:
				return
			case !yield(*a.Status, nil):
				return
			}
		}
	}
}

// Do implements agent.Service.
func (c *Client) Do(ctx context.Context, cmd agent.Command) (profile.ID, error) {
	if !utf8.ValidString(cmd.Secret.Reveal()) {
		return "", errors.New("the secret is not UTF-8 text and cannot be handed to a running agent")
	}
	a, err := c.once(ctx, request{Op: opDo, Command: fromCommand(cmd)})
	return a.ID, err
}

// History implements agent.Service. Where some generations cannot be read it
// returns the others beside the error.
func (c *Client) History(ctx context.Context, id profile.ID) ([]profile.Generation, error) {
	a, err := c.once(ctx, request{Op: opHistory, Profile: id})
	return a.Generations, err
}

// Raise brings the window of the running agent to the front.
// errors.ErrUnsupported: it has none.
func (c *Client) Raise(ctx context.Context) error {
	_, err := c.once(ctx, request{Op: opRaise})
	return err
}

// once asks for one answer.
func (c *Client) once(ctx context.Context, req request) (answer, error) {
	call, err := c.ask(ctx, req)
	if err != nil {
		return answer{}, err
	}
	defer call.end()
	return call.read(ctx)
}

// call is a connection with its request made.
type call struct {
	conn    net.Conn
	lines   *bufio.Scanner
	release func() bool
}

// ask makes a request. The end of ctx closes the connection.
func (c *Client) ask(ctx context.Context, req request) (*call, error) {
	req.Version = Version
	line, err := json.Marshal(req)
	if err != nil {
		return nil, err
	}
	if len(line) >= maxRequest {
		return nil, fmt.Errorf("the request has %d bytes; an agent takes fewer than %d", len(line), maxRequest)
	}
	conn, err := connect(ctx, c.Path)
	if err != nil {
		return nil, err
	}
	p := &call{conn: conn, lines: bufio.NewScanner(conn)}
	p.lines.Buffer(nil, maxAnswer)
	p.release = context.AfterFunc(ctx, func() { conn.Close() })
	conn.SetWriteDeadline(time.Now().Add(connectTimeout))
	// A server with too many connections answers without reading: what it
	// says counts, not that the request did not arrive.
	if _, err := conn.Write(append(line, '\n')); err != nil && ctx.Err() != nil {
		p.end()
		return nil, ctx.Err()
	}
	return p, nil
}

func (p *call) end() {
	p.release()
	p.conn.Close()
}

// read returns the next line of the answer.
func (p *call) read(ctx context.Context) (answer, error) {
	var a answer
	if !p.lines.Scan() {
		err := p.lines.Err()
		switch {
		case ctx.Err() != nil:
			return a, ctx.Err()
		case err == nil:
			err = io.ErrUnexpectedEOF
		}
		return a, fmt.Errorf("the connection to the running agent is lost: %w", err)
	}
	if err := json.Unmarshal(p.lines.Bytes(), &a); err != nil {
		return a, fmt.Errorf("the running agent answers what nobody understands: %w", err)
	}
	if a.Error != nil {
		return a, a.Error
	}
	return a, nil
}
