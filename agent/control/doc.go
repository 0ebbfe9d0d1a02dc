// Package control is the local API of a running agent: [Server] serves an
// [agent.Service] on a Unix socket (AF_UNIX, on Windows too), [Client] is an
// agent.Service that speaks to it.
//
// # Protocol, version 1
//
// A connection carries one request: one line of JSON, at most 1 MiB. The server
// answers lines of JSON and closes. The client keeps its side open until it has
// what it wants; closing it ends the request.
//
//	{"version":1,"op":"watch"}
//	    {"status":{…}}              the present Status, then the latest one after each change
//	    {"ok":true}                 the agent ends
//	{"version":1,"op":"do","command":{"op":"sign in","profile":"…","realm":"*.contoso.test","secret":"…"}}
//	    {"ok":true,"id":"…"}
//	{"version":1,"op":"history","profile":"…"}
//	    {"generations":[…]}         beside an error, if some generations cannot be read
//	{"version":1,"op":"raise"}
//	    {"ok":true}                 the window of a desktop agent has come to the front
//
// Status, Command and Generation have the JSON forms of their types. A command
// carries the secret of a sign-in in addition, in the clear. Whatever fails is
// answered by
//
//	{"error":{"code":"not-found","text":"…"}}
//
// whose codes are the constants of [Code]. A request with another version, with
// a field that the server does not know or without its newline is refused: a
// command that is understood in part is worse than one that is not.
//
// # Access
//
// Who may open the socket may do everything that the agent can, but never read
// a secret. The access control is that of the file system: [Listen] wants the
// directory for its owner alone (0700) and makes the socket 0600. On Windows
// both inherit the rights of the directory, which belongs in the user's own
// profile. There is no other check of the peer.
package control
