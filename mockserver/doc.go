// Package mockserver plays Exchange forests in memory: MAPI over HTTP
// ([MS-OXCMAPIHTTP]), RopLogon ([MS-OXCSTOR] 3.2.5.1) and POX Autodiscover
// ([MS-OXDSCLI]), so far as a client needs them to follow a mailbox that moves
// ([MS-OXMVMBX]). A script of lines moves mailboxes and breaks things; every
// request is recorded.
//
// One line starts a world in a test, on a network of its own that needs neither
// sockets nor real time and so works inside a testing/synctest bubble:
//
//	s := mockserver.Start(t, "acquisition")
//	client := &http.Client{Transport: &http.Transport{
//		DialContext:     s.Dial,
//		TLSClientConfig: &tls.Config{RootCAs: s.RootCAs()},
//	}}
//	s.Do("move ann mx1")
//
// [Server.Listen] serves the same world on loopback, for clients written in
// anything; [Server.ListenAdmin] serves the admin API beside it.
//
// A world can announce its Autodiscover by DNS, by service connection points in
// a directory and by a redirect in clear text ([SRV], [CNAME], [LDAPServer],
// [SCP], [ClearSite]), and lead clients astray ([Rogue], [Hole], [Hoster]). Every
// host tells who brought it credentials: [Server.Witness].
//
// Answers are hostile, as the specifications allow: in pieces, with PENDING,
// with headers in other spellings, from a seed that [Start] logs; see
// [Hostility]. A [Fault] breaks chosen requests beyond that, see [Server.Break].
//
// A forest plays a product: Exchange 2003 to SE, Exchange Online or Gromox; see
// [Forest].Flavour. README.md tells what is played, what is refused, the lines of
// the script and the admin API.
package mockserver
