package autodiscover

import (
	"strings"
	"testing"
)

func TestClearTarget(t *testing.T) {
	for _, tt := range []struct{ name, location, why string }{
		{"the usual target", at("autodiscover-s.outlook.com"), ""},
		{"with a port that is the usual one", "https://autodiscover-s.outlook.com:443/Autodiscover/Autodiscover.xml", ""},
		{"with a segment for the tenant", "https://autodiscover-s.outlook.com/autodiscover/contoso.test/autodiscover.xml", ""},
		{"no Location", "", "names no Location"},
		{"a relative one stays in the clear", path, "does not lead to https"},
		{"one without a scheme", "//mx.contoso.test" + path, "does not lead to https"},
		{"clear text again", "http://mx.contoso.test" + path, "does not lead to https"},
		{"the login page of a captive portal", "https://portal.tailspin.test/login?next=" + path, "not Autodiscover's"},
		{"a page beside the service", "https://mx.contoso.test/autodiscover/login", "not Autodiscover's"},
		{"another service", "https://mx.contoso.test/autodiscover/autodiscover.svc", "not Autodiscover's"},
		{"a document elsewhere", "https://mx.contoso.test/files/autodiscover.xml", "not Autodiscover's"},
		{"no URL", "https://[x" + path, "no usable URL"},
		{"a very long one", "https://mx.contoso.test/autodiscover/" + strings.Repeat("x/", 1024) + "autodiscover.xml", "no usable URL"},
	} {
		target, why := clearTarget(tt.location)
		if tt.why == "" && (target != tt.location || why != "") || tt.why != "" && (target != "" || !strings.Contains(why, tt.why)) {
			t.Errorf("%s: %q, %q; want %q", tt.name, target, why, tt.why)
		}
	}
}
