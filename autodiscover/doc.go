// Package autodiscover finds the server of a mailbox: from an identity to
// settings, by plain-old-XML Autodiscover ([MS-OXDSCLI], [MS-OXDISCO]).
//
// A [Client] asks one place after the other ([Client.Discover]), follows the
// referrals that lead on to other forests, and answers [Settings] or an [*Error]
// whose Steps are the whole way. It asks by the LegacyDN that a profile remembers
// first, because that is how the forest that a mailbox has left refers to the one
// that it has moved to ([MS-OXMVMBX] 3.1.1), and by the address where the LegacyDN
// is refused; never by both in one request, since servers differ in which they
// heed.
//
// Every hop is judged before anything is sent to it, and nothing is followed that
// was not judged: a host outside the rules ends the discovery.
//
// The package is laid out as the discovery goes: candidate.go is the order of the
// places, chase.go the whole policy without any I/O, request.go and response.go
// the wire, client.go the exchange.
package autodiscover
