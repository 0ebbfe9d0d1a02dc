// Package agent keeps mailboxes reachable.
//
// An [Agent] runs one machine for each profile. A machine tries the server that
// its profile remembers; follows that server's own redirect; where the server
// no longer knows the mailbox, asks Autodiscover with the LegacyDN that the
// profile holds; and rewrites the profile only after it has logged on at the
// new place ([MS-OXMVMBX] 3.1.1). Then it holds the session and starts again
// when that is lost.
//
//	starting ─ profile ─► connecting            starting ─ no place yet ─► discovering
//	discovering ─ better place ─► connecting    discovering ─ same place or nothing ─► waiting
//	connecting ─ ok, saved if changed ─► online
//	connecting ─ wrong server ─► connecting     (a loop or the limit ─► discovering, once a cycle)
//	connecting ─ unknown mailbox, login failure, gone ─► discovering, once a cycle, then waiting
//	connecting ─ in transit, busy ─► waiting, same server
//	connecting ─ unauthorized, denied, untrusted ─► needs you
//	online ─ session lost ─► waiting for its turn (for the server, where one after the other dies young)
//	online ─ settings run out and lead elsewhere, in there ─► online, saved
//	waiting ─ timer, check now, wake ─► connecting
//	any ─ stopped
//
// The policy is one pure function, decide; outcome is the only place that turns
// errors into outcomes; the package does no I/O of its own, so that a machine runs with
// fakes in virtual time. [Service] is what a command line, a window or a socket
// sees of it: plain snapshots and commands.
package agent
