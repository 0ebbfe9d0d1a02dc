//go:build tray

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/control"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/mockserver"
	"github.com/homing-mail/homing/ui"
)

// The mailbox of the demo, and where an administrator may move it.
const (
	demoAddress = "ann@contoso.test"
	demoUser    = "ann"
)

// demoConfig is the configuration of the demo: nothing of it leaves its directory,
// and the waits are shortened.
const demoConfig = `[secrets]
backend = "file"
directory = %q
[pace]
move = ["1s", "1s"]
server = ["1s", "1s"]
news = ["1s", "1s"]
network = ["1s", "1s"]
turn = "1ms"
probe = "1s"
`

// openDemo starts the world, and points the flags at it and at a directory that
// is gone after the demo.
func (a *app) openDemo() (end func() error, err error) {
	var ends []func() error
	end = func() (err error) {
		for i := range ends {
			err = errors.Join(err, ends[len(ends)-1-i]())
		}
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, end())
		}
	}()
	world, err := mockserver.OpenWorld("acquisition")
	if err != nil {
		return nil, err
	}
	srv, err := mockserver.New(world)
	if err != nil {
		return nil, err
	}
	ends = append(ends, srv.Close)
	if err := errors.Join(srv.Listen("127.0.0.1:0"), srv.ListenAdmin("127.0.0.1:0")); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "homing-demo-")
	if err != nil {
		return nil, err
	}
	ends = append(ends, func() error { return os.RemoveAll(dir) })
	a.config, a.caFile, a.state = filepath.Join(dir, "config.toml"), filepath.Join(dir, "ca.pem"), filepath.Join(dir, "state")
	a.connectTo, a.admin = srv.ConnectTo(), "http://"+srv.AdminAddr()
	return end, errors.Join(
		os.WriteFile(a.config, fmt.Appendf(nil, demoConfig, filepath.Join(dir, "secrets")), 0o600),
		os.WriteFile(a.caFile, srv.CertificatePEM(), 0o600),
	)
}

// signInDemo gives the demo its mailbox, as soon as the agent answers.
func signInDemo(ctx context.Context, svc agent.Service) error {
	c := agent.Command{Op: agent.Add, Address: demoAddress, Secret: trust.NewSecret(mockserver.DefaultPassword)}
	_, err := svc.Do(ctx, c)
	for errors.Is(err, control.ErrNotRunning) && pause(ctx, 20*time.Millisecond) {
		_, err = svc.Do(ctx, c)
	}
	return err
}

// moves are the buttons of the demo: what an administrator does, by the admin API
// at url. There are none without one.
func moves(url string, say ui.Say) []ui.Move {
	if url == "" {
		return nil
	}
	var out []ui.Move
	for _, server := range []string{"ex1", "ex2", "mx1"} {
		out = append(out, ui.Move{
			Label: say("demo.move", map[string]any{"Server": server}),
			Do:    func(ctx context.Context) error { return move(ctx, url, server) },
		})
	}
	return out
}

// move moves the mailbox as slowly as one can watch.
func move(ctx context.Context, url, server string) error {
	for i, line := range []string{"start " + demoUser + " " + server, "lock " + demoUser, "finish " + demoUser} {
		if i == 2 && !pause(ctx, 3*time.Second) {
			return ctx.Err()
		}
		if err := administer(ctx, url, line); err != nil {
			return err
		}
	}
	return nil
}

// administer does one line of a script.
func administer(ctx context.Context, url, line string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/do", bytes.NewReader([]byte(line)))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("asking the world of the demo: %w", err)
	}
	defer res.Body.Close()
	var said struct {
		Error string `json:"error"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<16)).Decode(&said); err != nil {
		return fmt.Errorf("the world of the demo answers %s: %w", res.Status, err)
	}
	if said.Error != "" {
		return fmt.Errorf("the world of the demo: %s", said.Error)
	}
	return nil
}
