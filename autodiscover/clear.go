package autodiscover

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/homing-mail/homing/internal/trust"
)

// clearRedirect asks autodiscover.<domain> in the clear where the service is
// ([MS-OXDISCO] 3.1.5.4). The request names nobody and carries nothing; of the
// answer only a redirect to an Autodiscover document over https counts, and that
// is a guess of whoever is on the way, for the rules to judge.
func (d *discovery) clearRedirect(ctx context.Context, s search, step *Step) ([]Candidate, error) {
	step.URL = "http://autodiscover." + s.domain + path
	ctx, cancel := context.WithTimeoutCause(ctx, d.Timeout, late(d.Timeout))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, step.URL, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", userAgent)
	res, err := d.wire.RoundTrip(req)
	if err != nil {
		return nil, broken(ctx, err)
	}
	res.Body.Close()
	step.HTTPStatus = res.StatusCode
	if !isRedirect(res.StatusCode) {
		step.Said = fmt.Sprintf("HTTP %d, which leads nowhere", res.StatusCode)
		return nil, nil
	}
	location := res.Header.Get("Location")
	target, why := clearTarget(location)
	if why != "" {
		return nil, fmt.Errorf("HTTP %d to %q: %s", res.StatusCode, shown(location), why)
	}
	step.Said = fmt.Sprintf("HTTP %d to %s", res.StatusCode, shown(target))
	return []Candidate{{URL: target, How: trust.FromClearRedirect}}, nil
}

// clearTarget returns where the Location of a clear-text redirect leads, or why
// it is not followed: a captive portal leads to its login page, and a web site to
// its start page.
func clearTarget(location string) (target, why string) {
	u, err := url.Parse(location)
	switch {
	case location == "":
		return "", "it names no Location"
	case err != nil || len(location) > maxURL:
		return "", "its Location is no usable URL"
	case u.Scheme != "https":
		return "", "it does not lead to https"
	}
	if p := strings.ToLower(u.Path); !strings.HasPrefix(p, "/autodiscover/") || !strings.HasSuffix(p, "/autodiscover.xml") {
		return "", "it leads to a place that is not Autodiscover's"
	}
	return location, ""
}
