package mockserver

import (
	"fmt"
	"strconv"
	"strings"
)

// The words of the script about what the world announces.

func (s *Server) doSRV(a []string) (string, error) {
	if a[1] == "none" {
		if len(a) > 2 {
			return "", fmt.Errorf("none takes nothing more")
		}
		return "ok", s.RemoveSRV(a[0])
	}
	record := SRV{Domain: a[0], Target: a[1]}
	for i, to := range []*uint16{&record.Port, &record.Priority, &record.Weight} {
		if len(a) <= i+2 {
			break
		}
		n, err := strconv.ParseUint(a[i+2], 10, 16)
		if err != nil || i == 0 && n == 0 {
			return "", fmt.Errorf("%s %q: want a number to 65535, of a port from 1", []string{"port", "priority", "weight"}[i], cut(a[i+2], 40))
		}
		*to = uint16(n)
	}
	return "ok", s.AddSRV(record)
}

func (s *Server) doCNAME(a []string) (string, error) {
	if a[1] == "none" {
		return "ok", s.Unalias(a[0])
	}
	return "ok", s.Alias(CNAME{Name: a[0], Target: a[1]})
}

func (s *Server) doSCP(a []string) (string, error) {
	if a[1] == "none" {
		if len(a) > 2 {
			return "", fmt.Errorf("none takes nothing more")
		}
		return "ok", s.RemoveSCPs(a[0])
	}
	scp := SCP{Directory: a[0], URL: a[1]}
	if len(a[1]) >= len("ldap://") && strings.EqualFold(a[1][:len("ldap://")], "ldap://") {
		scp.URL, scp.Pointer = "", a[1]
	}
	for _, option := range a[2:] {
		key, value, _ := strings.Cut(option, "=")
		switch {
		case key == "site" && value != "":
			scp.Site = value
		case key == "domain" && value != "":
			scp.Domain = value
		default:
			return "", fmt.Errorf("option %q: want site=SITE, domain=DOMAIN", cut(option, 40))
		}
	}
	return "ok", s.AddSCP(scp)
}

func (s *Server) doClear(a []string) (string, error) {
	status, err := statusOf(a)
	if err != nil {
		return "", err
	}
	return "ok", s.ServeClear(ClearSite{Host: a[0], Serves: a[1], To: argument(a, 2), Status: status})
}

func (s *Server) doHoster(a []string) (string, error) {
	return "ok", s.ServeWebSite(Hoster{Host: a[0], Serves: a[1]})
}

func (s *Server) doRogue(a []string) (string, error) {
	status, err := statusOf(a)
	if err != nil {
		return "", err
	}
	return "ok", s.Hijack(Rogue{Host: a[0], Serves: a[1], To: argument(a, 2), Status: status})
}

// statusOf is the STATUS behind HOST redirect TO; 0: there is none.
func statusOf(a []string) (int, error) {
	if len(a) < 4 {
		return 0, nil
	}
	n, err := strconv.Atoi(a[3])
	if err != nil || n == 0 {
		return 0, fmt.Errorf("status %q: want 301, 302, 303, 307 or 308, of a redirect", cut(a[3], 40))
	}
	return n, nil
}

// argument is the i-th argument; "": there is none.
func argument(a []string, i int) string {
	if i < len(a) {
		return a[i]
	}
	return ""
}
