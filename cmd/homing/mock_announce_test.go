package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/mockserver"
)

// The bundled world "announced" has one of everything that announces, or leads
// astray.
func TestTheWorldAnnouncedHasOneOfEverything(t *testing.T) {
	w, err := mockserver.OpenWorld("announced")
	if err != nil {
		t.Fatal(err)
	}
	for what, n := range map[string]int{
		"hoster": len(w.Hosters), "rogue": len(w.Rogues), "hole": len(w.Holes), "directory": len(w.Directories), "scp": len(w.SCPs),
		"clear": len(w.Clear), "srv": len(w.SRV), "cname": len(w.CNAMEs), "resolver": len(w.Resolvers),
	} {
		if n == 0 {
			t.Errorf("no %s", what)
		}
	}
}

// hearSystemDNS has the resolver of the system answer nothing, and tells how often
// it was asked.
func hearSystemDNS(t *testing.T) (asked func() int) {
	t.Helper()
	var mu sync.Mutex
	n := 0
	old := net.DefaultResolver
	t.Cleanup(func() { net.DefaultResolver = old })
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		n++
		return nil, errors.New("nobody answers here")
	}}
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

// With the flag that it prints, nothing leaves the loopback: whatever the name,
// it is the mock that is asked. Its twin has all but its DNS.
func TestTheFlagOfTheMockLeadsNowhereElse(t *testing.T) {
	defer goleak.VerifyNone(t)
	mock := play(t, "--json", "--world", "announced")
	defer mock.stop(t)
	var facts struct {
		CAFile     string   `json:"ca_file"`
		ConfigFile string   `json:"config_file"`
		ConnectTo  []string `json:"connect_to"`
		DNS        string   `json:"dns"`
		Admin      string   `json:"admin"`
	}
	if err := json.NewDecoder(mock.out).Decode(&facts); err != nil {
		t.Fatal(err)
	}
	e, err := program.LoadConfig(program.Paths{Config: facts.ConfigFile})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range slices.Concat(facts.ConnectTo, e.Network.ConnectTo, []string{"dns:53:" + e.Network.DNS}) {
		addr := strings.SplitN(line, ":", 3)[2]
		if host, _, err := net.SplitHostPort(addr); err != nil || !net.ParseIP(host).IsLoopback() {
			t.Errorf("%s leaves the loopback (%v)", line, err)
		}
	}
	port80 := slices.ContainsFunc(facts.ConnectTo, func(line string) bool { return strings.HasPrefix(line, "contoso.test:80:") })
	if !port80 || !slices.ContainsFunc(facts.ConnectTo, func(line string) bool { return strings.HasPrefix(line, "dc1.contoso.test:636:") }) {
		t.Errorf("no line for port 80, or none for a directory: %q", facts.ConnectTo)
	}

	do(t, facts.Admin+"/do", "off old.contoso.test") // which the directory names, and would be waited for
	asked := hearSystemDNS(t)
	discover := func(args ...string) {
		t.Helper()
		var out, errOut bytes.Buffer
		words := append([]string{"discover", "ann@elsewhere.test", "--no-auth"}, args...)
		if code := inDirectory(t.TempDir(), nil, &out, &errOut).main(t.Context(), words); code == exitOK || code == exitUsage {
			t.Fatalf("homing %q: exit code %d\n%s%s", words, code, out.String(), errOut.String())
		}
	}
	discover("--config", facts.ConfigFile)
	if n := asked(); n > 0 {
		t.Errorf("the DNS of the system was asked %d times", n)
	}
	lookups := lookupsOf(t, facts.Admin)
	for _, want := range []string{
		"SRV _autodiscover._tcp.elsewhere.test", "SRV _ldap._tcp.dc._msdcs.contoso.test",
	} {
		if lookups[want] == 0 {
			t.Errorf("the mock was not asked for %s: %v", want, lookups)
		}
	}

	args := []string{"--ca-file", facts.CAFile}
	for _, line := range facts.ConnectTo {
		args = append(args, "--connect-to", line)
	}
	discover(args...)
	if asked() == 0 {
		t.Error("without its DNS that of the system is not asked either: the test hears nothing")
	}
}

func lookupsOf(t *testing.T, admin string) map[string]int {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(admin + "/world")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var world struct {
		DNS struct{ Lookups map[string]int }
	}
	if err := json.NewDecoder(res.Body).Decode(&world); err != nil {
		t.Fatal(err)
	}
	return world.DNS.Lookups
}

// Paths are taken from where the mock was started.
func TestTheConfigurationOfTheMockIsGoodElsewhere(t *testing.T) {
	defer goleak.VerifyNone(t)
	t.Chdir(t.TempDir())
	mock := play(t, "--world", "acquisition", "--ca-out", "ca.pem", "--config-out", "world.toml")
	defer mock.stop(t)
	if said := mock.until(t, "--config"); !strings.HasSuffix(said, "for homing:\n  --config world.toml\n") {
		t.Errorf("it says\n%s", said)
	}
	config, err := filepath.Abs("world.toml")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	var out, errOut bytes.Buffer
	code := inDirectory(t.TempDir(), nil, &out, &errOut).main(t.Context(), []string{"discover", "ann@contoso.test", "--no-auth", "--config", config})
	if !strings.Contains(out.String(), "issued by CN=Mock Root") {
		t.Errorf("exit code %d\n%s%s", code, out.String(), errOut.String())
	}
}
