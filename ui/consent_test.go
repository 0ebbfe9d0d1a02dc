package ui

import (
	"errors"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"github.com/homing-mail/homing/internal/trust"
)

// questioned opens the question of b at a fresh window.
func questioned(t testing.TB, b Mailbox, cfg Config) (*desk, *helpful) {
	t.Helper()
	d, h := counter(t, cfg)
	d.see(one(b))
	d.askNeed(b)
	d.settle()
	return d, h
}

func TestConsentShowsAllThatIsNeededToAnswer(t *testing.T) {
	d, _ := questioned(t, after(1, consent), Config{})
	d.reads("May this server have your password?", "mx1.fabrikam.test", "ann@contoso.test", "autodiscover.contoso.test",
		"the server before says to ask there", "CN=mx1.fabrikam.test, issued by Fabrikam CA", "For 30 days", "Not now", "Allow")
	d.wantWhole()
	d.master(t, "consent")
}

func TestConsentIsSaidOnPurposeOnly(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer func(d *desk)
		want   []string
	}{
		{"enter says no", func(d *desk) { d.press(fyne.KeyReturn) }, nil},
		{"so does the other enter", func(d *desk) { d.press(fyne.KeyEnter) }, nil},
		{"space says no", func(d *desk) { d.press(fyne.KeySpace) }, nil},
		{"esc says no", func(d *desk) { d.press(fyne.KeyEscape) }, nil},
		{"esc says no from the other button", func(d *desk) { d.focus(d.find("Allow")); d.press(fyne.KeyEscape) }, nil},
		{"the button says no", func(d *desk) { d.tap("Not now") }, nil},
		{"the other button says yes", func(d *desk) { d.tap("Allow") }, []string{"trust mx1.fabrikam.test contoso.test"}},
		{"and so does enter on it", func(d *desk) { d.focus(d.find("Allow")); d.press(fyne.KeyReturn) }, []string{"trust mx1.fabrikam.test contoso.test"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, h := questioned(t, after(1, consent), Config{})
			d.wantFocus("Not now")
			tt.answer(d)
			h.wantTold(t, tt.want...)
			if len(d.dialogs) != 0 {
				t.Errorf("the question stands there still:\n%s", d.read())
			}
		})
	}
}

func TestConsentIsForThePortThatWasShown(t *testing.T) {
	hop := abroad
	hop.To = "mx1.fabrikam.test:8443"
	d, h := questioned(t, after(1, consentTo(hop)), Config{})
	d.reads("mx1.fabrikam.test:8443")
	d.tap("Allow")
	h.wantTold(t, "trust mx1.fabrikam.test:8443 contoso.test")
}

func TestConsentHoldsAsLongAsWasChosen(t *testing.T) {
	for _, tt := range []struct {
		choice string
		want   time.Duration
	}{
		{"", 30 * 24 * time.Hour},
		{"For 30 days", 30 * 24 * time.Hour},
		{"Always", 0},
	} {
		d, h := questioned(t, after(1, consent), Config{})
		d.walk(func(o fyne.CanvasObject) {
			if c, ok := o.(*choice); ok && tt.choice != "" {
				c.SetSelected(tt.choice)
			}
		})
		before := time.Now()
		d.tap("Allow")
		if len(h.commands) != 1 {
			t.Fatalf("%q: the agent was told %q", tt.choice, h.told())
		}
		got := h.commands[0].Expires
		if tt.want == 0 && !got.IsZero() || tt.want != 0 && (got.Before(before.Add(tt.want)) || got.After(time.Now().Add(tt.want))) {
			t.Errorf("%q: it expires at %v", tt.choice, got)
		}
	}
}

// Whatever a host is called, all of its name is seen, and nothing else looks like it.
func TestConsentShowsTheHostWhole(t *testing.T) {
	labels := strings.Repeat("mail-0.", 42) + "test"
	for _, tt := range []struct{ name, host, want string }{
		{"a host", "mx1.fabrikam.test", "mx1.fabrikam.test"},
		{"300 characters in one label", strings.Repeat("a", 295) + ".test", strings.Repeat("a", 295) + ".test"},
		{"300 characters with places to break at", labels + ".contoso.test", labels + ".contoso.test"},
		{"one that only begins like the mail domain", "contoso.test." + strings.Repeat("x-", 140) + "y.fabrikam.test", "contoso.test." + strings.Repeat("x-", 140) + "y.fabrikam.test"},
		{"an international name", "bücher.test", "xn--bcher-kva.test"},
		{"a look-alike letter", "c\u043entoso.test", "xn--cntoso-wqf.test"},
		{"a mark that turns the direction of reading", "contoso.test\u202etset.live", `contoso.test\u202etset.live`},
		{"a new line", "contoso.test\nevil.test", `contoso.test\x0aevil.test`},
		{"a tab and a character without a shape", "contoso\t.te\u200bst", `contoso\x09.te\u200bst`},
		{"spaces that push the end away", "contoso.test" + strings.Repeat(" ", 9) + "evil.test", "contoso.test" + strings.Repeat(`\x20`, 9) + "evil.test"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, size := range []fyne.Size{fyne.NewSize(760, 560), fyne.NewSize(400, 300)} {
				hop := abroad
				hop.To = tt.host + ":443"
				d, _ := questioned(t, after(1, consentTo(hop)), Config{})
				d.size(size.Width, size.Height)
				d.wantWhole()
				var found *widget.Label
				d.walk(func(o fyne.CanvasObject) {
					if l, ok := o.(*widget.Label); ok && l.TextStyle.Monospace {
						if found != nil {
							t.Errorf("%q looks like a host, too", l.Text)
						}
						found = l
					}
				})
				if found == nil {
					t.Fatalf("no host in:\n%s", d.read())
				}
				if got := strings.Join(lines(found), ""); got != tt.want {
					t.Errorf("at %v: %q can be seen, want %q", size, got, tt.want)
				}
			}
		})
	}
}

// Texts of others cannot begin a line of their own.
func TestConsentKeepsFactsOnTheirLine(t *testing.T) {
	b := after(1, consent)
	b.Need.Facts = append(b.Need.Facts, Fact{"Certificate\nmx1", "CN=x\n\nmx.contoso.test\u202e"})
	b.Need.Why += "\nmx.contoso.test"
	d, _ := questioned(t, b, Config{})
	d.reads(`CN=x\x0a\x0amx.contoso.test\u202e`, `Certificate\x0amx1`, `\x0amx.contoso.test`)
	d.wantWhole()
}

// What was not shown cannot be allowed.
func TestConsentThatChangesIsAskedAnew(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*trust.Hop)
		want   string // what Allow says then
	}{
		{"another host", func(h *trust.Hop) { h.To = "mx2.fabrikam.test:443" }, "trust mx2.fabrikam.test contoso.test"},
		{"another port", func(h *trust.Hop) { h.To = "mx1.fabrikam.test:8443" }, "trust mx1.fabrikam.test:8443 contoso.test"},
		{"another host sends us", func(h *trust.Hop) { h.From = "evil.test:443" }, "trust mx1.fabrikam.test contoso.test"},
		{"in another way", func(h *trust.Hop) { h.How = trust.FromSRV }, "trust mx1.fabrikam.test contoso.test"},
		{"with another certificate", func(h *trust.Hop) { h.Cert = "CN=other" }, "trust mx1.fabrikam.test contoso.test"},
		{"for another domain", func(h *trust.Hop) { h.MailDomain = "tailspin.test" }, "trust mx1.fabrikam.test tailspin.test"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, h := questioned(t, after(1, consent), Config{})
			old := d.find("Allow")
			d.focus(old)
			hop := abroad
			tt.change(&hop)
			d.see(one(after(2, consentTo(hop))))
			if len(d.dialogs) != 1 || d.find("Allow") == old {
				t.Fatalf("%d questions are asked; the old one is among them", len(d.dialogs))
			}
			d.wantFocus("Not now")
			h.wantTold(t)
			d.tap("Allow")
			h.wantTold(t, tt.want)
		})
	}
	t.Run("the same question stays, and what has the focus", func(t *testing.T) {
		d, _ := questioned(t, after(1, consent), Config{})
		old := d.find("Allow")
		d.focus(old)
		d.see(one(after(1, consent, seeking)))
		d.see(one(after(2, consent)))
		if d.find("Allow") != old {
			t.Error("it is asked anew")
		}
		d.wantFocus("Allow")
	})
	t.Run("one that nobody asks any more goes", func(t *testing.T) {
		d, _ := questioned(t, after(1, consent), Config{})
		d.see(one(after(2, home)))
		if len(d.dialogs) != 0 {
			t.Errorf("it stands there still:\n%s", d.read())
		}
	})
	t.Run("so does one of a mailbox that is forgotten", func(t *testing.T) {
		d, _ := questioned(t, after(1, consent), Config{})
		d.see(one(atHome()))
		if len(d.dialogs) != 0 || len(d.listeners) != 0 {
			t.Errorf("%d listen still, and there stands:\n%s", len(d.listeners), d.read())
		}
	})
}

// Whoever is about to click when a question takes the place of something else does
// not answer it.
func TestConsentThatComesByItselfIsNotAllowedAtOnce(t *testing.T) {
	other := abroad
	other.To = "mx2.fabrikam.test:443"
	for _, tt := range []struct {
		name  string
		arise func(t *testing.T) (*desk, *helpful)
	}{
		{"over the window, in the place of another", func(t *testing.T) (*desk, *helpful) {
			d, h := questioned(t, after(1, consent), Config{})
			d.sleep = d.asleep
			d.Render(one(after(2, consentTo(other))))
			return d, h
		}},
		{"in the wizard", func(t *testing.T) (*desk, *helpful) {
			d, h := guided(t, Config{})
			d.begun("ann@contoso.test")
			h.told()
			d.sleep = d.asleep
			d.Render(one(after(1, consentTo(other))))
			return d, h
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, h := tt.arise(t)
			d.reads("mx2.fabrikam.test")
			if !d.find("Allow").Disabled() {
				t.Fatal("it can be allowed at once")
			}
			test.Tap(d.find("Allow"))
			d.wake(time.Second)
			h.wantTold(t)
			d.tap("Allow")
			h.wantTold(t, "trust mx2.fabrikam.test contoso.test")
		})
	}
	t.Run("one that was opened can", func(t *testing.T) {
		d, h := counter(t, Config{})
		d.sleep = d.asleep
		d.see(one(after(1, consent)))
		d.askNeed(after(1, consent))
		d.tap("Allow")
		h.wantTold(t, "trust mx1.fabrikam.test contoso.test")
	})
}

// Whether the agent's answer or its next status is the quicker one.
func TestConsentLeadsToTheNextQuestion(t *testing.T) {
	other := abroad
	other.To = "mx2.fabrikam.test:443"
	next := one(after(2, consentTo(other)))
	for _, tt := range []struct {
		name   string
		press  string
		sees   []Model
		opened bool
	}{
		{"after a yes", "Allow", []Model{next}, true},
		{"after a yes, and a look", "Allow", []Model{one(after(2, seeking)), next}, true},
		{"not where the yes has changed nothing", "Allow", []Model{one(after(2, consent)), one(after(3, consentTo(other)))}, false},
		{"not where the mailbox has come home", "Allow", []Model{one(after(2, home)), one(after(3, consentTo(other)))}, false},
		{"not after a no", "Not now", []Model{next}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, _ := questioned(t, after(1, consent), Config{})
			d.tap(tt.press)
			for _, m := range tt.sees {
				d.see(m)
			}
			if opened := len(d.dialogs) > 0; opened != tt.opened {
				t.Errorf("the next question is open: %v, want %v", opened, tt.opened)
			}
		})
	}
}

func TestConsentThatCannotBeWrittenDownIsSaid(t *testing.T) {
	d, h := questioned(t, after(1, consent), Config{})
	h.fails = []error{errors.New("the consents cannot be written")}
	d.tap("Allow")
	d.reads("the consents cannot be written")
	d.tap("Close")
	d.reads("May this server have your password?")
	d.tap("Allow")
	if len(d.dialogs) != 0 {
		t.Error("the question stands there still")
	}
}

func TestConsentCanBeReadInLarge(t *testing.T) {
	d, _ := questioned(t, after(1, consent), Config{})
	d.app.Settings().SetTheme(Theme{Scale: 2})
	d.size(800, 600)
	d.wantWhole()
}
