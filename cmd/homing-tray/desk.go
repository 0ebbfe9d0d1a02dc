//go:build tray

package main

import (
	"context"
	"io"
	"os"

	"github.com/homing-mail/homing/agent/control"
	"github.com/homing-mail/homing/internal/desk"
	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/ui"
)

// desk is what the window needs of this desktop.
func (a *app) desk(ctx context.Context, p *program.Program, say ui.Say) ui.Desk {
	chosen := p.Paths.Preferences()
	d := ui.Desk{
		Consents: func(ctx context.Context) ([]ui.Consent, error) {
			rules, err := p.Consents.Rules(ctx)
			return consents(rules, p.Config), err
		},
		Notices:  desk.Notices{Preferences: chosen},
		Interval: desk.Interval{Preferences: chosen, Config: p.Config},
		Secrets: func(ctx context.Context) (ui.Secrets, error) {
			_, wrong := p.Keeping(ctx)
			where := say("tray.kept_keyring", nil)
			if s := p.Config.Secrets; s.Backend == "file" {
				where = say("tray.kept_files", map[string]any{"Directory": s.Directory})
			}
			return ui.Secrets{Where: where, Wrong: wrong}, nil
		},
		Report: func(ctx context.Context, w io.Writer) error {
			_, err := desk.Gather(ctx, p, &control.Client{Path: p.Paths.Socket}, version()).WriteTo(w)
			return err
		},
		Version: version(),
	}
	if self, err := os.Executable(); err == nil && a.admin == "" { // the demo starts at no login
		if autostart, err := desk.NewAutostart(self); err == nil {
			d.Autostart = autostart
		}
	}
	if hosted, _ := a.hosted(ctx); !hosted {
		d.Closing = say("tray.closing_ends", nil)
	}
	return d
}

// consents are those of people, after the hosts of the configuration.
func consents(rules trust.Rules, c *program.Effective) (list []ui.Consent) {
	for _, host := range rules.Trusted {
		list = append(list, ui.Consent{Host: host, Fixed: c.Fixed("trust.hosts")})
	}
	if rules.Microsoft365 {
		for _, host := range trust.Microsoft365() {
			list = append(list, ui.Consent{Host: host, Fixed: c.Fixed("trust.microsoft365")})
		}
	}
	for _, given := range rules.Consents {
		if !given.Expired(rules.Now) {
			list = append(list, ui.Consent{MailDomain: given.MailDomain, Host: given.Host, Given: given.Given, Expires: given.Expires})
		}
	}
	return list
}
