package ui

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"image/color"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/profile"
)

// maxRefused is how many refused passwords of one account are enough: directories
// lock accounts, many of them after the fifth.
const maxRefused = 3

// account is what passwords are refused for.
type account struct {
	id          profile.ID
	realm, user string
}

// signIn is the question for a password.
type signIn struct {
	w    *Window
	b    Mailbox // the latest
	need Need    // as it is asked
	page *page

	user, password *input
	later, send    *button
	why            *widget.Label
	said           *notice // how it goes, or went; instead of why
	kept           *notice // where the password goes

	as     account // of the latest try
	sent   bool    // the agent has it, and has not said yet what came of it
	busy   bool    // the agent has not taken it yet
	looked time.Time
}

// signInPage asks for the password that b.Need is about. leave closes the page, and
// taken, which may be nil, hears that the agent has a password now.
func (w *Window) signInPage(b Mailbox, later string, leave, taken func()) *page {
	s := &signIn{w: w, b: b, need: *b.Need, why: text(b.Need.Why), said: newNotice(), kept: newNotice()}
	s.user, s.password = w.input(), w.input()
	s.user.SetText(cmp.Or(s.need.User, b.Address))
	s.password.Password = true
	s.password.ActionItem = canvas.NewRectangle(color.Transparent) // the eye of Fyne cannot be reached by keyboard
	s.user.OnSubmitted = func(string) { w.focus(s.password) }
	s.password.OnSubmitted = func(string) {
		if s.refused() >= maxRefused {
			w.focus(s.later)
			return
		}
		s.submit(taken)
	}
	show := w.check(func(on bool) {
		s.password.Password = !on
		s.password.Refresh()
	})
	show.Text = w.say("ask.signin_show")
	s.later = w.button(later, nil, leave)
	s.send = w.button(w.say("ask.signin_send"), theme.LoginIcon(), func() { s.submit(taken) })
	s.send.Importance = widget.HighImportance
	s.user.OnChanged = func(string) { s.update() }

	body := container.New(column{},
		quiet(w.say("ask.signin_host")), w.hostBox(s.need.Host), s.why, s.said.row, s.kept.row,
		bold(w.say("ask.signin_user")), s.user,
		bold(w.say("ask.signin_password")), s.password, show)
	s.page = &page{
		title: w.say("ask.signin_title"), body: body, buttons: []*button{s.later, s.send}, focus: s.focus,
		leave: leave, render: s.render, open: func() bool { return s.busy || s.sent },
	}
	s.update()
	s.whereKept()
	return s.page
}

// whereKept says what happens to a password before one is typed.
func (s *signIn) whereKept() {
	if s.w.Desk.Secrets == nil {
		return
	}
	var secrets Secrets
	s.w.run(func(ctx context.Context) (err error) {
		secrets, err = s.w.Desk.Secrets(ctx)
		return err
	}, func(err error) {
		if err != nil && secrets.Wrong == "" {
			secrets.Wrong = err.Error()
		}
		switch {
		case secrets.Wrong != "":
			s.kept.show(theme.WarningIcon(), s.w.say("ask.signin_not_kept", "Wrong", secrets.Wrong))
		case secrets.Where != "":
			s.kept.show(theme.InfoIcon(), s.w.say("ask.signin_kept", "Where", secrets.Where, "Servers", s.servers()))
		}
		s.refresh()
	})
}

// servers are those that the password goes to.
func (s *signIn) servers() string {
	if domain, ok := strings.CutPrefix(s.need.Realm, "*."); ok {
		return s.w.say("ask.servers_of", "Domain", Host(domain))
	}
	return Host(s.need.Realm)
}

func (s *signIn) account() account {
	user := cmp.Or(strings.TrimSpace(s.user.Text), s.b.Address)
	return account{s.b.ID, s.need.Realm, strings.ToLower(user)}
}

// refused is how many passwords of the account that is typed were refused.
func (s *signIn) refused() int { return s.w.refused[s.account()] }

// submit hands the password to the agent. The entry is empty from then on; it gets
// the password back only if the agent could not take it.
func (s *signIn) submit(taken func()) {
	switch {
	case s.busy || s.sent:
		return
	case s.password.Text == "":
		s.said.show(theme.WarningIcon(), s.w.say("ask.signin_empty"))
		s.refresh()
		s.w.focus(s.password)
		return
	}
	user := cmp.Or(strings.TrimSpace(s.user.Text), s.b.Address)
	c := agent.Command{Op: agent.SignIn, Profile: s.b.ID, Realm: s.need.Realm, User: user, Secret: trust.NewSecret(s.password.Text)}
	s.password.SetText("")
	s.busy, s.as, s.looked = true, s.account(), s.b.Looked
	s.update()
	s.w.run(s.w.command(c), func(err error) {
		s.busy = false
		if err != nil {
			s.failed(err, c.Secret)
			return
		}
		s.sent = true
		s.update()
		if taken != nil {
			taken()
		}
	})
}

// failed says why the agent could not take a password, which need not be typed
// again.
func (s *signIn) failed(err error, secret trust.Secret) {
	s.w.Log.Warn("a sign-in was not taken", "error", err)
	if !s.page.visible {
		s.w.fail(err)
		return
	}
	if s.password.Text == "" {
		s.password.SetText(secret.Reveal())
		s.password.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEnd})
	}
	s.update()
	key := "ask.signin_failed"
	switch {
	case errors.Is(err, profile.ErrSecretLocked), errors.Is(err, context.DeadlineExceeded):
		key = "ask.signin_locked"
	case errors.Is(err, profile.ErrNoBackend):
		key = "ask.signin_no_backend"
	}
	s.said.show(theme.WarningIcon(), s.w.say(key, "Error", visible(err.Error())))
	s.refresh()
	s.whereKept()
}

// render follows the mailbox: whether the password that was sent was refused.
func (s *signIn) render(b Mailbox) {
	s.b = b
	if b.Need != nil && s.need.same(*b.Need) {
		s.need.Why = b.Need.Why
		s.why.SetText(b.Need.Why)
	}
	if s.sent && b.Settled && !b.Looked.Equal(s.looked) {
		s.sent = false
		switch {
		case b.Need == nil || b.Need.Kind != NeedsSignIn || b.Need.Realm != s.need.Realm:
			if b.Icon == AtHome || b.Need != nil { // it was let in
				delete(s.w.refused, s.as)
			}
		case !b.Need.Locked:
			if s.w.refused == nil {
				s.w.refused = make(map[account]int)
			}
			s.w.refused[s.as]++
			if focused := s.w.win.Canvas().Focused(); s.page.visible && s.password.Text == "" && focused != fyne.Focusable(s.user) {
				s.w.focus(s.focus())
			}
		}
	}
	s.update()
}

// focus is where a person goes on: to the next try, or away from it.
func (s *signIn) focus() fyne.Focusable {
	if s.refused() >= maxRefused {
		return s.later
	}
	return s.password
}

// update says how it goes. What a person types in is left alone.
func (s *signIn) update() {
	w, n := s.w, s.refused()
	able(s.send, !s.busy && !s.sent)
	word := w.say("ask.signin_send")
	if n >= maxRefused {
		word = w.say("ask.signin_anyway")
	}
	if s.send.Text != word {
		s.send.SetText(word)
	}
	switch {
	case s.busy:
		s.said.show(theme.MoreHorizontalIcon(), w.say("ask.signin_storing"))
	case s.sent:
		s.said.show(theme.MoreHorizontalIcon(), w.say("ask.signin_trying", "Host", s.need.Host))
	case n >= maxRefused:
		s.said.show(theme.WarningIcon(), w.say("ask.signin_enough", "Host", s.need.Host, "Count", fmt.Sprint(n)))
	case n == 1:
		s.said.show(theme.WarningIcon(), w.say("ask.signin_refused_once", "Host", s.need.Host, "Most", fmt.Sprint(maxRefused)))
	case n > 1:
		s.said.show(theme.WarningIcon(), w.say("ask.signin_refused", "Host", s.need.Host, "Count", fmt.Sprint(n), "Most", fmt.Sprint(maxRefused)))
	default:
		s.said.show(nil, "")
	}
	s.refresh()
}

func (s *signIn) refresh() {
	shown(s.why, s.need.Why != "" && !s.said.row.Visible())
	if s.page != nil {
		s.page.body.Refresh()
	}
}

// administratorPage says what the person at the desk can tell an administrator.
func (w *Window) administratorPage(b Mailbox, later string, leave func()) *page {
	message := w.say("ask.admin_message", "Address", b.Address, "Host", b.Need.Host)
	done := w.button(later, nil, leave)
	var copied *button
	copied = w.button(w.say("ask.admin_copy"), theme.ContentCopyIcon(), func() {
		w.app.Clipboard().SetContent(message)
		copied.SetIcon(theme.ConfirmIcon())
		copied.SetText(w.say("ask.admin_copied"))
	})
	copied.Importance = widget.HighImportance
	body := container.New(column{}, text(b.Need.Why), quiet(w.say("ask.admin_text")),
		newBox(text(message), theme.ColorNameInputBackground, theme.ColorNameSeparator, 1, theme.Padding()))
	return &page{title: w.say("ask.admin_title"), body: body, buttons: []*button{done, copied}, focus: func() fyne.Focusable { return copied }, leave: leave}
}
