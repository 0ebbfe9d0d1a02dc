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
// [Client.Resolve] makes a Target of the directory name in an ecWrongServer
// answer. Where the name does not say it all, it asks the address book, in a
// Session Context of its own: a host that the rules have to admit for itself.
//
// A [Session] holds the logon, on one connection. [Session.Wait] sits in
// NotificationWait, [Session.Probe] proves that the logon lives, and
// [Session.Close] ends it. A session that is lost is not repaired: log on again.
//
// # What is done again
//
//   - A request that never went out is sent once more on a new connection, with
//     the same cookies ([MS-OXCMAPIHTTP] 3.1.7). One that went out is not: nobody
//     knows what became of it.
//   - A request that meets a 401 at a host that has let us in, or that has changed
//     what it offers, is signed anew and sent once more. A second 401 refuses the
//     sign-in.
//   - A Session Context that dies between Connect and RopLogon is replaced once,
//     without the cookies of the old one. To connect with them, so that the server
//     may end the old context ([MS-OXCMAPIHTTP] 3.1.5.7), is not done: Gromox
//     refuses such a Connect, so that it would have to be followed by another, and
//     a context that nobody uses ends by itself.
//
// # What servers do differently
//
// Exchange refuses Connect in the layout of a success. Gromox is known by its
// cookies, its version and its pages: it numbers X-ResponseCode in its own way
// (the error shows both numbers and the words), reads the name of a server by
// dropping its last element, and writes a failure behind the end of its answer:
// a success without a body is a busy server, and its connection is used no more.
// Compressed, obfuscated and chained answers are read although they are not asked
// for. What stands in front of the answer to a ROP is passed over (RopPending), a
// reason to wait (RopBackoff) or a lost session (RopNotify, which hides what
// follows); what stands behind it does not count.
package logonclient
