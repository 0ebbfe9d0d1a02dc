package autodiscover

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/homing-mail/homing/internal/mailaddr"
	"github.com/homing-mail/homing/internal/trust"
)

// The JSON form of Autodiscover, called V2, has no published specification: its
// layout is as seen from Exchange Online and Gromox. Nobody signs in to it, and
// it knows no settings: asked for AutodiscoverV1 it names the URL of
// plain-old-XML Autodiscover that it holds to be the mailbox's.
//
// That is a hint, which costs no credentials and is worth no more: the URL is one
// more candidate, known as the host that named it is and judged like any other.
// Since the question tells the address to whoever is asked, it goes to the
// endpoints of Microsoft 365 only, and only where policy allows these.

// v2Path is where a host serves it.
const v2Path = "/autodiscover/autodiscover.json"

// v2Host is the endpoint of Microsoft 365 that is asked.
const v2Host = "outlook.office365.com"

// maxV2 is the length in bytes of the longest answer that is read. A usual one
// has 100.
const maxV2 = 64 << 10

// v2Protocol is the protocol that is asked for: plain-old-XML Autodiscover.
const v2Protocol = "AutodiscoverV1"

// v2URL returns the question for the mailbox of address at host. The @ is
// escaped: filters against attacks on this path look for it.
func v2URL(host, address string) string {
	return "https://" + host + v2Path + "?Email=" + url.QueryEscape(address) + "&Protocol=" + v2Protocol + "&RedirectCount=1"
}

// v2Answer is what an answer says: one of the two.
type v2Answer struct {
	url     string // of plain-old-XML Autodiscover; https
	refusal *v2Error
}

// v2Error is an ErrorCode. Gromox sends it with HTTP 200, Exchange Online with
// 400.
type v2Error struct {
	code    string // MandatoryParameterMissing, ProtocolNotSupported, …
	message string
}

func (e *v2Error) Error() string {
	s := "ErrorCode " + cmp.Or(e.code, "without a name")
	if e.message != "" {
		s += ": " + e.message
	}
	return s
}

// String says it in the words of Step.Said.
func (a v2Answer) String() string {
	if a.refusal != nil {
		return "V2: " + a.refusal.Error()
	}
	return "V2: " + v2Protocol + " at " + a.url
}

// parseV2 reads an answer, whatever its HTTP status. Members that are not known
// are skipped.
func parseV2(body []byte) (v2Answer, error) {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	switch {
	case len(body) > maxV2:
		return v2Answer{}, fmt.Errorf("an answer of more than %d bytes", maxV2)
	case len(bytes.TrimSpace(body)) == 0:
		return v2Answer{}, errEmpty
	case isHTML(body):
		return v2Answer{}, errHTML
	case !utf8.Valid(body):
		return v2Answer{}, errors.New("an answer that is not UTF-8")
	}
	var said struct {
		Protocol, ErrorCode, ErrorMessage *string
		URL                               *string `json:"Url"`
	}
	if err := json.Unmarshal(body, &said); err != nil {
		return v2Answer{}, errors.New("an answer that is not Autodiscover's JSON")
	}
	if said.ErrorCode != nil {
		refusal := &v2Error{code: token(*said.ErrorCode, 64)}
		if said.ErrorMessage != nil {
			refusal.message = printable(*said.ErrorMessage)
		}
		return v2Answer{refusal: refusal}, nil
	}
	switch {
	case said.URL == nil || said.Protocol == nil:
		return v2Answer{}, errors.New("JSON that is not Autodiscover's")
	case !strings.EqualFold(*said.Protocol, v2Protocol):
		return v2Answer{}, fmt.Errorf("an answer about the protocol %q", printable(*said.Protocol))
	case !usableURL(*said.URL) || !isPOX(*said.URL):
		return v2Answer{}, errors.New("an answer without a usable Url")
	}
	return v2Answer{url: *said.URL}, nil
}

// isPOX reports whether a URL leads to Autodiscover, and not to the start page or
// the login form of a web site.
func isPOX(rawURL string) bool {
	u, err := url.Parse(rawURL)
	return err == nil && strings.Contains(strings.ToLower(u.Path), "/autodiscover/")
}

// hint looks up the candidate that Microsoft 365 names for the mailbox.
func (d *discovery) hint(ctx context.Context, s search, step *Step) ([]Candidate, error) {
	if s.how != trust.FromDomain {
		step.Skipped = true
		return nil, errors.New("for a hint: the address has changed, and nobody said that the new one is to be told")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, d.Timeout, late(d.Timeout))
	defer cancel()
	step.URL = "https://" + v2Host + v2Path
	found, err := askV2(ctx, d.wire, v2Host, d.query.Address, step)
	if err != nil {
		return nil, err
	}
	return []Candidate{{URL: found, How: trust.FromMicrosoft365}}, nil
}

// askV2 asks host for the mailbox of address, without credentials or cookies,
// over base, and notes in step what was said. It follows nothing: that the host
// sends the question on says that the mailbox is not its own.
func askV2(ctx context.Context, base http.RoundTripper, host, address string, step *Step) (string, error) {
	local, domain, err := mailaddr.ParseAddress(address)
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v2URL(host, local+"@"+domain), http.NoBody)
	if err != nil {
		return "", err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", userAgent)
	res, err := base.RoundTrip(req)
	if err != nil {
		return "", broken(ctx, err)
	}
	defer res.Body.Close()
	step.HTTPStatus = res.StatusCode
	if res.StatusCode == http.StatusSwitchingProtocols { // what follows is no HTTP any more, and no context would end a wait for it
		return "", fmt.Errorf("HTTP %d", res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxV2+1))
	if err != nil {
		return "", fmt.Errorf("the answer broke off: %w", broken(ctx, err))
	}
	said, err := parseV2(body)
	switch {
	case res.StatusCode != http.StatusOK && (err != nil || said.refusal == nil):
		return "", fmt.Errorf("HTTP %d", res.StatusCode)
	case err != nil:
		return "", err
	}
	step.Said = said.String()
	if said.refusal != nil {
		return "", said.refusal
	}
	return said.url, nil
}
