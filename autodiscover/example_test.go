package autodiscover_test

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/homing-mail/homing/autodiscover"
)

// Where is the mailbox of ann@contoso.test? This client reaches no network, so
// nobody answers, and the error tells the way that it has gone.
func Example() {
	offline := func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no network") }
	client := autodiscover.Client{Network: autodiscover.Network{Dial: offline}}
	result, err := client.Discover(context.Background(), autodiscover.Query{
		Address:  "ann@contoso.test",
		LegacyDN: "/o=Contoso/cn=Recipients/cn=ann",
	})
	if failure, ok := errors.AsType[*autodiscover.Error](err); ok {
		fmt.Println(failure.Kind)
		for _, step := range failure.Steps {
			fmt.Println(step.Source, step.URL, "-", step.Err)
		}
		return
	}
	mapi, _ := result.Settings.MAPI()
	fmt.Println(mapi.MailStore)
	// Output:
	// unreachable
	// scp-lookup  - this machine has no directory
	// srv-record  - this network has no DNS to ask
	// explicit-o365-endpoint  - no policy asks Microsoft 365
	// https-autodiscover-domain https://autodiscover.contoso.test/autodiscover/autodiscover.xml - no network
	// https-root-domain https://contoso.test/autodiscover/autodiscover.xml - no network
	// http-redirect http://autodiscover.contoso.test/autodiscover/autodiscover.xml - no network
}
