package ui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/homing-mail/homing/agent"
)

// paces are the choices of how often a session is looked after.
var paces = [...]time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour}

// settingsView is what a person may set. It reads the desktop when it is opened.
type settingsView struct {
	w     *Window
	body  *container.Scroll
	boxes *fyne.Container // mailboxes
	hosts *fyne.Container
	pace  *choice
	fixed *widget.Label // who says how often
	login *check
	tells *check
	odd   *widget.Label // why a switch cannot be read
	where *widget.Label
	wrong *fyne.Container
	why   *widget.Label

	turn     int
	paces    []time.Duration // what pace offers
	consents []Consent
	listed   []Mailbox
}

func newSettings(w *Window) *settingsView {
	v := &settingsView{w: w, boxes: container.New(column{}), hosts: container.New(column{}), fixed: quiet(""), where: text(""), why: text(""), odd: text("")}
	all := container.New(sheet{}, bold(w.say("view.mailboxes")), v.boxes,
		newFlow(w.button(w.say("view.add"), theme.ContentAddIcon(), w.showWizard)))
	add := func(key string, objects ...fyne.CanvasObject) {
		all.Add(widget.NewSeparator())
		all.Add(bold(w.say(key)))
		for _, o := range objects {
			all.Add(o)
		}
	}
	d := w.Desk
	if d.Consents != nil {
		add("view.trusted", quiet(w.say("view.trusted_text")), v.hosts)
	}
	v.pace = w.choice(v.setPace)
	if d.Interval != nil {
		add("view.look_every", newFlow(v.pace), v.fixed)
	}
	v.login = w.check(func(on bool) { v.set(v.login, d.Autostart, on) })
	v.tells = w.check(func(on bool) { v.set(v.tells, d.Notices, on) })
	if d.Autostart != nil || d.Notices != nil {
		login, tells := v.login.row(w.say("view.autostart")), v.tells.row(w.say("view.notices"))
		add("view.desktop", login, tells, v.odd)
		shown(login, d.Autostart != nil)
		shown(tells, d.Notices != nil)
	}
	if d.Secrets != nil {
		v.wrong = beside(widget.NewIcon(theme.WarningIcon()), v.why)
		v.wrong.Hide()
		add("view.secrets", v.where, v.wrong)
	}
	if d.Report != nil {
		var b *button
		b = w.button(w.say("view.save_report"), theme.DocumentSaveIcon(), func() { v.askReport(b) })
		add("view.report", quiet(w.say("view.report_text")), newFlow(b))
	}
	if d.Version != "" {
		add("view.version", text(w.say("view.version_text", "Version", d.Version)))
	}
	v.body = container.NewVScroll(all)
	return v
}

func (v *settingsView) object() fyne.CanvasObject { return v.body }
func (v *settingsView) scroll() *container.Scroll { return v.body }
func (v *settingsView) escape() bool              { return false }

func (v *settingsView) render(m Model, _ *Mailbox) {
	listed := make([]Mailbox, len(m.Mailboxes))
	for i, b := range m.Mailboxes {
		listed[i] = Mailbox{ID: b.ID, Address: b.Address}
	}
	if same(listed, v.listed) {
		return
	}
	v.listed = listed
	v.boxes.RemoveAll()
	for _, b := range listed {
		var forget *button
		forget = v.w.button(v.w.say("view.forget"), theme.DeleteIcon(), func() {
			v.w.confirm(b.ID, v.w.say("view.forget_title"), v.w.say("view.forget_text", "Address", b.Address), v.w.say("view.forget_yes"), func() {
				v.w.begin(forget, v.w.command(agent.Command{Op: agent.Forget, Profile: b.ID}))
			})
		})
		v.boxes.Add(container.NewBorder(nil, nil, nil, container.NewVBox(forget), text(b.Address)))
	}
}

// open reads what the desktop says.
func (v *settingsView) open() {
	v.turn++
	turn, d := v.turn, v.w.Desk
	var (
		consents     []Consent
		secrets      Secrets
		login, tells bool
		pace         time.Duration
		fixed        string
		problems     = map[string]error{}
	)
	note := func(what string, err error) {
		if err != nil {
			problems[what] = err
		}
	}
	v.w.run(func(ctx context.Context) (err error) {
		if d.Consents != nil {
			consents, err = d.Consents(ctx)
			note("consents", err)
		}
		if d.Secrets != nil {
			secrets, err = d.Secrets(ctx)
			note("secrets", err)
		}
		if d.Autostart != nil {
			login, err = d.Autostart.On()
			note("autostart", err)
		}
		if d.Notices != nil {
			tells, err = d.Notices.On()
			note("notices", err)
		}
		if d.Interval != nil {
			pace, fixed = d.Interval.Get()
		}
		return nil
	}, func(error) {
		if turn != v.turn {
			return
		}
		for what, err := range problems {
			v.w.Log.Warn("a setting cannot be read", "setting", what, "error", err)
		}
		odd := errors.Join(problems["autostart"], problems["notices"])
		shown(v.odd, odd != nil)
		if odd != nil {
			v.odd.SetText(v.w.say("view.setting_wrong", "Error", odd.Error()))
		}
		v.login.set(login)
		v.tells.set(tells)
		able(v.login, problems["autostart"] == nil)
		able(v.tells, problems["notices"] == nil)
		v.showPace(pace, fixed)
		if v.wrong != nil {
			if err := problems["secrets"]; err != nil && secrets.Wrong == "" {
				secrets.Wrong = err.Error()
			}
			v.where.SetText(secrets.Where)
			shown(v.where, secrets.Where != "")
			v.why.SetText(secrets.Wrong)
			shown(v.wrong, secrets.Wrong != "")
		}
		v.showConsents(consents, problems["consents"])
	})
}

func (v *settingsView) showConsents(consents []Consent, err error) {
	if len(v.hosts.Objects) > 0 && err == nil && same(consents, v.consents) {
		return
	}
	v.consents = consents
	v.hosts.RemoveAll()
	switch {
	case err != nil:
		v.hosts.Add(beside(widget.NewIcon(theme.WarningIcon()), text(v.w.say("view.trusted_wrong", "Error", err.Error()))))
	case len(consents) == 0:
		v.hosts.Add(text(v.w.say("view.trusted_none")))
	}
	for _, c := range consents {
		v.hosts.Add(v.consent(c))
	}
}

// consent is a row: the host, for whom, who says so, and how to take it back.
func (v *settingsView) consent(c Consent) fyne.CanvasObject {
	w := v.w
	day := func(t time.Time) string { return t.Local().Format(time.DateOnly) }
	by := w.say("view.trusted_by_you", "Given", day(c.Given))
	switch {
	case c.Fixed != "":
		by = w.say("view.trusted_fixed", "Who", c.Fixed)
	case !c.Expires.IsZero():
		by = w.say("view.trusted_until", "Given", day(c.Given), "Expires", day(c.Expires))
	}
	about := by
	if c.MailDomain != "" {
		about = w.say("view.trusted_for", "Domain", c.MailDomain, "By", by)
	}
	row := container.New(column{}, mono(c.Host), quiet(about))
	if c.Fixed != "" {
		return beside(widget.NewIcon(theme.AccountIcon()), row)
	}
	var remove *button
	remove = w.button(w.say("view.remove"), theme.DeleteIcon(), func() {
		w.confirm("", w.say("view.remove_title"), w.say("view.remove_text", "Host", c.Host), w.say("view.remove_yes"), func() {
			w.begin(remove, func(ctx context.Context) error {
				err := w.command(agent.Command{Op: agent.Distrust, Host: c.Host, MailDomain: c.MailDomain})(ctx)
				if err == nil && w.ctx.Err() == nil {
					w.do(v.open)
				}
				return err
			})
		})
	})
	return container.NewBorder(nil, nil, nil, container.NewVBox(remove), row)
}

func (v *settingsView) showPace(now time.Duration, fixed string) {
	v.paces = v.paces[:0]
	for _, d := range paces {
		if now > 0 && now < d && (len(v.paces) == 0 || v.paces[len(v.paces)-1] < now) {
			v.paces = append(v.paces, now) // one of one's own
		}
		v.paces = append(v.paces, d)
	}
	if now > paces[len(paces)-1] {
		v.paces = append(v.paces, now)
	}
	chosen, options := -1, make([]string, len(v.paces))
	for i, d := range v.paces {
		if d == now {
			chosen = i
		}
		options[i] = v.w.span(d)
	}
	v.pace.set(options, chosen)
	able(v.pace, fixed == "")
	shown(v.fixed, fixed != "")
	if fixed != "" {
		v.fixed.SetText(v.w.say("view.fixed", "Who", fixed))
	}
}

func (v *settingsView) setPace(i int) {
	if i < 0 || i >= len(v.paces) {
		return
	}
	d := v.paces[i]
	v.w.run(func(context.Context) error { return v.w.Desk.Interval.Set(d) }, v.afterSet)
}

// set turns a switch of the desktop. Where it does not turn, the box shows how it
// stands.
func (v *settingsView) set(c *check, s Switch, on bool) {
	c.Disable()
	v.w.run(func(context.Context) error { return s.Set(on) }, func(err error) {
		c.Enable()
		v.afterSet(err)
	})
}

func (v *settingsView) afterSet(err error) {
	if err != nil {
		v.w.fail(err)
		v.open()
	}
}

// askReport asks where the report for the help desk goes, and writes it.
func (v *settingsView) askReport(by *button) {
	w := v.w
	var q *question
	to := &pathEntry{w: w}
	to.ExtendBaseWidget(to)
	home, _ := os.UserHomeDir() // without one it goes where the program was started
	to.SetText(filepath.Join(home, "homing-report-"+w.now().Format(time.DateOnly)+".txt"))
	save := func() {
		q.close()
		v.saveReport(by, to.Text)
	}
	to.OnSubmitted = func(string) { save() }
	q = w.ask("", w.say("view.report"), container.New(column{}, text(w.say("view.report_where")), to),
		w.button(w.say("view.cancel"), theme.CancelIcon(), func() { q.close() }),
		w.button(w.say("view.save"), theme.DocumentSaveIcon(), save))
	w.win.Canvas().Focus(to)
}

// saveReport writes the report to a file that is not there yet, for its owner alone.
func (v *settingsView) saveReport(by *button, name string) {
	w := v.w
	w.begin(by, func(ctx context.Context) error {
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		err = w.Desk.Report(ctx, f)
		if closed := f.Close(); err == nil {
			err = closed
		}
		switch {
		case err != nil:
			return errors.Join(err, os.Remove(name)) // half a report helps nobody
		case w.ctx.Err() == nil:
			w.do(func() { w.tell(w.say("view.report"), text(w.say("view.report_saved", "File", name))) })
		}
		return nil
	})
}

// pathEntry is a line for the name of a file. It leaves Esc to the window.
type pathEntry struct {
	widget.Entry
	w *Window
}

func (p *pathEntry) TypedKey(ev *fyne.KeyEvent) {
	if ev.Name == fyne.KeyEscape {
		p.w.key(ev)
		return
	}
	p.Entry.TypedKey(ev)
}

// span is a length of time in words.
func (w *Window) span(d time.Duration) string {
	switch {
	case d == time.Hour:
		return w.say("view.hour")
	case d == time.Minute:
		return w.say("view.minute")
	case d == time.Second:
		return w.say("view.second")
	case d%time.Hour == 0:
		return w.say("view.hours", "Number", fmt.Sprint(int(d.Hours())))
	case d%time.Minute == 0:
		return w.say("view.minutes", "Number", fmt.Sprint(int(d.Minutes())))
	}
	return w.say("view.seconds", "Number", fmt.Sprint(d.Seconds()))
}
