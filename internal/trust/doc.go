// Package trust decides which hosts may receive credentials.
//
// A [Hop] says where a request would go, who sent us there and how we learned
// it. [Rules] judge it: Allow, Ask or Refuse, each with its reason. A [Grant]
// is the permission to present one login to one host, and [Rules.Grant] is its
// only maker, so that no code path can send a password to a host that nobody
// judged. The package is pure: it dials nothing and reads nothing.
//
// The table of rules follows what [MS-OXDISCO] 3.1.5.4 asks (warn before a
// redirect that was learned in the clear) and goes further: a host outside the
// mail domain receives nothing until a person or a policy says so. How a host was
// announced counts: what anybody on the way could have said, in DNS, in a redirect
// without TLS or in an unsealed directory, vouches for nothing, not even for the
// host that said it. [Receivers] limits how many strangers one discovery may
// send credentials to, even where each is allowed.
package trust
