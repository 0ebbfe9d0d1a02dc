// Package autodiscover finds the server of a mailbox: from an identity to
// settings, by plain-old-XML Autodiscover ([MS-OXDSCLI], [MS-OXDISCO]).
//
// Sources find candidates, a race of probes finds which of them live, and the
// chase asks those with credentials, one after another, and follows the referrals
// that lead on to other forests. [Client.Discover] answers [Settings] or an
// [*Error]; both carry Steps, the whole way with every place and source.
//
// # Sources
//
// [Sources] is the order, each with the name that Outlook's Exclude values have.
// What is announced in the clear, by DNS, by a redirect of a clear-text GET or by
// a directory that nobody vouches for, is a guess of whoever is on the way: such a
// place is met without credentials, and judged like any other.
//
// [MS-OXPROTO] 2.5.1.5 goes from the directory to DNS SRV and says that an empty
// answer is no error. It is read so: a name without records, records of other
// ports than 443 and the target "." announce nothing, and the discovery goes on; a
// failure of DNS is told in the steps, and the discovery goes on as well.
//
// # The race
//
// A probe is the bare first contact of a host: no body, no credentials, no
// cookies. In the order of rank each has a head start of 300 ms before the next,
// and one that fails has none. The first that lives is asked at once, as the head
// starts were the advantage of its betters; those that live later wait by rank.
// One is asked at a time. For 2 s of a question nobody else is begun; then the race
// goes on beside it, and once another lives, the question that hangs is put off,
// which is no answer: the place is asked again, with its full time, when nobody
// else is left. Where nobody else lives, it keeps its time.
// The look-ups of the directory and of SRV begin with the race, since they cost no
// host of the domain a request; the clear-text GET waits for its turn, so that a
// healthy domain never sees one.
//
// # Questions
//
// A place is asked by the LegacyDN that a profile remembers first, because that is
// how the forest that a mailbox has left refers to the one that it has moved to
// ([MS-OXMVMBX] 3.1.1), and by the address where the LegacyDN is refused; never by
// both in one request, since servers differ in which they heed.
//
// Every hop is judged before anything is sent to it. A referral to a host outside
// the rules ends the discovery; a candidate outside them, and a redirect that a
// place has for everybody, by HTTP or by RedirectUrl, are named as the reason where
// nobody else has the mailbox.
//
// # Further questions
//
// A place that has no plain-old XML (HTTP 404, 405, 501) is asked by SOAP
// ([MS-OXWSADISC]) once all candidates have led nowhere: as the same hop, so under
// the same grant. SOAP knows no LegacyDN and no URL of MAPI over HTTP; what it
// gains is a referral, which goes on at the plain-old XML of the place that it
// names, or an explanation. The JSON form, V2, is a look-up of a candidate without
// credentials, at Microsoft 365 and where policy asks that.
//
// The package is laid out as the discovery goes: candidate.go is the order of the
// sources, srv.go, clear.go and v2.go their look-ups, race.go who is tried when and
// contest.go its I/O, chase.go what is made of the answers, both without any I/O,
// request.go, response.go and soap.go the wire, ask.go the exchange, limits.go every limit.
package autodiscover
