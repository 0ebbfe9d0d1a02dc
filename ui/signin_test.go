package ui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/homing-mail/homing/agent/control"
	"github.com/homing-mail/homing/profile"
)

const (
	right                          = "swordfish-4711"
	wrong1, wrong2, wrong3, wrong4 = "wrong-1", "wrong-2", "wrong-3", "wrong-4"
)

func TestSignInSaysWhoAsksAndWhereThePasswordGoes(t *testing.T) {
	keeps := func(s Secrets, err error) Config {
		return Config{Desk: Desk{Secrets: func(context.Context) (Secrets, error) { return s, err }}}
	}
	for _, tt := range []struct {
		name  string
		cfg   Config
		wants []string
	}{
		{"kept", keeps(Secrets{Where: "the keyring of this desktop"}, nil), []string{"The password is kept in the keyring of this desktop. It goes only to servers of contoso.test."}},
		{"not_kept", keeps(Secrets{Wrong: "no keyring runs in this session; start one"}, nil), []string{"The password cannot be kept now: no keyring runs in this session; start one"}},
		{"kept nobody knows where", keeps(Secrets{}, errors.New("nobody knows")), []string{"The password cannot be kept now: nobody knows"}},
		{"unsaid", Config{}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, h := questioned(t, after(1, secret), tt.cfg)
			d.reads("ex1.contoso.test", "There is no password for ex1.contoso.test yet.", "Account", "Password")
			d.reads(tt.wants...)
			if got := d.field(0).Text; got != "ann@contoso.test" {
				t.Errorf("the account is %q", got)
			}
			d.wantFocus("password")
			d.wantWhole()
			if tt.wants != nil && !strings.Contains(tt.name, " ") {
				d.master(t, "signin_"+tt.name)
			}
			h.wantTold(t)
		})
	}
}

func TestSignInShowsTheHostAsItIs(t *testing.T) {
	b := after(1, secret)
	b.Need.Host = Host("ex1.contoso.test\u202e" + strings.Repeat("x", 300) + ":8443")
	want := `ex1.contoso.test\u202e` + strings.Repeat("x", 300) + ":8443"
	d, _ := questioned(t, b, Config{})
	d.wantWhole()
	if got := strings.Join(lines(d.dialogs[0].scroll), ""); !strings.Contains(got, want) {
		t.Errorf("%q is not among what can be seen:\n%s", want, got)
	}
}

func TestSignInHandsOver(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(d *desk)
		want []string
	}{
		{"by the button", func(d *desk) { d.fill(1, right); d.tap("Sign in") }, []string{"sign in 00000000000000a1 *.contoso.test ann@contoso.test " + right}},
		{"by enter", func(d *desk) { d.fill(1, right); d.focus(d.password()); d.press(fyne.KeyReturn) }, []string{"sign in 00000000000000a1 *.contoso.test ann@contoso.test " + right}},
		{"for another account", func(d *desk) { d.fill(0, ` CONTOSO\ann `); d.fill(1, right); d.tap("Sign in") }, []string{`sign in 00000000000000a1 *.contoso.test CONTOSO\ann ` + right}},
		{"for the address if no account is named", func(d *desk) { d.fill(0, ""); d.fill(1, right); d.tap("Sign in") }, []string{"sign in 00000000000000a1 *.contoso.test ann@contoso.test " + right}},
		{"a password with spaces as it is", func(d *desk) { d.fill(1, " a b "); d.tap("Sign in") }, []string{"sign in 00000000000000a1 *.contoso.test ann@contoso.test  a b "}},
		{"nothing if no password was typed", func(d *desk) { d.tap("Sign in"); d.reads("Type the password first."); d.wantFocus("password") }, nil},
		{"nothing by enter in the account, which leads on", func(d *desk) { d.focus(d.field(0)); d.press(fyne.KeyReturn); d.wantFocus("password") }, nil},
		{"nothing by esc", func(d *desk) { d.fill(1, right); d.focus(d.password()); d.press(fyne.KeyEscape) }, nil},
		{"nothing later", func(d *desk) { d.fill(1, right); d.tap("Later") }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, h := questioned(t, after(1, secret), Config{})
			tt.do(d)
			h.wantTold(t, tt.want...)
		})
	}
}

// What comes of a password may be seen before the agent has answered that it has it.
func TestSignInOfAQuickServer(t *testing.T) {
	for _, tt := range []struct {
		name   string
		came   Mailbox
		closed bool
	}{
		{"lets in", after(2, home), true},
		{"refuses", after(2, secret), false},
		{"leads to another question", after(2, consent), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, h := questioned(t, after(1, secret), Config{})
			release := h.shut()
			t.Cleanup(release)
			d.fill(1, right)
			test.Tap(d.find("Sign in"))
			<-h.reached
			d.Render(one(tt.came))
			release()
			d.settle()
			switch {
			case tt.closed:
				d.misses("This server asks for it:")
			case d.find("Sign in").Disabled():
				t.Errorf("nobody can try again:\n%s", d.read())
			default:
				d.reads("ex1.contoso.test has refused this password")
			}
		})
	}
}

func TestSignInEmptiesTheEntryAtOnce(t *testing.T) {
	d, h := questioned(t, after(1, secret), Config{})
	release := h.shut()
	t.Cleanup(release)
	d.fill(1, right)
	test.Tap(d.find("Sign in"))
	<-h.reached
	p := d.password()
	if p.Text != "" {
		t.Errorf("%q stands there still", p.Text)
	}
	d.reads("Keeping the password.")
	test.Tap(d.find("Sign in")) // once is enough
	test.Type(p, "while it works")
	if p.Text != "while it works" {
		t.Errorf("what was typed meanwhile is %q", p.Text)
	}
	release()
	d.settle()
	h.wantTold(t, "sign in 00000000000000a1 *.contoso.test ann@contoso.test "+right)
	d.reads("Signing in at ex1.contoso.test.")
}

// tried types a password and has the agent look n times by then, in vain.
func (d *desk) tried(n int, password, button string, result ...func(*Mailbox)) {
	d.Helper()
	d.fill(1, password)
	d.tap(button)
	d.see(one(after(n, seeking)))
	d.see(one(after(n, result...)))
}

func TestSignInCountsRefusals(t *testing.T) {
	d, h := questioned(t, after(1, secret), Config{})
	sent := func(password string) string {
		return "sign in 00000000000000a1 *.contoso.test ann@contoso.test " + password
	}
	d.tried(2, wrong1, "Sign in", secret)
	d.reads("ex1.contoso.test has refused this password. That was one try")
	d.wantFocus("password")
	d.master(t, "signin_refused")
	d.tried(3, wrong2, "Sign in", secret)
	d.reads("has refused 2 passwords")
	h.wantTold(t, sent(wrong1), sent(wrong2))

	d.tap("Later") // is no way round it
	d.askNeed(after(3, secret))
	d.tried(4, wrong3, "Sign in", secret)
	d.reads("has refused 3 passwords of this account", "Wait a quarter of an hour")
	d.wantFocus("Later")
	d.wantWhole()
	d.master(t, "signin_enough")
	h.wantTold(t, sent(wrong3))

	d.fill(1, wrong4)
	d.focus(d.password())
	d.press(fyne.KeyReturn)
	d.wantFocus("Later")
	h.wantTold(t) // not by an Enter too many
	d.fill(0, "ben@contoso.test")
	d.misses("Wait a quarter of an hour")
	d.fill(0, "ann@contoso.test")
	d.tried(5, right, "Sign in anyway", home)
	h.wantTold(t, sent(right))
	if len(d.dialogs) != 0 {
		t.Errorf("it was let in, and there stands:\n%s", d.read())
	}
	d.askNeed(after(6, secret))
	d.settle()
	d.misses("refused")
}

func TestSignInCountsNothingElse(t *testing.T) {
	for _, tt := range []struct {
		name string
		see  []Mailbox
	}{
		{"not before the agent has looked", []Mailbox{after(1, secret)}},
		{"not while it looks", []Mailbox{after(2, secret, seeking)}},
		{"not a keyring that is locked", []Mailbox{after(2, locked)}},
		{"not what came of another question", []Mailbox{after(2, consent)}},
		{"not a server that is away", []Mailbox{after(2, nowhere)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, _ := questioned(t, after(1, secret), Config{})
			d.fill(1, right)
			d.tap("Sign in")
			for _, b := range tt.see {
				d.see(one(b))
			}
			if len(d.Window.refused) != 0 {
				t.Errorf("%v are counted", d.Window.refused)
			}
			d.misses("refused")
			d.see(one(after(3, secret))) // by then it was
		})
	}
	t.Run("but a refusal that nobody waits for", func(t *testing.T) {
		d, _ := questioned(t, after(1, secret), Config{})
		d.fill(1, wrong1)
		d.tap("Sign in")
		d.tap("Later")
		d.see(one(after(2, secret)))
		d.see(one(after(2, secret)))
		if len(d.listeners) != 0 {
			t.Errorf("%d listen still", len(d.listeners))
		}
		d.askNeed(after(2, secret))
		d.reads("That was one try")
	})
	t.Run("but a refusal by another host of the realm", func(t *testing.T) {
		d, _ := questioned(t, after(1, secret), Config{})
		d.fill(1, wrong1)
		d.tap("Sign in")
		b := after(2, secret)
		b.Need.Host = "ex2.contoso.test"
		d.see(one(b))
		d.reads("ex2.contoso.test has refused this password. That was one try")
		d.wantFocus("password")
	})
	t.Run("a refusal once, however often it is shown", func(t *testing.T) {
		d, _ := questioned(t, after(1, secret), Config{})
		d.tried(2, wrong1, "Sign in", secret)
		d.see(one(after(2, secret)))
		d.see(one(after(3, secret, seeking)))
		d.see(one(after(3, secret)))
		d.reads("That was one try")
	})
}

func TestSignInThatCannotBeKeptNeedNotBeTypedAgain(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"locked", fmt.Errorf("storing the sign-in: %w", &profile.SecretError{Ref: "keyring:a1", Backend: "keyring", Op: "set", Err: profile.ErrSecretLocked}), "The keyring is locked"},
		{"locked, over the socket", &control.Error{Code: control.SecretLocked, Text: "set secret: locked"}, "The keyring is locked"},
		{"not unlocked in time", fmt.Errorf("silent: %w", context.DeadlineExceeded), "The keyring is locked"},
		{"no backend", &control.Error{Code: control.NoBackend, Text: "no keyring runs in this session; start one."}, "no keyring runs in this session; start one."},
		{"no agent", control.ErrNotRunning, "Homing could not take the password: no agent is running"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked := 0
			d, h := questioned(t, after(1, secret), Config{Desk: Desk{Secrets: func(context.Context) (Secrets, error) {
				asked++
				return Secrets{Where: "the keyring"}, nil
			}}})
			h.fails = []error{tt.err}
			d.fill(1, right)
			d.tap("Sign in")
			d.reads(tt.want, "still there")
			if got := d.password().Text; got != right {
				t.Errorf("there stands %q, want what was typed", got)
			}
			if asked != 2 {
				t.Errorf("the desktop was asked %d times where it goes, want once more", asked)
			}
			h.told()
			d.see(one(after(1, secret)))
			d.tap("Sign in")
			h.wantTold(t, "sign in 00000000000000a1 *.contoso.test ann@contoso.test "+right)
			d.misses("still there")
		})
	}
	t.Run("but what was typed meanwhile stays", func(t *testing.T) {
		d, h := questioned(t, after(1, secret), Config{})
		release := h.shut()
		t.Cleanup(release)
		h.fails = []error{profile.ErrSecretLocked}
		d.fill(1, wrong1)
		test.Tap(d.find("Sign in"))
		<-h.reached
		d.fill(1, right)
		release()
		d.settle()
		if got := d.password().Text; got != right {
			t.Errorf("there stands %q", got)
		}
	})
	t.Run("and what was left is told", func(t *testing.T) {
		d, h := questioned(t, after(1, secret), Config{})
		release := h.shut()
		t.Cleanup(release)
		h.fails = []error{profile.ErrSecretLocked}
		d.fill(1, right)
		test.Tap(d.find("Sign in"))
		<-h.reached
		test.Tap(d.find("Later"))
		release()
		d.settle()
		d.reads("the keyring is locked")
	})
	t.Run("also after Esc", func(t *testing.T) {
		d, h := questioned(t, after(1, secret), Config{})
		release := h.shut()
		t.Cleanup(release)
		h.fails = []error{profile.ErrSecretLocked}
		d.fill(1, right)
		test.Tap(d.find("Sign in"))
		<-h.reached
		d.dialogs[0].close()
		release()
		d.settle()
		d.reads("the keyring is locked")
	})
}

func TestSignInKeepsWhatIsTypedWhileModelsArrive(t *testing.T) {
	d, _ := questioned(t, after(1, secret), Config{})
	d.focus(d.password())
	for i, r := range right {
		d.password().TypedRune(r)
		b := after(2+i/2, secret)
		if i%2 == 0 {
			b = after(2+i/2, seeking)
		}
		b.Doing = fmt.Sprintf("Looks again in %d seconds.", 30-i)
		d.see(one(b))
	}
	if got := d.password().Text; got != right {
		t.Errorf("there stands %q", got)
	}
	d.wantFocus("password")
}

func TestSignInSaysThatTheKeyringIsLocked(t *testing.T) {
	d, _ := questioned(t, after(1, secret), Config{})
	b := after(2, locked)
	b.Need.Why = "Your password is kept, but it cannot be read at the moment."
	d.see(one(b))
	d.reads(b.Need.Why)
	d.misses("There is no password")
}

func TestSignInForAnotherServerIsAskedAnew(t *testing.T) {
	d, h := questioned(t, after(1, secret), Config{})
	d.fill(1, right)
	other := after(2, secret)
	other.Need.Host, other.Need.Realm = "mx1.fabrikam.test", "*.fabrikam.test"
	d.see(one(other))
	d.reads("mx1.fabrikam.test")
	if got := d.password().Text; got != "" {
		t.Errorf("%q was typed for another server", got)
	}
	d.see(one(after(3, consent)))
	d.reads("May this server have your password?")
	d.wantFocus("Not now")
	h.wantTold(t)
}

// The search finds a password that is shown, and none that is not.
func TestSignInKeepsTheSecret(t *testing.T) {
	var log bytes.Buffer
	d, h := questioned(t, after(1, secret), Config{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	places := func() string {
		return log.String() + test.RenderObjectToMarkup(d.win.Canvas().Overlays().Top()) + fmt.Sprintf("%#v", d.model)
	}
	h.fails = []error{profile.ErrSecretLocked}
	d.fill(1, right)
	d.tap("Sign in")
	if !strings.Contains(log.String(), "locked") {
		t.Error("the log says nothing of it")
	}
	if strings.Contains(places(), right) {
		t.Errorf("the password stands in %s", places())
	}
	d.walk(func(o fyne.CanvasObject) {
		if c, ok := o.(*check); ok {
			c.SetChecked(true)
		}
	})
	if !strings.Contains(places(), right) {
		t.Error("the password is not shown to whoever wants to see it")
	}
	d.tap("Sign in")
	d.see(one(after(2, secret)))
	if strings.Contains(places(), right) {
		t.Errorf("the password that was sent stands in %s", places())
	}
	d.focus(d.password())
	d.password().TypedShortcut(&fyne.ShortcutUndo{})
	if got := d.password().Text; got != "" {
		t.Errorf("%q can be had back", got)
	}
}

func TestWhatAnAdministratorHasToDoCanBeCopied(t *testing.T) {
	d, h := questioned(t, after(1, access), Config{})
	want := "Homing cannot open the mailbox ann@contoso.test: ex1.contoso.test knows the mailbox and the account, but does not let the account in. Please check that it has the right to open this mailbox."
	d.reads(want)
	d.wantWhole()
	d.master(t, "administrator")
	d.tap("Copy")
	if got := d.app.Clipboard().Content(); got != want {
		t.Errorf("%q was copied", got)
	}
	d.reads("Copied")
	d.press(fyne.KeyEscape)
	if len(d.dialogs) != 0 {
		t.Error("Esc does not close it")
	}
	h.wantTold(t)
}

func TestNowLeadsToTheQuestion(t *testing.T) {
	for _, tt := range []struct {
		button string
		need   func(*Mailbox)
		want   string
	}{
		{"Sign in…", secret, "This server asks for it:"},
		{"Allow…", consent, "May this server have your password?"},
		{"What to tell your administrator…", access, "This is for your administrator"},
	} {
		d, _ := counter(t, Config{})
		d.see(one(after(1, tt.need)))
		d.tap(tt.button)
		d.reads(tt.want)
	}
}
