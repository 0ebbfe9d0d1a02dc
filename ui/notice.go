package ui

import (
	"slices"
	"time"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/profile"
)

// Seen is what Notices remembers of the statuses before. The zero value has seen
// nothing yet. It is never changed, only replaced.
type Seen map[profile.ID]sight

// sight is what is remembered of one mailbox.
type sight struct {
	home  string    // the server where it was at home last; empty: it never was
	since time.Time // of that stay, as the agent tells it
	saved time.Time // of the latest save then
	left  time.Time // when it left home; zero: it has not, or a person sent it
	met   bool      // it has been seen at home
	away  bool      // since then it could not be reached
	asked []matter
}

// matter is what a person was told of.
type matter struct {
	kind  agent.NeedKind
	about string
}

// longAway is how long a mailbox is away before a person wants to hear that it is
// back.
const longAway = 5 * time.Minute

// Notices returns what a person has to hear about s after all that was seen before,
// and what is seen now. There are three kinds, each told once:
//
//	moved   a mailbox is at home on another server than before
//	asked   it needs a person, once for each question until it is at home again
//	back    it is at home again where it was, after it could not be reached or was
//	        away for 5 minutes; not after a person had to see to it
//
// What a first status shows is no news, except for a question; nor is a first logon.
// Statuses in between may be missing. It is pure.
func Notices(before Seen, s agent.Status, now time.Time, say Say) (Seen, []Notice) {
	p := presenter{now, say}
	after := make(Seen, len(s.Mailboxes))
	var notices []Notice
	for _, b := range s.Mailboxes {
		was, known := before[b.ID]
		if !known && b.Generation > 0 {
			was = sight{home: p.home(b), since: b.Since, saved: lastSave(b)}
		}
		is, n := p.notice(was, b)
		if n != nil {
			if n.Mailbox = b.ID; len(s.Mailboxes) > 1 {
				n.Title = say("notice.of", with{"Label": p.mailbox(b).Label, "Title": n.Title})
			}
			notices = append(notices, *n)
		}
		after[b.ID] = is
	}
	return after, notices
}

func (p presenter) notice(was sight, b agent.Mailbox) (sight, *Notice) {
	is := was
	switch b.State {
	case agent.Online:
		return p.arrived(was, b)
	case agent.Paused, agent.Stopped:
		is.left, is.away = time.Time{}, false
		return is, nil
	}
	if is.left.IsZero() && is.home != "" {
		is.left = b.Since
	}
	if st, _ := p.standing(b); was.met && b.State == agent.Waiting && st.icon == Offline {
		is.away = true // at a start that is but a network that takes its time
	}
	q, ok := asks(b)
	if !ok {
		return is, nil
	}
	is.left, is.away = time.Time{}, false // whoever sees to it knows
	if slices.Contains(was.asked, q) {
		return is, nil
	}
	is.asked = append(slices.Clone(was.asked), q)
	box := p.mailbox(b)
	return is, &Notice{Kind: Asked, Title: p.say("notice.asked", nil), Body: box.Sentence}
}

// arrived is about a mailbox that is online.
func (p presenter) arrived(was sight, b agent.Mailbox) (sight, *Notice) {
	is := sight{home: p.home(b), since: b.Since, saved: lastSave(b), met: true}
	if was.home != "" && was.home != is.home && is.since.Equal(was.since) && !is.saved.After(was.saved) {
		// The profile was changed underneath; the agent is about to look there.
		return was, nil
	}
	data := with{"From": was.home, "To": is.home}
	switch {
	case was.home == "" || is.home == "":
		return is, nil
	case was.home != is.home:
		return is, &Notice{Kind: Moved, Title: p.say("notice.moved", nil), Body: p.say("notice.moved_from_to", data)}
	case was.away, !was.left.IsZero() && is.since.Sub(was.left) >= longAway:
		return is, &Notice{Kind: Back, Title: p.say("notice.back", nil), Body: p.say("now.at_home", with{"Server": is.home})}
	}
	return is, nil
}

// asks returns what b asks of a person, whether it is a question of the agent or a
// profile that only a person can mend.
func asks(b agent.Mailbox) (matter, bool) {
	switch {
	case b.State == agent.Waiting && wrong(b) == agent.Unreadable:
		return matter{about: "unreadable"}, true
	case b.State != agent.NeedsYou:
		return matter{}, false
	case b.Needs == nil:
		return matter{about: wrong(b).String()}, true
	case b.Needs.Kind == agent.NeedTrust:
		return matter{b.Needs.Kind, b.Needs.Hop.To}, true
	case wrong(b) == agent.NoSecret:
		return matter{b.Needs.Kind, "locked " + b.Needs.Realm}, true
	}
	return matter{b.Needs.Kind, b.Needs.Realm}, true
}

// lastSave is when the latest leg of b's journey was a save; zero if it was not.
func lastSave(b agent.Mailbox) time.Time {
	if n := len(b.Journey); n > 0 && b.Journey[n-1].Step == "saved" {
		return b.Journey[n-1].Time
	}
	return time.Time{}
}
