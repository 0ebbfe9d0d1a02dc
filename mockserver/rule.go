package mockserver

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Fault is a rule: which requests it meets, and what it does to them. It has
// three forms with the same keys: a line of words, as [ReadFault] reads it, such
// as "status=503 retry-after=5 at=ex1 type=Execute times=2"; a JSON object, such
// as {"status": 503, "at": "ex1"}; and the same as a [[fault]] of a world file.
type Fault struct {
	Name string // "": a name such as fault1

	Do         string // what it does: the name of one of [FaultKinds]
	With       string // the argument of that, such as "503"; "": none
	RetryAfter string // of status: seconds, or date+seconds for an HTTP date; "": no such header
	In         string // of code: one of the In constants; "": InReturn for Execute, InError elsewhere

	At       string // host, or name of a server; "": every host
	Endpoint string // one of the Endpoint constants; "": each where Do has a meaning
	Type     string // X-RequestType; "": all
	User     string // who signs in; "": anybody, and nobody
	Nth      int    // only the n-th request of its connection, from 1; 0: all
	Skip     int    // so many requests that it meets pass unharmed first
	Times    int    // how often it acts; 0: once; Always: until Mend
}

// Always as the Times of a [Fault] makes it act until [Server.Mend].
const Always = -1

// The Endpoints of a [Fault].
const (
	EndpointMAPI         = "mapi"         // /mapi/emsmdb/
	EndpointNSPI         = "nspi"         // /mapi/nspi/
	EndpointAutodiscover = "autodiscover" // /autodiscover/
)

// Where the fault "code" puts its code.
const (
	InStatus = "status" // StatusCode, and so the failure layout
	InError  = "error"  // ErrorCode
	InReturn = "return" // ReturnValue of the first ROP in the answer
)

// pair is a key of a rule and its value; one that is only said has "".
type pair struct{ key, value string }

// pairs are the keys that f has, in the order of a line.
func (f Fault) pairs() []pair {
	list := []pair{
		{f.Do, f.With}, {"retry-after", f.RetryAfter}, {"in", f.In}, {"at", f.At}, {"endpoint", f.Endpoint}, {"type", f.Type}, {"user", f.User},
		{"nth", count(f.Nth)}, {"skip", count(f.Skip)}, {"times", count(f.Times)}, {"name", f.Name},
	}
	return slices.DeleteFunc(list, func(p pair) bool { return p.value == "" && p.key != f.Do || p.key == "" })
}

func count(n int) string {
	switch n {
	case 0:
		return ""
	case Always:
		return "always"
	}
	return strconv.Itoa(n)
}

// String is the line that [ReadFault] reads.
func (f Fault) String() string {
	var words []string
	for _, p := range f.pairs() {
		if p.value != "" {
			p.key += "="
		}
		words = append(words, p.key+p.value)
	}
	return strings.Join(words, " ")
}

// ReadFault reads a rule from words with spaces between them: the fault, such as
// "drop" or "status=503", and any of retry-after=, in=, at= (or the two words "at
// ex1"), endpoint=, type=, user=, nth=, skip=, times= (a number or "always") and
// name=. Whether hosts and users are there is for [Server.Break] to see.
func ReadFault(line string) (Fault, error) {
	var list []pair
	words := strings.Fields(line)
	for i := 0; i < len(words); i++ {
		key, value, ok := strings.Cut(words[i], "=")
		switch {
		case ok && value == "":
			return Fault{}, fmt.Errorf("%s= stands there without a value", cut(key, 40))
		case key == "at" && !ok && i+1 < len(words):
			i++
			value = words[i]
		}
		list = append(list, pair{key, value})
	}
	f, _, err := faultOf(list)
	return f, err
}

// faultOf makes a rule from its keys. With an error comes the pair that is at
// fault, if it is one.
func faultOf(list []pair) (f Fault, wrong pair, err error) {
	seen := map[string]bool{}
	for _, p := range list {
		if seen[p.key] {
			return Fault{}, p, fmt.Errorf("%s stands there twice", p.key)
		}
		seen[p.key] = true
		if err := f.set(p.key, p.value); err != nil {
			return Fault{}, p, err
		}
	}
	if f.Do == "" {
		return Fault{}, pair{}, fmt.Errorf("no fault: want one of %s", kindNames())
	}
	if key, err := f.check(); err != nil {
		for _, p := range f.pairs() {
			if p.key == key {
				wrong = p
			}
		}
		return Fault{}, wrong, err
	}
	return f, pair{}, nil
}

func (f *Fault) set(key, value string) (err error) {
	texts := map[string]*string{
		"name": &f.Name, "retry-after": &f.RetryAfter, "in": &f.In, "at": &f.At, "endpoint": &f.Endpoint, "type": &f.Type, "user": &f.User,
	}
	switch to := texts[key]; {
	case to != nil:
		*to = value
		if value == "" {
			err = fmt.Errorf("%s: want a value, as %s=…", key, key)
		}
	case key == "nth":
		f.Nth, err = number(key, value, 1)
	case key == "skip":
		f.Skip, err = number(key, value, 0)
	case key == "times" && value == "always":
		f.Times = Always
	case key == "times":
		if f.Times, err = number(key, value, 1); err != nil {
			err = fmt.Errorf("%w, or always", err)
		}
	case kindNamed(key) == nil:
		return fmt.Errorf("unknown key %q: want one of %s, or retry-after, in, at, endpoint, type, user, nth, skip, times, name", cut(key, 40), kindNames())
	case f.Do != "":
		return fmt.Errorf("%s and %s: a rule does one thing, make two of it", f.Do, key)
	default:
		f.Do, f.With = key, value
	}
	return err
}

func number(key, value string, least int) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > 1_000_000_000 {
		return 0, fmt.Errorf("%s %q: want a number from %d", key, cut(value, 40), least)
	}
	return n, nil
}

// MarshalJSON writes f as an object with the keys of a line.
func (f Fault) MarshalJSON() ([]byte, error) { return json.Marshal(f.object()) }

func (f Fault) object() map[string]any {
	object := map[string]any{}
	for _, p := range f.pairs() {
		object[p.key] = p.value
		if n, err := strconv.Atoi(p.value); err == nil {
			object[p.key] = n
		} else if p.value == "" {
			object[p.key] = true
		}
	}
	return object
}

// UnmarshalJSON reads an object with the keys of a line: strings, numbers, and
// true for a fault without an argument.
func (f *Fault) UnmarshalJSON(text []byte) error {
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil || object == nil {
		return fmt.Errorf(`no JSON object: want one such as {"status": 503, "at": "ex1"}`)
	}
	read, _, err := faultFrom(object)
	if err == nil {
		*f = read
	}
	return err
}

// faultFrom makes a rule from an object of JSON or a table of TOML. With an error
// comes the pair that is at fault, if it is one.
func faultFrom(object map[string]any) (f Fault, wrong pair, err error) {
	list, wrong, err := pairsOf(object)
	if err != nil {
		return Fault{}, wrong, err
	}
	return faultOf(list)
}

// pairsOf reads the keys of an object of JSON or a table of TOML, with what is
// at fault if there is an error.
func pairsOf(object map[string]any) (list []pair, wrong pair, err error) {
	for _, key := range slices.Sorted(maps.Keys(object)) {
		value := fmt.Sprint(object[key])
		switch v := object[key].(type) {
		case string:
			if v == "" || strings.ContainsFunc(v, isSpace) {
				return nil, pair{key, v}, fmt.Errorf("key %q: want one word", cut(key, 40))
			}
		case float64:
			value = strconv.FormatFloat(v, 'f', -1, 64)
		case int64:
		case bool:
			if value = ""; !v {
				return nil, pair{key, "false"}, fmt.Errorf("key %q: want true, or leave it out", cut(key, 40))
			}
		default:
			return nil, pair{key, ""}, fmt.Errorf("key %q: want a word, a number or true", cut(key, 40))
		}
		list = append(list, pair{key, value})
	}
	return list, pair{}, nil
}
