package main

import (
	"cmp"
	"errors"
	"net"
	"path/filepath"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/homing-mail/homing/mockserver"
)

// announce serves all by which a world announces itself, at the address of its
// hosts: DNS and clear text always, since a script may add to them, and so that
// no client of the world asks elsewhere.
func announce(w mockserver.World, srv *mockserver.Server) error {
	host, _, err := net.SplitHostPort(srv.Addr())
	if err != nil {
		return err
	}
	anyPort := net.JoinHostPort(host, "0")
	err = errors.Join(srv.ListenDNS(anyPort), srv.ListenClear(anyPort))
	for _, d := range w.Directories {
		err = errors.Join(err, srv.ListenLDAP(d.Host, anyPort))
	}
	return err
}

// reaching is a configuration of homing that reaches the world and nothing else,
// and of the world also what a script adds. The machine is a member of the domain
// of the first directory, without an account there.
func reaching(w mockserver.World, srv *mockserver.Server, ca string) ([]byte, error) {
	type discovery struct {
		Domain string `toml:"domain"`
		Bind   string `toml:"bind" comment:"kerberos, which is the default, is not played"`
	}
	var c struct {
		Network struct {
			CAFile    string   `toml:"ca_file"`
			ConnectTo []string `toml:"connect_to,multiline"`
			DNS       string   `toml:"dns"`
		} `toml:"network"`
		Discovery *discovery `toml:"discovery,omitempty"`
	}
	ca, err := filepath.Abs(ca)
	if err != nil {
		return nil, err
	}
	c.Network.CAFile, c.Network.DNS = ca, srv.DNSAddr()
	c.Network.ConnectTo = []string{":443:" + srv.Addr(), ":80:" + srv.ClearAddr()}
	for _, d := range w.Directories {
		at := srv.LDAPAddr(d.Host)
		c.Network.ConnectTo = append(c.Network.ConnectTo, d.Host+":389:"+at, d.Host+":636:"+at)
	}
	if len(w.Directories) > 0 {
		first := w.Directories[0]
		_, parent, _ := strings.Cut(first.Host, ".")
		c.Discovery = &discovery{cmp.Or(first.Domain, parent), "anonymous"}
	}
	return toml.Marshal(c)
}
