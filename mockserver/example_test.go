package mockserver_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

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

// example stands in for the *testing.T that a test is given.
type example struct{ cleanups []func() }

func (t *example) Helper()                           {}
func (t *example) Logf(format string, args ...any)   {}
func (t *example) Cleanup(f func())                  { t.cleanups = append(t.cleanups, f) }
func (t *example) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func (t *example) end() {
	for _, f := range t.cleanups {
		f()
	}
}

// A client is given the network of the world and its certificate authority; the
// rest of it stays as it is. The server ends with the test.
func ExampleStart() {
	t := new(example) // in a test: func TestMyClient(t *testing.T) {
	defer t.end()

	s := mockserver.Start(t, "acquisition")
	client := &http.Client{Transport: &http.Transport{
		DialContext:     s.Dial,
		TLSClientConfig: &tls.Config{RootCAs: s.RootCAs()},
	}}

	answer, err := client.Get("https://autodiscover.contoso.test/autodiscover/autodiscover.xml")
	if err != nil {
		t.Fatalf("%v", err)
	}
	answer.Body.Close()
	fmt.Println(answer.Status)

	_, err = client.Get("https://autodiscover.tailspin.test/autodiscover/autodiscover.xml")
	fmt.Println(err)

	ann, err := s.Where("ann")
	fmt.Println(ann.Server, ann.Objects[0].Address, err)

	// Output:
	// 401 Unauthorized
	// Get "https://autodiscover.tailspin.test/autodiscover/autodiscover.xml": dial tcp: lookup autodiscover.tailspin.test: no such host
	// ex1 ann@contoso.test <nil>
}

// A test moves a mailbox while a client runs, and waits until the client has
// come to the new forest.
func ExampleServer_Await() {
	t := new(example)
	defer t.end()
	s := mockserver.Start(t, "acquisition")
	if _, err := s.Do("move ann mx1"); err != nil {
		t.Fatalf("%v", err)
	}

	client := &http.Client{Transport: &http.Transport{DialContext: s.Dial, TLSClientConfig: &tls.Config{RootCAs: s.RootCAs()}}}
	done := make(chan struct{})
	go func() { // the client under test
		defer close(done)
		for _, host := range []string{"autodiscover.contoso.test", "autodiscover.fabrikam.test"} {
			if answer, err := client.Get("https://" + host + "/autodiscover/autodiscover.xml"); err == nil {
				answer.Body.Close()
			}
		}
	}()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r, err := s.Await(ctx, func(r mockserver.Request) bool { return r.Host == "autodiscover.fabrikam.test" })
	if err != nil {
		t.Fatalf("the client never came: %v", err)
	}
	fmt.Println(r.Method, r.Path, "with credentials:", r.Signed, "answered", r.Status)
	<-done

	// Output:
	// GET /autodiscover/autodiscover.xml with credentials: false answered 401
}

// A host announces Autodiscover in clear text, and somebody on the path sends
// clients elsewhere. The rogue tells whether it was given a password.
func ExampleServer_Witness() {
	t := new(example)
	defer t.end()
	s := mockserver.Start(t, "acquisition")
	for _, line := range []string{
		"clear autodiscover.brand.test redirect https://autodiscover.evil.test/autodiscover/autodiscover.xml",
		"rogue autodiscover.evil.test challenge",
	} {
		if _, err := s.Do(line); err != nil {
			t.Fatalf("%v", err)
		}
	}

	client := &http.Client{ // which follows whatever it is told
		Transport: &http.Transport{DialContext: s.Dial, TLSClientConfig: &tls.Config{RootCAs: s.RootCAs()}},
		CheckRedirect: func(q *http.Request, _ []*http.Request) error {
			q.SetBasicAuth("ann@contoso.test", "spring-rain-42")
			return nil
		},
	}
	answer, err := client.Get("http://autodiscover.brand.test/autodiscover/autodiscover.xml")
	if err != nil {
		t.Fatalf("%v", err)
	}
	answer.Body.Close()

	for _, host := range []string{"autodiscover.brand.test", "autodiscover.evil.test"} {
		saw, err := s.Witness(host)
		fmt.Printf("%s %+v %v\n", host, saw, err)
	}

	// Output:
	// autodiscover.brand.test {Requests:1 Signed:0 Cookies:0 Exposed:0} <nil>
	// autodiscover.evil.test {Requests:1 Signed:1 Cookies:0 Exposed:0} <nil>
}

// A fault makes one host busy for one request. The server tells afterwards that
// it was met: a test of a fault that nobody met proves nothing.
func ExampleServer_Break() {
	t := new(example)
	defer t.end()
	s := mockserver.Start(t, "acquisition")
	client := &http.Client{Transport: &http.Transport{DialContext: s.Dial, TLSClientConfig: &tls.Config{RootCAs: s.RootCAs()}}}

	busy, err := s.Break(mockserver.Fault{Do: "status", With: "503", RetryAfter: "5", At: "autodiscover.contoso.test", Times: 1})
	if err != nil {
		t.Fatalf("%v", err)
	}
	for range 2 {
		answer, err := client.Get("https://autodiscover.contoso.test/autodiscover/autodiscover.xml")
		if err != nil {
			t.Fatalf("%v", err)
		}
		answer.Body.Close()
		fmt.Println(answer.StatusCode, answer.Header["Retry-After"])
	}
	for _, rule := range s.Faults() {
		fmt.Println(rule.Fault, "has acted on", rule.Acted)
	}
	fmt.Println(s.Mend(busy))

	// The same as a line of a script, and what it says of a slip.
	_, err = s.Do("fault status=503 at ex9")
	fmt.Println(err)

	// Output:
	// 503 [5]
	// 401 []
	// status=503 retry-after=5 at=autodiscover.contoso.test times=1 name=fault1 has acted on 1
	// <nil>
	// fault: no host or server "ex9": there are autodiscover.contoso.test, autodiscover.fabrikam.test, ex1.contoso.test (ex1), ex2.contoso.test (ex2), mx1.fabrikam.test (mx1)
}
