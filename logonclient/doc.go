// Package logonclient logs on to a mailbox over MAPI/HTTP: from an endpoint to
// a session.
//
// [Client.Logon] makes a Session Context by Connect and logs on by RopLogon
// ([MS-OXCMAPIHTTP] 3.1, [MS-OXCSTOR] 3.1.5.1). It dials the host of its
// [Target] and follows nothing: a server that names another one, a redirect, a
// host that may not receive credentials are answers, in an [Error] whose [Kind]
// says what they mean. Four layers can refuse a logon, and each is read in its
// order: the HTTP status, X-ResponseCode (in the header, then behind DONE),
// StatusCode and ErrorCode of the body, ReturnValue of the ROP.
//
// A [Session] holds the logon, on one connection. [Session.Wait] sits in
// NotificationWait, [Session.Probe] proves that the logon lives, and
// [Session.Close] ends it. A session that is lost is not repaired: log on again.
package logonclient
