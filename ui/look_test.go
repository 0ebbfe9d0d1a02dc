package ui

import (
	"context"
	"image/color"
	"io"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

func textOf(o fyne.CanvasObject) string {
	switch o := o.(type) {
	case *widget.Label:
		return o.Text
	case *button:
		return o.Text
	case *check:
		return o.says
	case *caption:
		return o.Text
	case *choice:
		return o.Selected
	}
	return ""
}

// variant is Homing's theme by day or by night.
type variant struct {
	Theme
	of fyne.ThemeVariant
}

func (v variant) Color(name fyne.ThemeColorName, _ fyne.ThemeVariant) color.Color {
	return v.Theme.Color(name, v.of)
}

type flip struct {
	on     bool
	err    error // of Set
	hidden error // of On
}

func (f *flip) On() (bool, error) { return f.on, f.hidden }
func (f *flip) Set(on bool) error {
	if f.err == nil {
		f.on = on
	}
	return f.err
}

type every struct {
	d     time.Duration
	fixed string
}

func (e *every) Get() (time.Duration, string) { return e.d, e.fixed }
func (e *every) Set(d time.Duration) error    { e.d = d; return nil }

// full is a desktop that offers everything.
func full() Desk {
	return Desk{
		Consents: func(context.Context) ([]Consent, error) {
			return []Consent{
				{MailDomain: "contoso.test", Host: "mx1.fabrikam.test", Given: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Expires: time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC)},
				{MailDomain: "contoso.test", Host: longHost, Given: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)},
				{Host: "*.tailspin.test", Fixed: "the policy of this computer"},
			}, nil
		},
		Autostart: &flip{on: true}, Notices: &flip{}, Interval: &every{d: 5 * time.Minute},
		Secrets: func(context.Context) (Secrets, error) {
			return Secrets{Where: "In the keyring of this desktop.", Wrong: "The keyring is locked. Unlock it, for instance with “Passwords and Keys”."}, nil
		},
		Report:  func(_ context.Context, w io.Writer) error { _, err := io.WriteString(w, "report"); return err },
		Closing: "There is no tray on this desktop: closing this window ends Homing.", Version: "v0.3.0",
	}
}

// scene is something that can be seen.
type scene struct {
	name string
	cfg  Config
	show func(d *desk)
}

func scenes() []scene {
	state := func(b Mailbox) func(d *desk) { return func(d *desk) { d.see(one(b)) } }
	at := func(tab int, all ...Mailbox) func(d *desk) {
		return func(d *desk) {
			d.generations = generationsOf(3)
			d.see(one(all...))
			d.Window.show(tab)
			d.settle()
		}
	}
	moves := []Move{{Label: "Move to ex2"}, {Label: "Move to ex3"}, {Label: "Move to mx1 of fabrikam"}, {Label: "Break the network"}}
	return []scene{
		{"now_at_home", Config{}, state(atHome())},
		{"now_resting", Config{}, state(resting())},
		{"now_looking", Config{}, state(looking())},
		{"now_moving", Config{}, state(moving())},
		{"now_offline", Config{}, state(offline())},
		{"now_needs_sign_in", Config{}, state(needsSignIn())},
		{"now_needs_consent", Config{}, state(needsConsent())},
		{"now_several_lost_demo", Config{Demo: moves, Desk: Desk{Closing: full().Closing}}, func(d *desk) {
			m := one(moving(), ben())
			m.Lost = "The agent does not answer: the running agent is of another version; restart it."
			d.see(m)
		}},
		{"journey", Config{}, at(1, atHome())},
		{"journey_empty", Config{}, at(1, ben())},
		{"journey_consent", Config{}, at(1, needsConsent())},
		{"journey_wire", Config{}, func(d *desk) { at(1, atHome())(d); d.tapHop(0) }},
		{"history", Config{}, at(2, atHome())},
		{"history_empty", Config{}, func(d *desk) { d.see(one(atHome())); d.Window.show(2); d.settle() }},
		{"history_confirm", Config{}, func(d *desk) {
			at(2, atHome())(d)
			d.pick(1)
			d.tap("Go back to this one")
		}},
		{"settings", Config{Desk: full()}, at(3, atHome(), ben())},
		{"settings_bare", Config{}, at(3, atHome())},
		{"report", Config{Desk: full()}, func(d *desk) {
			d.Setenv("HOME", "/home/ann")
			at(3, atHome())(d)
			d.tap("Save a report…")
		}},
		{"error", Config{}, func(d *desk) {
			d.fails = errNoSuch
			d.see(one(atHome()))
			d.tap("Check now")
		}},
	}
}
