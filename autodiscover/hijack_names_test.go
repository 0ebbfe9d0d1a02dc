package autodiscover

import "testing"

// Attempts on the way from an address to a host: what the address says is all
// that is asked, and what it may mean to others is not.
func TestHijackByTheAddress(t *testing.T) {
	writes := func(address string) func(*scene) {
		return func(s *scene) { s.query.Address = address }
	}
	evil := []string{"autodiscover.evil.test:443", "evil.test:443", "autodiscover.contoso.test:443"}
	stage := func(address string, hosts ...string) func(*scene) {
		return func(s *scene) {
			s.query.Address = address
			for _, host := range hosts {
				s.hosts[host] = home()
			}
		}
	}
	const autoEvil = "autodiscover.evil.test"
	tell(t, []story{
		{name: "two @: neither the first domain nor the last is asked", stage: stage("ann@evil.test@contoso.test", autoEvil, auto),
			kind: BadAddress, why: "exactly one @", silent: evil, legit: writes("ann@evil.test"), there: autoEvil},
		{name: "three @", stage: stage("ann@evil.test@evil.test@contoso.test", autoEvil, auto),
			kind: BadAddress, why: "exactly one @", silent: evil, legit: writes("ann@evil.test"), there: autoEvil},
		{name: "an @ in a quoted local part", stage: stage(`"ann@evil.test"@contoso.test`, autoEvil, auto),
			kind: BadAddress, why: "exactly one @", silent: evil, legit: writes("ann@evil.test"), there: autoEvil},
		{name: "a quoted local part with a space", stage: stage(`"ann b"@contoso.test`, autoEvil, auto),
			kind: BadAddress, why: "quoted", silent: evil, legit: writes("ann@contoso.test"), there: auto},
		{name: "a display name with another address before it", stage: stage("ann@evil.test <ann@contoso.test>", autoEvil, auto),
			kind: BadAddress, why: "exactly one @", silent: evil, legit: writes("ann@contoso.test"), there: auto},
		{name: "a source route in the local part", stage: stage("ann%evil.test@contoso.test", autoEvil, auto),
			found: auto, why: "it belongs to the mail domain", signed: []string{auto}, silent: evil[:2], legit: writes("ann@evil.test"), there: autoEvil},
		{name: "a bang path in the local part", stage: stage("evil.test!ann@contoso.test", autoEvil, auto),
			found: auto, why: "it belongs to the mail domain", signed: []string{auto}, silent: evil[:2], legit: writes("ann@evil.test"), there: autoEvil},
		{name: "a path after the domain", stage: stage("ann@evil.test/.contoso.test", autoEvil, "evil.test"),
			kind: BadAddress, why: "not a host name", silent: evil, legit: writes("ann@evil.test"), there: autoEvil},
		{name: "a query after the domain", stage: stage("ann@evil.test?.contoso.test", autoEvil, "evil.test"),
			kind: BadAddress, why: "not a host name", silent: evil, legit: writes("ann@evil.test"), there: autoEvil},
		{name: "a port after the domain", stage: stage("ann@contoso.test:8443", auto, "contoso.test:8443"),
			kind: BadAddress, why: "IP address", silent: []string{"contoso.test:8443", auto + ":443"}, legit: writes("ann@contoso.test"), there: auto},
		{name: "an empty label", stage: stage("ann@.test", "autodiscover.test", auto),
			kind: BadAddress, why: "empty label", silent: []string{"autodiscover.test:443"}, legit: writes("ann@contoso.test"), there: auto},
		{name: "a top-level domain", stage: stage("ann@test", "autodiscover.test", auto),
			kind: BadAddress, why: "single label", silent: []string{"autodiscover.test:443"}, legit: writes("ann@contoso.test"), there: auto},
		{name: "a public suffix of two labels", stage: stage("ann@co.uk", "autodiscover.co.uk", "autodiscover.contoso.co.uk"),
			kind: BadAddress, why: "public suffix", silent: []string{"autodiscover.co.uk:443"}, legit: writes("ann@contoso.co.uk"), there: "autodiscover.contoso.co.uk"},
		{name: "the suffix of a hoster, under which everybody may have a name", stage: stage("ann@github.io", "autodiscover.github.io", "autodiscover.contoso.github.io"),
			kind: BadAddress, why: "public suffix", silent: []string{"autodiscover.github.io:443"}, legit: writes("ann@contoso.github.io"), there: "autodiscover.contoso.github.io"},
		{name: "an IP address", stage: stage("ann@[192.0.2.1]", "192.0.2.1", auto),
			kind: BadAddress, why: "IP address", silent: []string{"192.0.2.1:443"}, legit: writes("ann@contoso.test"), there: auto},
		{name: "an IP address that is written as a domain", stage: stage("ann@192.0.2.1", "192.0.2.1", auto),
			kind: BadAddress, why: "IP address", silent: []string{"192.0.2.1:443"}, legit: writes("ann@contoso.test"), there: auto},
		{
			name: "a letter of another alphabet leads to another realm, and the sign-in stays in its own",
			stage: func(s *scene) {
				s.query.Address = "ann@contos\u043e.test" // the last o is Cyrillic
				s.query.Logins = withPassword("*.contoso.test")
				s.hosts["autodiscover.xn--contos-1qf.test"], s.hosts[auto] = home(), home()
			},
			kind: Unauthorized, why: "no sign-in for autodiscover.xn--contos-1qf.test", silent: []string{auto + ":443"},
			legit: func(s *scene) { s.query.Logins = withPassword("*.xn--contos-1qf.test") }, there: "autodiscover.xn--contos-1qf.test",
		},
	})
}

// Where all places of the domain are dead, no label is taken away to find more.
func TestHijackByBackingOff(t *testing.T) {
	tell(t, []story{
		{
			name: "whoever has registered autodiscover.test waits for those whose domain is down",
			stage: func(s *scene) {
				for _, host := range []string{"autodiscover.test", "test", "http://autodiscover.test", "http://test"} {
					s.hosts[host] = home()
				}
			},
			kind: Unreachable, why: "no such host",
			silent: []string{"autodiscover.test:443", "autodiscover.test:80", "test:443", "test:80", "contoso.test:80"},
			legit:  opens(auto), there: auto,
		},
		{
			name: "a domain of four labels is not shortened by one, by two or by three",
			stage: func(s *scene) {
				s.query.Address = "ann@mail.contoso.co.uk"
				for _, host := range []string{"autodiscover.contoso.co.uk", "contoso.co.uk", "autodiscover.co.uk", "co.uk", "autodiscover.uk", "uk"} {
					s.hosts[host], s.hosts["http://"+host] = home(), home()
				}
			},
			kind: Unreachable, why: "no such host",
			silent: []string{"autodiscover.contoso.co.uk:443", "contoso.co.uk:443", "autodiscover.co.uk:443", "co.uk:443", "autodiscover.uk:443", "uk:443",
				"autodiscover.contoso.co.uk:80", "autodiscover.co.uk:80", "autodiscover.uk:80"},
			legit: opens("autodiscover.mail.contoso.co.uk"), there: "autodiscover.mail.contoso.co.uk",
		},
		{
			name: "a server that refuses the mailbox is no reason to look at the top either",
			stage: func(s *scene) {
				s.hosts[auto], s.hosts["autodiscover.test"] = secured(serves(answeredError)), home()
			},
			kind: NotFound, why: "ErrorCode 500", signed: []string{auto}, silent: []string{"autodiscover.test:443", "autodiscover.test:80"},
			legit: opens(auto), there: auto,
		},
		{
			name: "the search domain of the machine is not tried",
			stage: func(s *scene) {
				s.hosts["autodiscover.contoso.test.corp.test"], s.hosts["contoso.test.corp.test"] = home(), home()
			},
			kind: Unreachable, why: "no such host", silent: []string{"autodiscover.contoso.test.corp.test:443", "contoso.test.corp.test:443"},
			legit: opens(auto), there: auto,
		},
	})
}

const answeredError = "<Autodiscover><Response><Error><ErrorCode>500</ErrorCode></Error></Response></Autodiscover>"
