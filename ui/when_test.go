package ui

import (
	"testing"
	"time"
)

// noon is the time of the tests, in a zone of its own.
var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.FixedZone("", 3600))

func in(t *testing.T, language string) Say {
	t.Helper()
	say, err := In(language)
	if err != nil {
		t.Fatal(err)
	}
	return say
}

func TestTimesInWords(t *testing.T) {
	const day = 24 * time.Hour
	for _, tt := range []struct {
		d      time.Duration // from now
		en, de string
	}{
		{28 * time.Second, "in 28 seconds", "in 28 Sekunden"},
		{time.Second, "in 1 second", "in 1 Sekunde"},
		{400 * time.Millisecond, "in a moment", "gleich"},
		{-5 * time.Second, "in a moment", "gleich"}, // about to happen
		{59600 * time.Millisecond, "in 1 minute", "in 1 Minute"},
		{90 * time.Second, "in 2 minutes", "in 2 Minuten"},
		{59*time.Minute + 40*time.Second, "in 1 hour", "in 1 Stunde"},
		{5 * time.Hour, "in 5 hours", "in 5 Stunden"},
		{day, "3 Mar 2026, 12:00", "3.3.2026, 12:00"},
		{-2 * day, "28 Feb 2026, 12:00", "28.2.2026, 12:00"},
	} {
		at := noon.Add(tt.d).UTC() // shown in the zone of now all the same
		if got := until(at, noon, in(t, "en")); got != tt.en {
			t.Errorf("until %v: %q, want %q", tt.d, got, tt.en)
		}
		if got := until(at, noon, in(t, "de")); got != tt.de {
			t.Errorf("until %v: %q, want %q", tt.d, got, tt.de)
		}
	}
	for _, tt := range []struct {
		d      time.Duration // before now
		en, de string
	}{
		{0, "just now", "gerade eben"},
		{-20 * time.Second, "just now", "gerade eben"}, // a clock that is ahead
		{1 * time.Second, "1 second ago", "vor 1 Sekunde"},
		{2 * time.Minute, "2 minutes ago", "vor 2 Minuten"},
		{1 * time.Hour, "1 hour ago", "vor 1 Stunde"},
		{23 * time.Hour, "23 hours ago", "vor 23 Stunden"},
		{23*time.Hour + 40*time.Minute, "1 Mar 2026, 12:20", "1.3.2026, 12:20"},
		{-1 * time.Hour, "2 Mar 2026, 13:00", "2.3.2026, 13:00"},
	} {
		at := noon.Add(-tt.d).UTC()
		if got := ago(at, noon, in(t, "en")); got != tt.en {
			t.Errorf("%v ago: %q, want %q", tt.d, got, tt.en)
		}
		if got := ago(at, noon, in(t, "de")); got != tt.de {
			t.Errorf("%v ago: %q, want %q", tt.d, got, tt.de)
		}
	}
}

func TestClock(t *testing.T) {
	for _, tt := range []struct {
		d      time.Duration // from now
		en, de string
	}{
		{-11 * time.Hour, "today at 01:00", "heute um 01:00"},
		{-13 * time.Hour, "1 Mar 2026, 23:00", "1.3.2026, 23:00"},
		{11*time.Hour + 30*time.Minute, "today at 23:30", "heute um 23:30"},
	} {
		at := noon.Add(tt.d).UTC()
		if got := clock(at, noon, in(t, "en")); got != tt.en {
			t.Errorf("%v: %q, want %q", tt.d, got, tt.en)
		}
		if got := clock(at, noon, in(t, "de")); got != tt.de {
			t.Errorf("%v: %q, want %q", tt.d, got, tt.de)
		}
	}
}

func TestTook(t *testing.T) {
	for _, tt := range []struct {
		d      time.Duration
		en, de string
	}{
		{-time.Second, "", ""},
		{0, "", ""},
		{1, "1 ms", "1 ms"},
		{12 * time.Millisecond, "12 ms", "12 ms"},
		{999*time.Millisecond + 400*time.Microsecond, "999 ms", "999 ms"},
		{999*time.Millisecond + 600*time.Microsecond, "1.0 s", "1,0 s"},
		{3210 * time.Millisecond, "3.2 s", "3,2 s"},
		{59940 * time.Millisecond, "59.9 s", "59,9 s"},
		{59960 * time.Millisecond, "1 min", "1 min"},
		{125 * time.Second, "2 min 5 s", "2 min 5 s"},
		{59*time.Minute + 59*time.Second + 700*time.Millisecond, "1 h", "1 h"},
		{200 * time.Minute, "3 h 20 min", "3 h 20 min"},
	} {
		if got := took(tt.d, in(t, "en")); got != tt.en {
			t.Errorf("%v took %q, want %q", tt.d, got, tt.en)
		}
		if got := took(tt.d, in(t, "de")); got != tt.de {
			t.Errorf("%v took %q, want %q", tt.d, got, tt.de)
		}
	}
}
