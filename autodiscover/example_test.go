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
			fmt.Println(step.URL, "by", step.By, "-", step.Err)
		}
		return
	}
	mapi, _ := result.Settings.MAPI()
	fmt.Println(mapi.MailStore)
	// Output:
	// unreachable
	// https://autodiscover.contoso.test/autodiscover/autodiscover.xml by LegacyDN - no network
	// https://contoso.test/autodiscover/autodiscover.xml by LegacyDN - no network
}
