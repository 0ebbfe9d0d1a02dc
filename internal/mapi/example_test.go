package mapi_test

import (
	"fmt"
	"strings"

	"github.com/homing-mail/homing/internal/mapi"
)

// A client that is sent to another server.
func Example() {
	logon := mapi.LogonRequest{
		LogonFlags: mapi.LogonPrivate,
		OpenFlags:  mapi.OpenFlagsDefault,
		Essdn:      "/o=contoso/ou=first/cn=Recipients/cn=ann",
	}
	request := mapi.ExecuteRequest{
		Flags:     mapi.ExecuteNoCompression | mapi.ExecuteNoXorMagic,
		RopBuffer: mapi.AppendRopBuffer(nil, logon.Append(nil), []uint32{mapi.NoHandle}),
		MaxRopOut: 0x10008,
	}
	fmt.Println(len(request.Append(nil)), "bytes to send")

	response := answer()
	if response.StatusCode != mapi.EcNone || response.ErrorCode != mapi.EcNone {
		return
	}
	rops, _, err := mapi.ParseRopBuffer(response.RopBuffer)
	if err != nil {
		fmt.Println(err)
		return
	}
	replies, _, err := mapi.ParseResponses(rops)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, reply := range replies {
		if logon, ok := reply.(*mapi.LogonResponse); ok {
			fmt.Println(logon.ReturnValue, logon.ReturnValue.Class())
			fmt.Println(logon.ServerName)
		}
	}
	// Output:
	// 85 bytes to send
	// ecWrongServer (0x00000478) redirect
	// /o=contoso/ou=first/cn=Configuration/cn=Servers/cn=ex2
}

func answer() (response mapi.ExecuteResponse) {
	redirect := mapi.LogonResponse{
		ReturnValue: mapi.EcWrongServer,
		LogonFlags:  mapi.LogonPrivate,
		ServerName:  "/o=contoso/ou=first/cn=Configuration/cn=Servers/cn=ex2",
	}
	sent := mapi.ExecuteResponse{RopBuffer: mapi.AppendRopBuffer(nil, redirect.Append(nil), []uint32{mapi.NoHandle})}
	if err := response.Parse(sent.Append(nil)); err != nil {
		panic(err)
	}
	return response
}

func ExampleReadStream() {
	stream := "PROCESSING\r\nPENDING\r\nDONE\r\nX-ElapsedTime: 31012\r\n\r\nbody"
	header, body, err := mapi.ReadStream(strings.NewReader(stream), func(tag string) { fmt.Println(tag) })
	fmt.Println(header.Get("X-ElapsedTime"), string(body), err)
	// Output:
	// PROCESSING
	// PENDING
	// DONE
	// 31012 body <nil>
}

func ExampleCode_Class() {
	for _, code := range []mapi.Code{mapi.EcWrongServer, mapi.EcUnknownUser, mapi.EcMailboxInTransit} {
		fmt.Println(code, code.Class())
	}
	// Output:
	// ecWrongServer (0x00000478) redirect
	// ecUnknownUser (0x000003EB) autodiscover
	// ecMailboxInTransit (0x0000050C) transient
}
