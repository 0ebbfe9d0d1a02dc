package main

import (
	"context"
	"iter"
	"testing"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/profile"
)

// spy is a service that only notes what it is told.
type spy struct{ told []agent.Op }

func (s *spy) Watch(context.Context) iter.Seq2[agent.Status, error] {
	return func(func(agent.Status, error) bool) {}
}

func (s *spy) Do(_ context.Context, c agent.Command) (profile.ID, error) {
	s.told = append(s.told, c.Op)
	return c.Profile, nil
}

func (s *spy) History(context.Context, profile.ID) ([]profile.Generation, error) { return nil, nil }

// However a setup ends, by a failure or by Ctrl-C, it takes back what it has
// added itself, and nothing else.
func TestASetupThatEndsForgetsOnlyWhatItAdded(t *testing.T) {
	store := &profile.Files{Dir: t.TempDir()}
	kept, err := profile.New("ann@contoso.test", "")
	if err != nil {
		t.Fatal(err)
	}
	if kept, err = store.Save(t.Context(), kept, 0, profile.Reason{Text: "was there"}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		id      profile.ID
		created bool
		forgets bool
	}{
		{"a profile that was there stays", kept.ID, false, false},
		{"so does one that was saved at the last moment", kept.ID, true, false},
		{"a mailbox that somebody else is adding stays", profile.NewID(), false, false},
		{"one that came to nothing goes", profile.NewID(), true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s spy
			r := &settingUp{svc: &program.Running{Service: &s}, id: tt.id, created: tt.created}
			if err := r.undo(t.Context(), &program.Program{Store: store}); err != nil {
				t.Error(err)
			}
			if forgets := len(s.told) == 1 && s.told[0] == agent.Forget; forgets != tt.forgets || len(s.told) > 1 {
				t.Errorf("told %v", s.told)
			}
		})
	}
}
