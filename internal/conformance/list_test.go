package conformance

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// requirement is an id of the core, and the topic that it stands under.
type requirement struct{ topic, id string }

// parseCore reads testdata/core.txt.
func parseCore(text string) (core []requirement, err error) {
	topic, seen := "", map[string]bool{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "["); ok {
			topic = strings.TrimSuffix(name, "]")
			continue
		}
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Fields(line)
		for _, n := range fields[1:] {
			id := fields[0] + "_" + n
			if topic == "" || seen[id] {
				return nil, fmt.Errorf("%s stands twice, or under no topic", id)
			}
			seen[id] = true
			core = append(core, requirement{topic, id})
		}
	}
	return core, nil
}

// entry is a row of the list.
type entry struct {
	requirement
	section, side, what string
	tests               []reference
	label, reason       string // "": it is covered
}

// reference names a test, as `package TestFunction/subtest`.
type reference struct{ pkg, function, subtest string }

func (r reference) String() string {
	name := r.pkg + " " + r.function
	if r.subtest != "" {
		name += "/" + r.subtest
	}
	return name
}

var (
	quoted    = regexp.MustCompile("`([a-z/]+) (Test\\w+)(?:/([^`]+))?`")
	because   = regexp.MustCompile(`^\*\*([^*]*)\*\*:(.*)$`)
	reasons   = []string{"deviation", "gap", "not used", "not played", "not ours"}
	sides     = []string{"client", "server", "both"}
	ofServer  = []string{"mockserver"}
	ofBoth    = []string{"internal/mapi"} // the codec: both ends speak through it
	tableHead = "| id | section | side | what | covered by, or why not |"
)

// parseList reads the tables of the list, each below the heading of its topic.
func parseList(text string) (list []entry, complaints []string) {
	topic, inside := "", false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "## "):
			topic, inside = strings.TrimPrefix(line, "## "), false
		case line == tableHead:
			inside = true
		case inside && strings.HasPrefix(line, "| "):
			cells := strings.Split(strings.Trim(line, "| "), " | ")
			if len(cells) != 5 {
				complaints = append(complaints, fmt.Sprintf("%.60q has %d cells, want 5", line, len(cells)))
				continue
			}
			e := entry{requirement: requirement{topic, cells[0]}, section: cells[1], side: cells[2], what: cells[3]}
			for _, m := range quoted.FindAllStringSubmatch(cells[4], -1) {
				e.tests = append(e.tests, reference{m[1], m[2], m[3]})
			}
			if m := because.FindStringSubmatch(cells[4]); m != nil {
				e.label, e.reason = m[1], strings.TrimSpace(m[2])
			}
			list = append(list, e)
		}
	}
	return list, complaints
}

// check returns what is wrong with a list. wrong says what is wrong with a
// reference, "" if it names a test.
func check(core []requirement, text string, wrong func(reference) string) []string {
	list, complaints := parseList(text)
	complain := func(format string, args ...any) { complaints = append(complaints, fmt.Sprintf(format, args...)) }
	topics := map[string]string{}
	for _, r := range core {
		topics[r.id] = r.topic
	}
	rows := map[string]int{}
	for _, e := range list {
		rows[e.id]++
		switch topic, ok := topics[e.id]; {
		case !ok:
			complain("%s is not of the core", e.id)
		case topic != e.topic:
			complain("%s stands under %q, want %q", e.id, e.topic, topic)
		}
		if e.section == "" || e.what == "" || !slices.Contains(sides, e.side) {
			complain("%s: section %q, side %q, what %q", e.id, e.section, e.side, e.what)
		}
		switch {
		case e.label == "" && len(e.tests) == 0:
			complain("%s has neither a test nor a reason", e.id)
		case e.label != "" && (!slices.Contains(reasons, e.label) || e.reason == ""):
			complain("%s: %q because of %q is no reason", e.id, e.label, e.reason)
		case e.label == "" && !e.tested():
			complain("%s: no test of the side %s", e.id, e.side)
		}
		for _, r := range e.tests {
			if why := wrong(r); why != "" {
				complain("%s: %s: %s", e.id, r, why)
			}
		}
	}
	for _, r := range core {
		switch n := rows[r.id]; {
		case n == 0:
			complain("%s is missing", r.id)
		case n > 1:
			complain("%s stands there %d times", r.id, n)
		}
	}
	return append(complaints, checkSums(core, list, text)...)
}

// tested reports whether a test looks at the side that the row means.
func (e entry) tested() bool {
	var client, server bool
	for _, r := range e.tests {
		both := slices.Contains(ofBoth, r.pkg)
		server = server || both || slices.Contains(ofServer, r.pkg)
		client = client || both || !slices.Contains(ofServer, r.pkg)
	}
	return (server || e.side == "client") && (client || e.side == "server")
}

// checkSums compares the first table with the rows that it counts: by topic,
// those that are covered, how many of these at which side, and the others.
func checkSums(core []requirement, list []entry, text string) (complaints []string) {
	type sums struct{ covered, client, server, both, reasoned int }
	of := map[string]sums{}
	for _, e := range list {
		for _, topic := range []string{e.topic, "all"} {
			n := of[topic]
			switch {
			case e.label != "":
				n.reasoned++
			case e.side == "client":
				n.client++
			case e.side == "server":
				n.server++
			default:
				n.both++
			}
			n.covered = n.client + n.server + n.both
			of[topic] = n
		}
	}
	topics := []string{"all"}
	for _, r := range core {
		if !slices.Contains(topics, r.topic) {
			topics = append(topics, r.topic)
		}
	}
	for _, topic := range topics {
		n := of[topic]
		line := fmt.Sprintf("| %s | %d | %d | %d | %d | %d |\n", topic, n.covered, n.client, n.server, n.both, n.reasoned)
		if !strings.Contains(text, "\n"+line) {
			complaints = append(complaints, fmt.Sprintf("the first table lacks %q", strings.TrimSpace(line)))
		}
	}
	return complaints
}
