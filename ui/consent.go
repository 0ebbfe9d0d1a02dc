package ui

import (
	"context"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/homing-mail/homing/agent"
)

// forNow is how long a consent holds that is not for ever.
const forNow = 30 * 24 * time.Hour

// reading is how long a question that comes by itself cannot be answered by yes.
const reading = time.Second

// consentPage asks whether the host of b.Need may receive a sign-in. No is the
// default: it has the focus, and Esc says it. leave is no; taken hears of a yes that
// the agent has written down.
func (w *Window) consentPage(b Mailbox, leave, taken func()) *page {
	need, always := *b.Need, false
	busy, sent, looked := false, false, b.Looked
	until := w.choice(func(i int) { always = i == 1 })
	until.set([]string{w.say("ask.consent_month"), w.say("ask.consent_always")}, 0)
	no := w.button(w.say("ask.consent_no"), nil, leave)
	var yes *button
	yes = w.button(w.say("ask.consent_yes"), nil, func() {
		c := agent.Command{Op: agent.Trust, MailDomain: need.Hop.MailDomain, Host: strings.TrimSuffix(need.Hop.To, ":443")}
		if !always {
			c.Expires = time.Now().Add(forNow)
		}
		busy, looked = true, b.Looked
		yes.Disable()
		w.run(w.command(c), func(err error) {
			busy = false
			yes.Enable()
			if err != nil {
				w.fail(err)
				return
			}
			sent = true
			if taken != nil {
				taken()
			}
		})
	})

	facts := container.New(pairs{})
	for _, f := range need.Facts {
		if f.Value == need.Host { // stands in the frame
			continue
		}
		value := text(visible(f.Value))
		value.Wrapping = fyne.TextWrapBreak
		if strings.Contains(value.Text, " ") {
			value.Wrapping = fyne.TextWrapWord
		}
		facts.Add(quiet(visible(f.Name)))
		facts.Add(value)
	}
	why := text(visible(need.Why))
	shown(why, need.Why != "")
	body := container.New(column{},
		text(w.say("ask.consent_text")), w.hostBox(Host(need.Hop.To)), why, facts,
		bold(w.say("ask.consent_until")), newFlow(until),
		quiet(w.say("ask.consent_unsure")))
	return &page{
		title: w.say("ask.consent_title"), body: body, buttons: []*button{no, yes}, leave: leave,
		focus: func() fyne.Focusable { return no },
		open:  func() bool { return busy || sent },
		sudden: func() {
			yes.Disable()
			w.run(func(ctx context.Context) error {
				w.sleep(ctx, reading)
				return nil
			}, func(error) {
				yes.Enable()
				w.Log.Debug("the window takes an answer")
			})
		},
		render: func(now Mailbox) {
			b = now
			if now.Settled && !now.Looked.Equal(looked) {
				sent = false
			}
		},
	}
}
