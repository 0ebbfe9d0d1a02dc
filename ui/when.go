package ui

import (
	"fmt"
	"time"
)

// until says in words when t comes: "in 28 seconds"; more than a day ahead, the
// date.
func until(t, now time.Time, say Say) string {
	return relative(t.Sub(now), t, now, "when.soon", [...]string{"when.in_seconds", "when.in_minutes", "when.in_hours"}, say)
}

// ago says in words when t was: "2 minutes ago"; more than a day back, the date. The
// clock of whoever wrote t down may be ahead of ours by some seconds.
func ago(t, now time.Time, say Say) string {
	d := now.Sub(t)
	if -time.Minute < d && d < 0 {
		d = 0
	}
	return relative(d, t, now, "when.just_now", [...]string{"when.seconds_ago", "when.minutes_ago", "when.hours_ago"}, say)
}

func relative(d time.Duration, t, now time.Time, at string, units [3]string, say Say) string {
	seconds, minutes, hours := d.Round(time.Second)/time.Second, d.Round(time.Minute)/time.Minute, d.Round(time.Hour)/time.Hour
	switch {
	case d <= -time.Minute, hours >= 24:
		return date(t, now, say)
	case seconds < 1:
		return say(at, nil)
	case seconds < 60:
		return say(units[0], with{"N": int(seconds)})
	case minutes < 60:
		return say(units[1], with{"N": int(minutes)})
	}
	return say(units[2], with{"N": int(hours)})
}

// clock says when t was by the clock, which stays true while it is shown.
func clock(t, now time.Time, say Say) string {
	t = t.In(now.Location())
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return say("when.today", with{"Time": t.Format(say("when.time_layout", nil))})
	}
	return date(t, now, say)
}

// date is a day and a time, in the time zone of now.
func date(t, now time.Time, say Say) string {
	return t.In(now.Location()).Format(say("when.date_layout", nil))
}

// took is a duration in a few characters: "12 ms", "3.2 s", "2 min 5 s",
// "3 h 20 min"; empty for none.
func took(d time.Duration, say Say) string {
	tenths := int(d.Round(100*time.Millisecond) / (100 * time.Millisecond))
	seconds, minutes := int(d.Round(time.Second)/time.Second), int(d.Round(time.Minute)/time.Minute)
	switch {
	case d <= 0:
		return ""
	case d.Round(time.Millisecond) < time.Second:
		return fmt.Sprintf("%d ms", max(d.Round(time.Millisecond).Milliseconds(), 1))
	case tenths < 600:
		return fmt.Sprintf("%d%s%d s", tenths/10, say("when.decimal_mark", nil), tenths%10)
	case seconds < 3600:
		return pair(seconds/60, "min", seconds%60, "s")
	}
	return pair(minutes/60, "h", minutes%60, "min")
}

func pair(a int, unitA string, b int, unitB string) string {
	if b == 0 {
		return fmt.Sprintf("%d %s", a, unitA)
	}
	return fmt.Sprintf("%d %s %d %s", a, unitA, b, unitB)
}
