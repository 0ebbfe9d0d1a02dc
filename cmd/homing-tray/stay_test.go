//go:build tray

package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/control"
	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/ui"
)

// home is a resident in which everything but itself is directed by a test.
type home struct {
	*resident
	t     *testing.T
	stage *stage
	agent *watched
	paths program.Paths
	said  *record

	hosts   chan bool // whether a tray is there; closed: the bus has gone
	notices chan ui.Notice
	views   chan ui.TrayView
	ended   chan error
	stop    context.CancelFunc

	mu     sync.Mutex
	events []string
}

// Show implements ui.Tray.
func (h *home) Show(v ui.TrayView) { h.views <- v }

func (h *home) note(event string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, event)
}

// newHome makes one that change has completed; live starts it.
func newHome(t *testing.T, change func(*home)) *home {
	h := &home{
		t: t, stage: newStage(t), agent: new(watched), paths: testPaths(t), said: new(record),
		hosts: make(chan bool, 8), notices: make(chan ui.Notice, 8), views: make(chan ui.TrayView, 64), ended: make(chan error, 1),
	}
	h.resident = &resident{
		log:   quiet,
		agent: h.agent,
		keep: func(ctx context.Context) error {
			<-ctx.Done()
			h.note("the agent ends")
			return nil
		},
		tray: h,
		hosts: func(ctx context.Context) iter.Seq[bool] {
			return func(yield func(bool) bool) {
				for {
					select {
					case hosted, ok := <-h.hosts:
						if !ok || !yield(hosted) {
							return
						}
					case <-ctx.Done():
						return
					}
				}
			}
		},
		notify: func(_ context.Context, n ui.Notice) error { h.notices <- n; return nil },
		words:  plain(),
		wait:   long,
	}
	h.prepare()
	h.window = newWindow(func() *exec.Cmd { return h.stage.command() }, h.said, h.windowEnded)
	change(h)
	var err error
	if h.door, err = alone(t.Context(), h.paths, true); err != nil || h.door == nil {
		t.Fatal(h.door, err)
	}
	return h
}

func (h *home) live() {
	ctx, cancel := context.WithCancel(h.t.Context())
	h.stop = cancel
	go func() { h.ended <- h.resident.live(ctx) }()
	h.t.Cleanup(cancel)
}

// raise is what a second homing-tray does.
func (h *home) raise() <-chan error {
	done := make(chan error, 1)
	go func() {
		d, err := alone(h.t.Context(), h.paths, true)
		if d != nil {
			d.Close()
			err = errors.New("there is no first one")
		}
		done <- err
	}()
	return done
}

// ends awaits the end.
func (h *home) ends(want error) {
	h.t.Helper()
	if err := receive(h.t, h.ended); !errors.Is(err, want) || want == nil && err != nil {
		h.t.Errorf("it ends with %v, want %v", err, want)
	}
}

// seen waits until the resident knows whether a tray is there.
func (h *home) seen(hosted bool) {
	h.t.Helper()
	h.hosts <- hosted
	ctx := withDeadline(h.t)
	for h.hosted.Load() != hosted && pause(ctx, time.Millisecond) {
	}
}

// iconSeen waits until a tray has been there.
func (h *home) iconSeen() {
	h.t.Helper()
	select {
	case <-h.appeared:
	case <-time.After(long):
		h.t.Fatal("no tray is seen")
	}
}

func TestStartedByHandItOpensTheWindow(t *testing.T) {
	h := newHome(t, func(h *home) { h.hosts <- true })
	h.live()
	h.iconSeen()
	a := h.stage.next()
	a.shows()
	h.stop()
	a.ends()
	h.ends(nil)
}

func TestInTheBackgroundTheIconIsEnough(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*home)
		opens  bool
	}{
		{"where a tray is there", func(h *home) { h.hosts <- true }, false},
		{"where a tray appears in time", func(h *home) { h.hosts <- false; h.hosts <- true }, false},
		{"but not where none appears", func(h *home) { h.hosts <- false; h.wait = time.Millisecond }, true},
		{"nor where there is no bus", func(h *home) { h.resident.hosts = nil }, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHome(t, func(h *home) { h.hidden = true; tc.change(h) })
			h.live()
			if tc.opens {
				a := h.stage.next()
				a.shows()
				h.stop()
				a.ends()
			} else {
				h.iconSeen()
				h.stop()
			}
			h.ends(nil)
			h.stage.none()
		})
	}
}

func TestClosingTheWindow(t *testing.T) {
	for _, tc := range []struct {
		name   string
		hosted bool
		code   int
		stays  bool
		fails  bool
		told   bool
	}{
		{"leaves the icon", true, 0, true, false, false},
		{"ends everything where no icon is seen", false, 0, false, false, false},
		{"by its death leaves the icon, and is told", true, 3, true, false, true},
		{"by its death ends everything where no icon is seen, and is told", false, 3, false, true, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHome(t, func(*home) {})
			h.live()
			a := h.stage.next()
			a.shows()
			h.seen(tc.hosted)
			a.exits(tc.code, "out of memory\n")
			if tc.told {
				if n := receive(t, h.notices); n.Title != "trouble" || !strings.HasSuffix(n.Body, "out of memory") {
					t.Errorf("told: %+v", n)
				}
			}
			if tc.stays {
				again := h.raise()
				b := h.stage.next()
				b.shows()
				if err := receive(t, again); err != nil {
					t.Error(err)
				}
				h.stop()
				b.ends()
				h.ends(nil)
				return
			}
			err := receive(t, h.ended)
			if (err != nil) != tc.fails {
				t.Errorf("it ends with %v", err)
			}
			if !strings.Contains(h.said.String(), "out of memory") {
				t.Errorf("what the window says is not passed on: %q", h.said)
			}
		})
	}
}

func TestASecondStartRaisesTheWindowOfTheFirst(t *testing.T) {
	h := newHome(t, func(*home) {})
	h.live()
	a := h.stage.next()
	a.shows()
	second := h.raise()
	a.shows()
	if err := receive(t, second); err != nil {
		t.Error(err)
	}
	h.stage.none()
	h.Quit()
	a.ends()
	h.ends(nil)
}

func TestEverythingEndsInOrder(t *testing.T) {
	for _, tc := range []struct {
		name string
		quit func(*home)
		want error
	}{
		{"when somebody quits", func(h *home) { h.Quit() }, nil},
		{"when the program is told to stop", func(h *home) { h.stop() }, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHome(t, func(*home) {})
			h.live()
			a := h.stage.next()
			a.shows()
			tc.quit(h)
			a.hears("eof")
			// The window goes, and the agent that it shows is still there; nobody new is let in.
			if _, err := control.Dial(h.paths.Window); !errors.Is(err, control.ErrNotRunning) {
				t.Errorf("the door is open: %v", err)
			}
			h.note("the window ends")
			a.exits(0, "")
			h.ends(tc.want)
			if diff := cmp.Diff([]string{"the window ends", "the agent ends"}, h.events); diff != "" {
				t.Error(diff)
			}
			d, err := alone(t.Context(), h.paths, true)
			if err != nil || d == nil {
				t.Fatalf("the next one cannot start: %v, %v", d, err)
			}
			d.Close()
		})
	}
}

func TestAnAgentThatFailsEndsEverything(t *testing.T) {
	broken := errors.New("the state directory is gone")
	fail := make(chan bool)
	h := newHome(t, func(h *home) { h.keep = func(context.Context) error { <-fail; return broken } })
	h.live()
	a := h.stage.next()
	a.shows()
	close(fail)
	a.ends()
	h.ends(broken)
}

func TestAnEndOfTheSessionBus(t *testing.T) {
	t.Run("ends a program that shows nothing", func(t *testing.T) {
		h := newHome(t, func(h *home) { h.hidden = true; h.hosts <- true })
		h.live()
		h.iconSeen()
		close(h.hosts)
		if err := receive(t, h.ended); err == nil {
			t.Error("it says nothing of it")
		}
		h.stage.none()
	})
	t.Run("leaves a window that is open, with which it then ends", func(t *testing.T) {
		h := newHome(t, func(h *home) {})
		h.live()
		a := h.stage.next()
		a.shows()
		h.seen(true)
		close(h.hosts)
		ctx := withDeadline(t)
		for h.hosted.Load() && pause(ctx, time.Millisecond) {
		}
		again := h.raise()
		a.shows()
		if err := receive(t, again); err != nil {
			t.Error(err)
		}
		a.exits(0, "")
		h.ends(nil)
	})
}

func TestTheIconFollowsTheAgent(t *testing.T) {
	box := func(state agent.State) agent.Status {
		return agent.Status{Mailboxes: []agent.Mailbox{{ID: "ann", State: state}}}
	}
	h := newHome(t, func(h *home) {
		h.hidden = true
		h.hosts <- true
		h.agent.watches = append(h.agent.watches, func(ctx context.Context, yield func(agent.Status, error) bool) {
			yield(box(agent.Online), nil)
			yield(box(agent.NeedsYou), nil)
			<-ctx.Done()
		})
	})
	h.live()
	for _, want := range []string{"online", "needs you"} {
		if v := receive(t, h.views); v.Sentence != want || v.Idle {
			t.Errorf("the tray shows %+v, want %q", v, want)
		}
	}
	if n := receive(t, h.notices); n.Title != "asked" {
		t.Errorf("told: %+v", n)
	}
	h.stop()
	h.ends(nil)
}

// fixed is a switch.
type fixed struct {
	on  bool
	err error
}

func (f fixed) On() (bool, error) { return f.on, f.err }
func (f fixed) Set(bool) error    { return nil }

func TestNotificationsCanBeSwitchedOff(t *testing.T) {
	for _, tc := range []struct {
		name string
		s    ui.Switch
		want int
	}{
		{"on", fixed{on: true}, 1},
		{"off", fixed{}, 0},
		{"not known, so on", fixed{err: errors.New("the preferences cannot be read")}, 1},
		{"nobody asked", nil, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var told []string
			r := &resident{log: quiet, notices: tc.s, notify: func(_ context.Context, n ui.Notice) error {
				told = append(told, n.Title)
				return errors.New("nobody shows it")
			}}
			r.notifyOf(ui.Notice{Title: "moved"})
			if len(told) != tc.want {
				t.Errorf("told: %q", told)
			}
		})
	}
}

func TestTheMenuHasTheAgentDoIt(t *testing.T) {
	two := agent.Status{Mailboxes: []agent.Mailbox{{ID: "ann"}, {ID: "ben"}}}
	for _, tc := range []struct {
		name  string
		click func(*home)
		want  []agent.Command
	}{
		{"check now", func(h *home) { h.CheckNow() }, []agent.Command{{Op: agent.CheckNow}}},
		{"pause", func(h *home) { h.Pause() }, []agent.Command{{Op: agent.Pause, Profile: "ann"}, {Op: agent.Pause, Profile: "ben"}}},
		{"resume", func(h *home) { h.Resume() }, []agent.Command{{Op: agent.Resume, Profile: "ann"}, {Op: agent.Resume, Profile: "ben"}}},
	} {
		for _, refused := range []error{nil, errors.New("no such mailbox")} {
			t.Run(fmt.Sprintf("%s: %v", tc.name, refused), func(t *testing.T) {
				h := newHome(t, func(h *home) {
					h.hidden, h.agent.refuse = true, refused
					h.hosts <- true
					h.agent.watches = append(h.agent.watches, func(ctx context.Context, yield func(agent.Status, error) bool) {
						yield(two, nil)
						<-ctx.Done()
					})
				})
				h.live()
				receive(t, h.views)
				ctx := withDeadline(t)
				for h.last.Load() == nil && pause(ctx, time.Millisecond) {
				}
				tc.click(h)
				h.tasks.Wait()
				h.stop()
				h.ends(nil)
				if diff := cmp.Diff(tc.want, h.agent.done); diff != "" {
					t.Error(diff)
				}
				close(h.notices)
				var told []ui.Notice
				for n := range h.notices {
					told = append(told, n)
				}
				if want := refused != nil; slices.ContainsFunc(told, func(n ui.Notice) bool { return n.Title == "trouble" }) != want {
					t.Errorf("told: %v, want that it was refused: %v", told, want)
				}
			})
		}
	}
}

func TestTheMenuDoesNothingBeforeAndAfter(t *testing.T) {
	h := newHome(t, func(h *home) { h.hidden = true; h.hosts <- true })
	h.CheckNow()
	h.live()
	h.iconSeen()
	h.stop()
	h.ends(nil)
	h.CheckNow()
	h.Open()
	h.tasks.Wait()
	if len(h.agent.done) > 0 {
		t.Errorf("done: %v", h.agent.done)
	}
	h.stage.none()
}
