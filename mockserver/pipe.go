package mockserver

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// pipe returns the two ends of a connection in memory. Unlike net.Pipe it holds
// what is written until it is read, as a socket does; it blocks on a sync.Cond
// only, so that time passes in a testing/synctest bubble.
func pipe(client, server net.Addr) (net.Conn, net.Conn) {
	up, down := newStream(), newStream()
	return &end{in: down, out: up, local: client, remote: server},
		&end{in: up, out: down, local: server, remote: client}
}

// maxUnread is how much a stream holds before a writer waits.
const maxUnread = 256 << 10

// stream is one direction of a pipe.
type stream struct {
	mu      sync.Mutex
	change  *sync.Cond
	unread  []byte
	ended   bool // by the writer: what is unread may be read still
	refused bool // by the reader: nothing more may be written
	reset   bool // by the writer: what is unread may be read still, then ECONNRESET
	read    deadline
	write   deadline
}

func newStream() *stream {
	s := &stream{}
	s.change = sync.NewCond(&s.mu)
	return s
}

type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func (s *stream) setDeadline(d *deadline, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.at = at
	if wait := time.Until(at); !at.IsZero() && wait > 0 {
		d.timer = time.AfterFunc(wait, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.change.Broadcast()
		})
	}
	s.change.Broadcast()
}

// end closes the stream for the writer, or for the reader too.
func (s *stream) end(reader bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	if reader {
		s.refused, s.unread = true, nil
	}
	for _, d := range []*deadline{&s.read, &s.write} {
		if d.timer != nil && s.refused {
			d.timer.Stop()
		}
	}
	s.change.Broadcast()
}

type end struct {
	in, out       *stream
	local, remote net.Addr
	close         sync.Once
}

func (e *end) Read(p []byte) (int, error) {
	s := e.in
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.refused:
			return 0, net.ErrClosed
		case s.read.passed():
			return 0, os.ErrDeadlineExceeded
		case len(s.unread) > 0:
			n := copy(p, s.unread)
			s.unread = s.unread[n:]
			s.change.Broadcast()
			return n, nil
		case s.reset:
			return 0, &net.OpError{Op: "read", Net: "tcp", Source: e.local, Addr: e.remote, Err: os.NewSyscallError("read", syscall.ECONNRESET)}
		case s.ended:
			return 0, io.EOF
		case len(p) == 0:
			return 0, nil
		}
		s.change.Wait()
	}
}

func (e *end) Write(p []byte) (n int, err error) {
	s := e.out
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.refused || s.ended:
			return n, net.ErrClosed
		case s.write.passed():
			return n, os.ErrDeadlineExceeded
		case n == len(p):
			return n, nil
		}
		if room := maxUnread - len(s.unread); room > 0 {
			more := p[n:min(n+room, len(p))]
			s.unread = append(s.unread, more...)
			n += len(more)
			s.change.Broadcast()
			continue
		}
		s.change.Wait()
	}
}

func (e *end) Close() error {
	e.close.Do(func() {
		e.in.end(true)
		e.out.end(false)
	})
	return nil
}

// reset closes e so that the other end gets ECONNRESET instead of io.EOF, as
// SetLinger(0) makes a socket do.
func (e *end) reset() {
	e.out.mu.Lock()
	e.out.reset = !e.out.ended
	e.out.mu.Unlock()
	e.Close()
}

func (e *end) LocalAddr() net.Addr  { return e.local }
func (e *end) RemoteAddr() net.Addr { return e.remote }

func (e *end) SetDeadline(t time.Time) error {
	e.SetReadDeadline(t)
	return e.SetWriteDeadline(t)
}

func (e *end) SetReadDeadline(t time.Time) error {
	e.in.setDeadline(&e.in.read, t)
	return nil
}

func (e *end) SetWriteDeadline(t time.Time) error {
	e.out.setDeadline(&e.out.write, t)
	return nil
}

// address is the address of an end of a pipe: host:port.
type address string

func (a address) Network() string { return "tcp" }
func (a address) String() string  { return string(a) }
