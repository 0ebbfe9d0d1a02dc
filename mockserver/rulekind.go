package mockserver

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/homing-mail/homing/internal/mapi"
)

// FaultKind is one thing that a [Fault] can do.
type FaultKind struct {
	Name      string   `json:"name"`
	With      string   `json:"with,omitempty"` // what its argument is; in brackets: it may be left out; "": it has none
	Does      string   `json:"does"`
	Endpoints []string `json:"endpoints"`         // where it has a meaning; fewer with some arguments, see [Fault.Endpoints]
	Types     []string `json:"types,omitempty"`   // request types that it can act on, of those of the endpoints; none: all
	Samples   []string `json:"samples,omitempty"` // sensible arguments, of those that are names all
}

// kind is a FaultKind and how it is done: exactly one of front, call and act is
// not nil.
type kind struct {
	FaultKind
	check func(with string) error                    // what is wrong with an argument; nil: it has none
	front func(x *exchange, at *site, f *Fault) bool // before the request is looked at; true: that was the answer
	call  func(x *exchange) mapi.ResponseCode        // when somebody has signed in; what to refuse with
	act   func(x *exchange, a *answer, f *Fault)     // on the answer
	meets func(x *exchange, a *answer, f *Fault) bool
}

var (
	everywhere  = []string{EndpointMAPI, EndpointNSPI, EndpointAutodiscover}
	onlyMAPI    = []string{EndpointMAPI, EndpointNSPI}
	onlyMailbox = []string{EndpointMAPI}
	onlyPOX     = []string{EndpointAutodiscover}
	onlyExecute = []string{"Execute"}
)

// The request types of the two endpoints ([MS-OXCMAPIHTTP] 2.2.4, 2.2.5), so far
// as they are played.
var requestTypes = map[string][]string{
	EndpointMAPI:         {"Connect", "Execute", "Disconnect", "NotificationWait", "PING"},
	EndpointNSPI:         {"Bind", "Unbind", "GetMailboxUrl", "GetAddressBookUrl", "PING"},
	EndpointAutodiscover: nil,
}

// typesBut are the request types but these.
func typesBut(these ...string) (types []string) {
	for _, endpoint := range onlyMAPI {
		for _, t := range requestTypes[endpoint] {
			if !slices.Contains(these, t) && !slices.Contains(types, t) {
				types = append(types, t)
			}
		}
	}
	return types
}

var kinds = []kind{
	// Before the request is looked at.
	{FaultKind{"status", "N", "this HTTP status and no body, with retry-after= that header", everywhere, nil, []string{"503", "500", "502", "403", "404", "440", "456"}},
		wantNumber(200, 599), doStatus, nil, nil, nil},
	{FaultKind{"delay", "DURATION", "the request waits so long before it is looked at", everywhere, nil, []string{"20s", "5m"}},
		wantDuration, doDelay, nil, nil, nil},
	{FaultKind{"drop", "", "the connection ends, and the request is not processed", everywhere, nil, nil},
		nil, doDrop, nil, nil, nil},
	{FaultKind{"unauthorized", "", "401 with a challenge, whatever the credentials", everywhere, nil, nil},
		nil, doUnauthorized, nil, nil, nil},
	{FaultKind{"login-page", "redirect|page", "302 to /owa/auth/logon.aspx, or 200 and that page", everywhere, nil, []string{"redirect", "page"}},
		wantOneOf("redirect", "page"), doLoginPage, nil, nil, nil},

	// When somebody has signed in.
	{FaultKind{"kill", "", "the Session Context of the request is gone", onlyMAPI, nil, nil},
		nil, nil, doKill, nil, hasContext},
	{FaultKind{"sequence", "", "X-ResponseCode 15, as for a second request in parallel", onlyMAPI, nil, nil},
		nil, nil, refuseWith(mapi.ResponseInvalidSequence), nil, nil},
	{FaultKind{"identity", "", "X-ResponseCode 10, as for another identity; the context lives", onlyMAPI, nil, nil},
		nil, nil, refuseWith(mapi.ResponseContextNotFound), nil, nil},

	// On the answer: the request has been processed.
	{FaultKind{"refuse", "N", "this X-ResponseCode in the head, and a page", onlyMAPI, typesBut("NotificationWait"), []string{"1", "6", "13", "16", "18"}},
		wantNumber(1, 99), nil, nil, doRefuse, isWholeStream},
	{FaultKind{"late", "N", "this X-ResponseCode behind DONE, and a page", onlyMAPI, nil, []string{"1", "10", "18"}},
		wantNumber(1, 99), nil, nil, doLate, isStreamEnd},
	{FaultKind{"code", "CODE", "this code, by name or number, in= status, error or return", onlyMAPI, typesBut("PING"),
		[]string{"ecServerBusy", "0x6BB", "ecLoginFailure", "ecUnknownUser", "ecMailboxInTransit", "ecServerPaused", "ecError"}},
		wantCode, nil, nil, doCode, takesCode},
	{FaultKind{"backoff", "DURATION", "RopBackoff for the whole logon, and nothing else", onlyMailbox, onlyExecute, []string{"10s"}},
		wantDuration, nil, nil, doBackoff, isExecuted},
	{FaultKind{"buffer-too-small", "", "RopBufferTooSmall, and nothing else", onlyMailbox, onlyExecute, nil},
		nil, nil, nil, doBufferTooSmall, isExecuted},
	{FaultKind{"notify-first", "", "a RopNotify in front of the answers", onlyMailbox, onlyExecute, nil},
		nil, nil, nil, doNotifyFirst, isExecuted},
	{FaultKind{"notify-behind", "", "a RopNotify behind the answers", onlyMailbox, onlyExecute, nil},
		nil, nil, nil, doNotifyBehind, isExecuted},
	{FaultKind{"compressed", "", "the ROPs of the answer are compressed", onlyMailbox, onlyExecute, nil},
		nil, nil, nil, packed(mapi.PayloadCompressed), isExecuted},
	{FaultKind{"obfuscated", "", "the ROPs of the answer are XORed with 0xA5", onlyMailbox, onlyExecute, nil},
		nil, nil, nil, packed(mapi.PayloadXorMagic), isExecuted},
	{FaultKind{"chained", "", "a second header and payload, an empty list of ROPs, behind the first", onlyMailbox, onlyExecute, nil},
		nil, nil, nil, doChained, isExecuted},
	{FaultKind{"lose-cookies", "", "the answer has no cookies", onlyMAPI, nil, nil},
		nil, nil, nil, doLoseCookies, hasCookies},
	{FaultKind{"rename-cookies", "", "cookies come under other names, and only these count from now on", onlyMAPI, nil, nil},
		nil, nil, nil, doRenameCookies, hasCookies},
	{FaultKind{"rotate-cookies", "", "the value of every cookie changes, and the old ones are refused", onlyMAPI, typesBut("Disconnect", "Unbind"), nil},
		nil, nil, nil, doRotateCookies, hasLiveCookies},
	{FaultKind{"malformed", "FIELD", "this field of the answer is spoilt", everywhere, nil, fieldNames(malformed)},
		wantField(malformed), nil, nil, spoilField(malformed), meetsField(malformed)},
	{FaultKind{"length", "FIELD", "this length in the answer is wrong", everywhere, nil, fieldNames(lengths)},
		wantField(lengths), nil, nil, spoilField(lengths), meetsField(lengths)},
	{FaultKind{"huge", "", "blanks behind the document make a body of 2 MiB", onlyPOX, nil, nil},
		nil, nil, nil, doHuge, isDocument},
	{FaultKind{"bom", "", "a byte order mark of UTF-8 stands before the document", onlyPOX, nil, nil},
		nil, nil, nil, doBOM, isXML},
	{FaultKind{"gzip-bomb", "", "Content-Encoding gzip, asked for or not, of a document that blanks make 20 MiB", onlyPOX, nil, nil},
		nil, nil, nil, doGzipBomb, isDocument},

	// On its way.
	{FaultKind{"slow", "DURATION", "the answer takes so long: PROCESSING at once, then PENDING each period", onlyMAPI, typesBut("NotificationWait"), []string{"40s", "10m"}},
		wantDuration, nil, nil, doSlow, isSlowable},
	{FaultKind{"drip", "DURATION", "the body comes a byte at a time, so long after the one before", onlyPOX, nil, []string{"1ms", "1s"}},
		wantDuration, nil, nil, doDrip, isDocument},
	{FaultKind{"truncate", "N", "the connection ends behind so many bytes of the body", everywhere, nil, []string{"0", "11", "40"}},
		wantNumber(0, 1<<20), nil, nil, doTruncate, hasHead},
	{FaultKind{"lose", "", "the connection ends before the answer", everywhere, nil, nil},
		nil, nil, nil, doLose, hasHead},
	{FaultKind{"reset", "[N]", "the connection is reset instead of the answer, or behind so many bytes of its body", everywhere, nil, []string{"", "0", "40"}},
		wantMaybeNumber(0, 1<<20), nil, nil, doReset, hasHead},
}

// FaultKinds returns all that a [Fault] can do, each with sensible arguments.
func FaultKinds() []FaultKind {
	var list []FaultKind
	for _, k := range kinds {
		list = append(list, k.FaultKind)
	}
	return list
}

func kindNamed(name string) *kind {
	for i := range kinds {
		if kinds[i].Name == name {
			return &kinds[i]
		}
	}
	return nil
}

func kindNames() string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.Name)
	}
	return strings.Join(names, ", ")
}

// check looks for contradictions that need no world to be seen; key is the key
// at fault.
func (f *Fault) check() (key string, err error) {
	k := kindNamed(f.Do)
	if k == nil {
		return f.Do, fmt.Errorf("no fault %q: want one of %s", cut(f.Do, 40), kindNames())
	}
	switch {
	case k.With == "" && f.With != "":
		return f.Do, fmt.Errorf("%s takes no argument, has %q", f.Do, cut(f.With, 40))
	case k.check != nil:
		if err := k.check(f.With); err != nil {
			return f.Do, fmt.Errorf("%s: %w", f.Do, err)
		}
	}
	switch {
	case f.RetryAfter != "" && f.Do != "status":
		return "retry-after", fmt.Errorf("%s has no retry-after: that is for status", f.Do)
	case f.RetryAfter != "":
		if _, err := retryAfter(f.RetryAfter, time.Time{}); err != nil {
			return "retry-after", err
		}
	}
	switch {
	case f.In != "" && f.Do != "code":
		return "in", fmt.Errorf("%s has no in: that is for code", f.Do)
	case f.In != "" && !slices.Contains([]string{InStatus, InError, InReturn}, f.In):
		return "in", fmt.Errorf("in %q: want one of %s, %s, %s", cut(f.In, 40), InStatus, InError, InReturn)
	}
	if key, err := f.checkType(k); err != nil {
		return key, err
	}
	switch {
	case f.Nth < 0 || f.Skip < 0 || f.Times < Always:
		return "times", fmt.Errorf("nth %d, skip %d, times %d: want no negative number, or Always for times", f.Nth, f.Skip, f.Times)
	case f.Name != "" && !isLabel(f.Name) || f.Name == "all":
		return "name", fmt.Errorf("name %q: want a word of lower-case letters, digits and '-', not all", cut(f.Name, 40))
	}
	return "", nil
}

// reach is where something can act.
type reach struct {
	endpoints []string
	types     []string // request types; none: all
}

// reach is where f can act as what it is, wherever it is said to.
func (f *Fault) reach(k *kind) reach {
	switch {
	case k.fields() != nil:
		return fieldNamed(k.fields(), f.With).of.reach
	case f.In == InReturn:
		return reach{onlyMailbox, onlyExecute}
	}
	return reach{k.Endpoints, k.Types}
}

// Endpoints returns those of the Endpoint constants where f has a meaning by what
// it does, whatever its other fields say; none if there is no such fault.
func (f Fault) Endpoints() []string {
	k := kindNamed(f.Do)
	if k == nil || k.fields() != nil && fieldNamed(k.fields(), f.With) == nil {
		return nil
	}
	return slices.Clone(f.reach(k).endpoints)
}

// deed is what f does, so far as it matters to where it can.
func (f *Fault) deed() string {
	switch k := kindNamed(f.Do); {
	case k.fields() != nil:
		return f.Do + "=" + f.With
	case f.In == InReturn:
		return f.Do + " in=" + f.In
	}
	return f.Do
}

// checkType looks at the endpoint and the request type that f is for.
func (f *Fault) checkType(k *kind) (key string, err error) {
	can := f.reach(k)
	at := can.endpoints
	if f.Endpoint != "" {
		if !slices.Contains(everywhere, f.Endpoint) {
			return "endpoint", fmt.Errorf("endpoint %q: want one of %s", cut(f.Endpoint, 40), strings.Join(everywhere, ", "))
		}
		if !slices.Contains(at, f.Endpoint) {
			return "endpoint", fmt.Errorf("%s has no meaning at %s: want %s", f.deed(), f.Endpoint, strings.Join(at, " or "))
		}
		at = []string{f.Endpoint}
	}
	if f.Type == "" {
		return "", nil
	}
	var types []string
	for _, endpoint := range at {
		types = append(types, requestTypes[endpoint]...)
	}
	if len(types) == 0 {
		return "type", fmt.Errorf("type %q: requests to %s have none", cut(f.Type, 40), strings.Join(at, ", "))
	}
	if can.types != nil {
		types = slices.DeleteFunc(types, func(t string) bool { return !slices.Contains(can.types, t) })
	}
	if !slices.Contains(types, f.Type) {
		return "type", fmt.Errorf("%s has no meaning for type %q: want one of %s", f.deed(), cut(f.Type, 40), strings.Join(types, ", "))
	}
	return "", nil
}

func wantNumber(least, most int) func(string) error {
	return func(with string) error {
		if n, err := strconv.Atoi(with); err != nil || n < least || n > most {
			return fmt.Errorf("%q: want a number from %d to %d", cut(with, 40), least, most)
		}
		return nil
	}
}

func wantMaybeNumber(least, most int) func(string) error {
	return func(with string) error {
		if with == "" {
			return nil
		}
		return wantNumber(least, most)(with)
	}
}

func wantDuration(with string) error {
	if d, err := time.ParseDuration(with); err != nil || d < time.Millisecond || d > 24*time.Hour {
		return fmt.Errorf("%q: want a duration from 1ms to 24h, such as 20s", cut(with, 40))
	}
	return nil
}

func wantOneOf(words ...string) func(string) error {
	return func(with string) error {
		if !slices.Contains(words, with) {
			return fmt.Errorf("%q: want one of %s", cut(with, 40), strings.Join(words, ", "))
		}
		return nil
	}
}

func wantCode(with string) error {
	_, err := codeOf(with)
	return err
}

// codeOf reads a code by its name or its number.
func codeOf(text string) (mapi.Code, error) {
	for _, code := range mapi.Codes() {
		if code.Name() == text && code != mapi.EcNone && code != mapi.EcWrongServer {
			return code, nil
		}
	}
	n, err := strconv.ParseUint(text, 0, 32)
	switch {
	case text == "ecWrongServer" || mapi.Code(n) == mapi.EcWrongServer:
		return 0, fmt.Errorf("ecWrongServer needs the name of a server: use the word claim")
	case err != nil || n == 0:
		return 0, fmt.Errorf("%q: want a name such as ecServerBusy, or a number such as 0x480", cut(text, 40))
	}
	return mapi.Code(n), nil
}

// retryAfter is the value of the header Retry-After.
func retryAfter(text string, now time.Time) (string, error) {
	seconds, date := strings.CutPrefix(text, "date+")
	n, err := strconv.Atoi(seconds)
	if err != nil || n < 0 || n > 1_000_000 {
		return "", fmt.Errorf("retry-after %q: want seconds, such as 5, or date+5", cut(text, 40))
	}
	if date {
		return now.Add(time.Duration(n) * time.Second).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"), nil
	}
	return seconds, nil
}
