package logonclient_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/homing-mail/homing/internal/mapi"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
)

// A mailbox that has moved to another server of its forest: the old server
// names the new one, and Resolve makes it a Target.
func Example() {
	const dn = "/o=Contoso/ou=Exchange Administrative Group/cn=Recipients/cn=ann"
	server := &server{answer: mailbox(map[string]string{ // stands in for ex1.contoso.test
		"RopLogon": done("", executed([]uint32{mapi.NoHandle}, &mapi.LogonResponse{
			ReturnValue: mapi.EcWrongServer, ServerName: "/o=Contoso/ou=Exchange Administrative Group/cn=Configuration/cn=Servers/cn=ex2"})),
	})}
	defer server.stop()

	client := &logonclient.Client{Network: server.network()}
	target := logonclient.Target{
		MailStore: "https://ex1.contoso.test/mapi/emsmdb/?MailboxId=1@contoso.test",
		LegacyDN:  dn,
		Access: logonclient.Access{
			Hop:    logonclient.Hop{MailDomain: "contoso.test", To: "ex1.contoso.test:443", How: trust.FromProfile},
			Logins: annLogins(),
		},
	}
	ctx := context.Background()
	session, err := client.Logon(ctx, target)
	if e, ok := errors.AsType[*logonclient.Error](err); ok && e.Kind == logonclient.WrongServer {
		fmt.Println(e)
		target, err = client.Resolve(ctx, target, e.ServerName)
		fmt.Println(target.MailStore)
		fmt.Println(target.Access.Hop)
	}
	if err != nil {
		fmt.Println(err)
	}
	if session != nil {
		session.Close(ctx)
	}
	// Output:
	// Execute RopLogon at ex1.contoso.test:443: ecWrongServer (0x00000478)
	// https://ex2.contoso.test/mapi/emsmdb/?MailboxId=1@contoso.test
	// ex1.contoso.test:443 -> ex2.contoso.test:443 (server name)
}

func ExampleClient_Logon() {
	server := &server{answer: mailbox(nil)} // stands in for ex1.contoso.test
	defer server.stop()

	client := &logonclient.Client{
		Network: server.network(),
		Seen: func(x logonclient.Exchange) {
			fmt.Printf("%s: HTTP %d, X-ResponseCode %d, %d layers\n", x.Op, x.HTTPStatus, x.ResponseCode, x.Layers)
		},
	}
	ctx := context.Background()
	session, err := client.Logon(ctx, ann())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer session.Close(ctx)
	fmt.Println(session.Facts().DisplayName, session.Facts().ServerVersion)
	event, err := session.Wait(ctx)
	fmt.Println(event, err)
	// Output:
	// Connect: HTTP 200, X-ResponseCode 0, 4 layers
	// Execute RopLogon: HTTP 200, X-ResponseCode 0, 5 layers
	// Ann Exchange/15.02.2562.045
	// Execute RopRegisterNotification: HTTP 200, X-ResponseCode 0, 5 layers
	// NotificationWait: HTTP 200, X-ResponseCode 0, 4 layers
	// true <nil>
	// Disconnect: HTTP 200, X-ResponseCode 0, 4 layers
}
