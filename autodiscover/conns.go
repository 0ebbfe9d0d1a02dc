package autodiscover

import (
	"context"
	"net"
	"net/http/httptrace"
	"sync"
	"time"
)

// conns opens the connections of a discovery, and closes them with it: a dial or a
// handshake that nobody waits for any more must not outlive it.
type conns struct {
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)
	ctx    context.Context // ends with the discovery
	cancel context.CancelFunc
	wg     sync.WaitGroup // dials

	mu    sync.Mutex
	all   []net.Conn
	stash map[string]kept // opened ahead, by host:port
}

// kept is a connection on which nothing has been said yet.
type kept struct {
	net.Conn
	since time.Time
}

// open opens a connection ahead of the request that will use it.
func (c *conns) open(ctx context.Context, addr string) error {
	conn, err := c.fresh(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stash == nil {
		c.stash = make(map[string]kept)
	}
	c.stash[addr] = kept{conn, time.Now()}
	return nil
}

// DialContext returns the connection that was opened ahead, if it is so young that
// no server can have tired of its silence, or a fresh one.
func (c *conns) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	c.mu.Lock()
	k, ok := c.stash[addr]
	delete(c.stash, addr)
	c.mu.Unlock()
	if ok && time.Since(k.since) < stashLimit {
		return k.Conn, nil
	}
	return c.fresh(ctx, network, addr)
}

// fresh dials within the times for a name and a connection.
func (c *conns) fresh(ctx context.Context, network, addr string) (net.Conn, error) {
	c.mu.Lock()
	if err := c.ctx.Err(); err != nil {
		c.mu.Unlock()
		return nil, err
	}
	c.wg.Add(1)
	c.mu.Unlock()
	defer c.wg.Done()
	ctx, cancel := timed(ctx)
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)()
	conn, err := c.dial(ctx, network, addr)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, conn)
	return conn, nil
}

// timed returns a context for a dial, in which a name has its time, and each of its
// addresses; all together have both times. A dialer that says nothing of names
// (net's calls the hooks) is taken to have none to look up.
func timed(ctx context.Context) (context.Context, context.CancelFunc) {
	const all = lookupLimit + connectLimit
	ctx, stop := context.WithTimeoutCause(ctx, all, late(all))
	ctx, cancel := context.WithCancelCause(ctx)
	var mu sync.Mutex
	var timer *time.Timer
	give := func(limit time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		if timer != nil {
			timer.Stop()
		}
		if ctx.Err() == nil {
			timer = time.AfterFunc(limit, func() { cancel(late(limit)) })
		}
	}
	give(connectLimit)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart:     func(httptrace.DNSStartInfo) { give(lookupLimit) },
		DNSDone:      func(httptrace.DNSDoneInfo) { give(connectLimit) },
		ConnectStart: func(_, _ string) { give(connectLimit) },
	})
	return ctx, func() {
		cancel(nil)
		stop()
		give(0) // nothing more
	}
}

// close ends the dials that are under way and closes every connection.
func (c *conns) close() {
	c.mu.Lock()
	c.cancel()
	c.mu.Unlock()
	c.wg.Wait()
	for _, conn := range c.all {
		conn.Close()
	}
}
