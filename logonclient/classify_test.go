package logonclient

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/homing-mail/homing/internal/mapi"
	"github.com/homing-mail/homing/internal/trust"
)

// wantKinds is every code and what it means to whoever wants to log on.
var wantKinds = map[Kind][]mapi.Code{
	WrongServer: {mapi.EcWrongServer},
	UnknownMailbox: {mapi.EcUnknownUser, mapi.EcUnknownMailbox, mapi.EcWrongMailbox, mapi.EcWrongTenant, mapi.MailboxSoftDeleted,
		mapi.EcADNotFound, mapi.EcNotFound},
	LoginFailure: {mapi.EcLoginFailure},
	InTransit:    {mapi.EcMailboxInTransit},
	Busy: {mapi.EcJetError, mapi.EcExiting, mapi.EcServerOOM, mapi.EcNoFreeJses, mapi.EcDatabaseError, mapi.EcMDBNotInit, mapi.EcServerPaused,
		mapi.EcServerBusy, mapi.EcMaxObjsExceeded, mapi.EcBackupInProgress, mapi.EcRestoreInProgress, mapi.EcPaused, mapi.RPCSServerUnavailable,
		mapi.RPCSServerTooBusy, mapi.EcADUnavailable, mapi.EcADError, mapi.EcRPCServerTooBusy, mapi.EcRPCServerUnavailable, mapi.EcSubsystemStopping,
		mapi.LowMDBSpace, mapi.MailboxQuarantined, mapi.MountInProgress, mapi.DismountInProgress, mapi.EcError, mapi.EcBusy, mapi.EcInsufficientResrc,
		mapi.EcTooManySessions, mapi.EcRPCFailed, mapi.EcTimeout, mapi.EcMAPIOOM},
	SessionLost: {mapi.EcNoSuchLogon, mapi.EcNullObject, mapi.RPCInvalidHandle, mapi.RPCInvalidSession, mapi.EcInvalidObject, mapi.MAPIEEndOfSession},
	Denied: {mapi.EcProfileNotConfigured, mapi.EcLoginPerm, mapi.EcRPCAuthentication, mapi.EcPwdExpired, mapi.EcInvLogonHrs, mapi.EcAcctDisabled,
		mapi.EcRejected, mapi.EcMailboxDisabled, mapi.MAPIEFailOneProvider, mapi.MAPIEPasswordExpired, mapi.MAPIEAccountDisabled, mapi.EcAccessDenied},
	Unsupported: {mapi.EcBadConfig, mapi.EcRPCBadAuthenticationLevel, mapi.EcClientVerDisallowed, mapi.EcRPCHTTPDisallowed, mapi.EcCachedModeRequired,
		mapi.EcProtocolDisabled, mapi.EcNotEncrypted, mapi.EcVersion, mapi.MAPIEUnconfigured},
	Malformed: {mapi.EcUnknownCodePage, mapi.EcBufferTooSmall, mapi.EcNotPrivateMDB, mapi.EcRPCFormat, mapi.RPCXBadStubData, mapi.EcNotSupported,
		mapi.MAPIEUnknownCPID, mapi.EcInvalidParam, 0x0BAD, 0xDEADBEEF},
}

func TestEveryCodeHasItsKind(t *testing.T) {
	seen := map[mapi.Code]bool{mapi.EcNone: true} // never asked about
	for want, codes := range wantKinds {
		for _, c := range codes {
			if got := codeKind(c); got != want {
				t.Errorf("%v is %v, want %v", c, got, want)
			}
			if seen[c] {
				t.Errorf("%v stands twice", c)
			}
			seen[c] = true
		}
	}
	for _, c := range mapi.Codes() {
		if !seen[c] {
			t.Errorf("%v has no row", c)
		}
	}
}

func TestEveryResponseCodeHasItsKind(t *testing.T) {
	want := map[mapi.ResponseCode]Kind{
		1: Busy, 2: Malformed, 3: UnknownMailbox, 4: Malformed, 5: Malformed, 6: SessionLost, 7: Malformed, 8: Unauthorized, 9: Malformed,
		10: SessionLost, 11: Denied, 12: Malformed, 13: SessionLost, 14: Busy, 15: SessionLost, 16: Unsupported, 17: Busy, 18: Busy,
		19: Malformed, 65535: Malformed,
	}
	for c, kind := range want {
		if got := responseKind(c); got != kind {
			t.Errorf("%v is %v, want %v", c, got, kind)
		}
	}
	for c := mapi.ResponseSuccess + 1; c <= mapi.ResponseEndpointShuttingDown; c++ {
		if _, ok := want[c]; !ok {
			t.Errorf("%v has no row", c)
		}
	}
}

func TestStatusKind(t *testing.T) {
	for _, row := range []struct {
		status int
		empty  bool
		want   Kind
	}{
		{204, true, Malformed}, {300, false, Malformed}, {304, true, Malformed},
		{301, true, Redirected}, {302, false, Redirected}, {303, true, Redirected}, {307, true, Redirected}, {308, true, Redirected},
		{400, true, UnknownMailbox}, {400, false, Malformed}, {401, true, Unauthorized}, {403, false, Denied}, {404, false, Unsupported},
		{405, false, Unsupported}, {407, false, Unreachable}, {408, false, Busy}, {411, false, Malformed}, {413, false, Malformed},
		{429, true, Busy}, {440, false, Unauthorized}, {456, true, Unauthorized},
		{500, false, Busy}, {501, false, Unsupported}, {502, false, Busy}, {503, false, Busy}, {504, false, Busy}, {505, false, Unsupported}, {599, true, Busy},
	} {
		if got := statusKind(row.status, row.empty); got != row.want {
			t.Errorf("%d (empty: %v) is %v, want %v", row.status, row.empty, got, row.want)
		}
	}
}

func TestErrorKind(t *testing.T) {
	for _, row := range []struct {
		err  error
		want Kind
	}{
		{io.EOF, Unreachable},
		{silence(time.Second), Unreachable},
		{fmt.Errorf("dial: %w", errors.New("no route")), Unreachable},
		{fmt.Errorf("x: %w", &tls.CertificateVerificationError{Err: errors.New("expired")}), BadCertificate},
		{&trust.UntrustedError{}, Untrusted},
		{&trust.NoLoginError{}, Unauthorized},
		{&trust.SchemeError{}, Unauthorized},
	} {
		if got := errorKind(row.err); got != row.want {
			t.Errorf("%T is %v, want %v", row.err, got, row.want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	const nine, later = "Fri, 20 Nov 2026 09:00:00 GMT", "Fri, 20 Nov 2026 09:00:30 GMT"
	for _, row := range []struct {
		name, value, date string
		want              time.Duration
	}{
		{"absent", "", "", 0},
		{"seconds", "120", "", 2 * time.Minute},
		{"seconds beyond reason", "4000000000", "", time.Hour},
		{"negative seconds", "-1", "", 0},
		{"words", "soon", "", 0},
		{"a date, by our clock", later, "", 30 * time.Second},
		{"a date, by the server's clock", later, "Fri, 20 Nov 2026 09:00:20 GMT", 10 * time.Second},
		{"a date that has passed", nine, later, 0},
		{"a date next year", "Sat, 20 Nov 2027 09:00:00 GMT", "", time.Hour},
	} {
		h := http.Header{"Retry-After": {row.value}, "Date": {row.date}}
		if got := retryAfter(h, now); got != row.want {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
}

func TestWordsOfAPage(t *testing.T) {
	for _, row := range []struct{ name, page, want string }{
		{"nothing", "", ""},
		{"no page", "Service Unavailable", ""},
		{"a title", "<html><HEAD><Title lang=en>Sign\r\n in</TITLE>", "Sign in"},
		{"a title and a paragraph with tags in it", "<title>Error</title><pre>x</pre><p class=x>It <b>failed</b> &lt;again&gt;.</p><p>more</p>", "Error: It failed <again>."},
		{"a title that does not end", "<title>open", "open"},
		{"a tag that does not end", "<title", ""},
		{"what cannot be printed", "<title>a\x00b\u202ec</title>", "a b c"},
	} {
		if got := words(row.page); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

func FuzzWords(f *testing.F) {
	f.Add("<title>x</title><p>y</p>")
	f.Add("<p<p <p>&#0;\xff")
	f.Fuzz(func(t *testing.T, page string) {
		said := words(page)
		if n := len([]rune(said)); n > maxSaid {
			t.Errorf("%d characters", n)
		}
	})
}
