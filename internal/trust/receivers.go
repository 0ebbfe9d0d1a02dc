package trust

import (
	"net"
	"slices"
	"strings"
)

// MaxReceivers is how many hosts outside the mail domain and the policy may
// receive credentials in one discovery.
const MaxReceivers = 3

// Receivers are the hosts outside the mail domain and the policy that one
// discovery has sent credentials to. The zero value is empty.
type Receivers struct {
	hosts []string
}

// Admit reports whether the host of h may receive credentials as far as their
// number goes, and counts it. Each host counts once, at whatever port; one of the
// mail domain, of the policy or of the configuration never does. Whether the host
// is allowed at all is for r to judge.
func (c *Receivers) Admit(r Rules, h Hop) bool {
	name, port, _ := net.SplitHostPort(strings.ToLower(h.To))
	if h.How == FromConfiguration || r.policy(name, port) >= 0 || r.Microsoft365 && slices.Contains(microsoft365, name) ||
		sameOrganisation(name, h.MailDomain) || slices.Contains(c.hosts, name) {
		return true
	}
	if len(c.hosts) == MaxReceivers {
		return false
	}
	c.hosts = append(c.hosts, name)
	return true
}
