package agent

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestWaitsDoubleToTheirMaximumAndHonourTheServer(t *testing.T) {
	p := Pace{Move: Steps{30 * time.Second, 5 * time.Minute}, Server: Steps{First: 7 * time.Second}, Jitter: -1}.withDefaults()
	for _, tt := range []struct {
		name  string
		w     Wait
		n     int
		asked time.Duration
		want  time.Duration
	}{
		{"the first", ForMove, 0, 0, 30 * time.Second},
		{"the second", ForMove, 1, 0, time.Minute},
		{"the fourth", ForMove, 3, 0, 4 * time.Minute},
		{"the fifth is the longest", ForMove, 4, 0, 5 * time.Minute},
		{"the millionth is no longer", ForMove, 1e6, 0, 5 * time.Minute},
		{"what the server asked is a lower bound", ForMove, 0, 20 * time.Minute, 20 * time.Minute},
		{"and no upper bound", ForMove, 4, time.Second, 5 * time.Minute},
		{"nobody waits for longer than an hour because a server says so", ForMove, 0, 48 * time.Hour, time.Hour},
		{"a row without a maximum stays at its first", ForServer, 5, 0, 7 * time.Second},
		{"a row that is not set is the default: news", ForNews, 0, 0, 5 * time.Minute},
		{"a row that is not set is the default: network", ForNetwork, 0, 0, 15 * time.Second},
		{"a row that is not set is the default: you", ForYou, 3, 0, time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := p.wait(tt.w, tt.n, tt.asked, rand.New(rand.NewPCG(1, 2))); got != tt.want {
				t.Errorf("wait = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestJitterOnlyLengthens(t *testing.T) {
	p, random := DefaultPace(), rand.New(rand.NewPCG(1, 2))
	seen := make(map[time.Duration]bool)
	for range 1000 {
		d := p.wait(ForMove, 0, 0, random)
		if d < 30*time.Second || d > 37500*time.Millisecond {
			t.Fatalf("wait = %v, want 30 s and at most a quarter more", d)
		}
		seen[d] = true
	}
	if len(seen) < 900 {
		t.Errorf("%d different waits of 1000: they do not spread", len(seen))
	}
}

func TestSettingsRunOutWhenTheirTimeIsOverAndNotAllAtOnce(t *testing.T) {
	now, random := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), rand.New(rand.NewPCG(1, 2))
	for _, tt := range []struct {
		name  string
		asked time.Duration // before now
		want  time.Duration // the least; a quarter of 8 hours more is the most
	}{
		{"just issued", 0, 8 * time.Hour},
		{"hours ago", 3 * time.Hour, 5 * time.Hour},
		{"for exactly their time", 8 * time.Hour, 0},
		{"months ago", 2000 * time.Hour, 0},
		{"in the future, by a clock that was wrong", -2000 * time.Hour, 8 * time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := (Pace{Jitter: -1}).renewal(now.Add(-tt.asked), now, 8*time.Hour, random); got != tt.want {
				t.Errorf("without jitter in %v, want %v", got, tt.want)
			}
			seen := make(map[time.Duration]bool)
			for range 1000 {
				d := DefaultPace().renewal(now.Add(-tt.asked), now, 8*time.Hour, random)
				if d < tt.want || d > tt.want+2*time.Hour {
					t.Fatalf("in %v, want %v and at most 2 h more", d, tt.want)
				}
				seen[d] = true
			}
			if len(seen) < 900 {
				t.Errorf("%d different times of 1000: they do not spread", len(seen))
			}
		})
	}
}

func TestTheZeroPaceIsTheDefault(t *testing.T) {
	if got := (Pace{}).withDefaults(); got != DefaultPace() {
		t.Errorf("the zero Pace becomes %+v", got)
	}
	if got := (Pace{Jitter: -1, Probe: time.Second}).withDefaults(); got.Jitter != -1 || got.Probe != time.Second {
		t.Errorf("set fields are replaced: %+v", got)
	}
}
