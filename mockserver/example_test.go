package mockserver_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/homing-mail/homing/mockserver"
)

// An administrator moves a mailbox to another forest. The Autodiscover of the
// first forest then refers to that of the second one.
func Example() {
	world, err := mockserver.OpenWorld("acquisition")
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := mockserver.New(world) // in a test: s := mockserver.Start(t, "acquisition")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	client := &http.Client{Transport: &http.Transport{
		DialContext:     s.Dial,
		TLSClientConfig: &tls.Config{RootCAs: s.RootCAs()},
	}}

	said, err := s.Do("move ann mx1")
	fmt.Println(said, err)

	ask, _ := http.NewRequest("POST", "https://autodiscover.contoso.test/autodiscover/autodiscover.xml", strings.NewReader(
		`<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request>`+
			`<EMailAddress>ann@contoso.test</EMailAddress>`+
			`<AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema>`+
			`</Request></Autodiscover>`))
	ask.SetBasicAuth("ann@contoso.test", "spring-rain-42")
	answer, err := client.Do(ask)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "RedirectUrl>") {
			fmt.Println(strings.TrimSpace(line))
		}
	}
	for _, r := range s.Requests() {
		fmt.Println(r.Host, r.Identity, r.Asked, r.User, r.Said)
	}

	// Output:
	// ann is on mx1/db1 in fabrikam.test <nil>
	// <RedirectUrl>https://autodiscover.fabrikam.test/autodiscover/autodiscover.xml</RedirectUrl>
	// autodiscover.contoso.test EMailAddress ann@contoso.test ann@contoso.test RedirectUrl https://autodiscover.fabrikam.test/autodiscover/autodiscover.xml
}
