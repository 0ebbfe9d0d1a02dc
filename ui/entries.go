package ui

import (
	"slices"
	"strings"
	"time"

	"github.com/homing-mail/homing/profile"
)

// Entries says in words what the generations of a profile are, which come the
// oldest first, at the time and in the time zone of now. The newest comes first.
func Entries(generations []profile.Generation, now time.Time, say Say) []Entry {
	if len(generations) == 0 {
		return nil
	}
	names := make(map[string]string)
	for field, key := range fields {
		names[field] = say(key, nil)
	}
	answers := map[string]string{"yes": say("history.yes", nil), "no": say("history.no", nil)}
	entries := make([]Entry, 0, len(generations))
	for i, g := range slices.Backward(generations) {
		e := Entry{
			Generation: g.Profile.Generation,
			When:       ago(g.Profile.Saved, now, say),
			Why:        why(g, say),
			Changes:    make([]Change, 0, len(g.Changes)),
			Wire:       said(g.Reason),
			Current:    i == len(generations)-1,
		}
		for _, c := range g.Changes {
			what, ok := names[c.Field]
			if !ok {
				what = visible(c.Field)
			}
			change := Change{what, visible(c.Old), visible(c.New)}
			switch c.Field {
			case "server":
				change.Old, change.New = Host(c.Old), Host(c.New)
			case "proven":
				change.Old, change.New = answers[c.Old], answers[c.New]
			}
			e.Changes = append(e.Changes, change)
		}
		entries = append(entries, e)
	}
	return entries
}

// fields are the keys of the names that profile.Diff gives to what it compares.
var fields = map[string]string{
	"server":         "history.server",
	"mailbox url":    "history.mailbox_url",
	"address book":   "history.address_book",
	"legacy dn":      "history.legacy_dn",
	"autodiscover":   "history.autodiscover",
	"routing":        "history.routing",
	"label":          "history.label",
	"address":        "history.address",
	"login":          "history.login",
	"mailbox guid":   "history.mailbox_guid",
	"repl guid":      "history.repl_guid",
	"root folder":    "history.root_folder",
	"server version": "history.server_version",
	"display name":   "history.display_name",
	"proven":         "history.proven",
}

// why says in one sentence what a generation was written for: the weightiest thing
// about it.
func why(g profile.Generation, say Say) string {
	changed := func(fields ...string) (profile.Change, bool) {
		i := slices.IndexFunc(g.Changes, func(c profile.Change) bool { return slices.Contains(fields, c.Field) })
		if i < 0 {
			return profile.Change{}, false
		}
		return g.Changes[i], true
	}
	if g.Profile.Generation <= 1 {
		if g.Profile.Proven {
			return say("history.set_up", nil)
		}
		return say("history.imported", nil)
	}
	if n, ok := strings.CutPrefix(g.Reason.Text, "rolled back to generation "); ok {
		return say("history.went_back", with{"N": visible(n)})
	}
	if c, ok := changed("server"); ok && c.Old != "" && c.New != "" {
		return say("history.moved", with{"From": Host(c.Old), "To": Host(c.New)})
	}
	if _, ok := changed("mailbox guid", "repl guid", "root folder"); ok {
		return say("history.another_mailbox", nil)
	}
	if _, ok := changed("login"); ok {
		return say("history.signed_in", nil)
	}
	if _, ok := changed("label", "address"); ok {
		return say("history.renamed", nil)
	}
	return say("history.details", nil)
}

// said is the reason of a generation as it was written down, line by line.
func said(r profile.Reason) []string {
	if r.Text == "" && len(r.Hops) == 0 {
		return nil
	}
	lines := make([]string, 0, 1+len(r.Hops))
	if r.Text != "" {
		lines = append(lines, visible(r.Text))
	}
	for _, h := range r.Hops {
		lines = append(lines, h.Step+" "+Host(h.Host)+": "+visible(h.Said))
	}
	return lines
}
