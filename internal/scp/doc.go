// Package scp finds Autodiscover endpoints in Active Directory: the service
// connection points that every Exchange server registers in the configuration of
// its forest, read by LDAP ([MS-OXDISCO] 2.2.1.2, 3.1.5.1).
//
// A [Client] asks one directory, follows the pointers by which it refers the users
// of a mail domain to another forest, and returns a [Report]: the endpoints in the
// order in which they are to be tried, every directory that was asked, and what
// was met on the way. order.go is the whole policy, without any I/O.
//
// # Which directories
//
// Those of the configuration; else, where the machine is a member of a domain
// ([MachineDomain]), its domain controllers by DNS: _ldap._tcp.dc._msdcs.<domain>,
// those of the machine's site first where it is configured. Such a record may name
// only hosts of that domain, since DNS can be forged and a certificate proves no
// more than a name. The site of the machine comes from the configuration; else
// the domain controller tells it by the subnet that the machine speaks from (the
// LDAP ping of [MS-ADTS] 6.3.3, asked over the same sealed connection and not by
// UDP). Where nobody knows it, no endpoint is preferred for its site.
//
// # Sealed or not
//
// ldaps:// and the StartTLS that ldap:// always begins with are verified against
// the roots of the Client. A directory that does not offer StartTLS is asked in
// the clear, anonymously, and what it says is marked: [Entry].Sealed is true only
// where each directory from the first one to the last proved its name. A
// certificate that does not verify ends the attempt.
//
// # Who signs in
//
// Nobody ever in the clear. The password of [Client].Bind goes to directories of
// the configuration and to hosts of the domain, the latter by a pointer or a
// referral too; never to where these lead otherwise: for that there is
// [Client].Elsewhere. A Kerberos ticket tells nobody a
// password and is used everywhere. No SASL security layer is negotiated, so GSSAPI
// runs over TLS only, bound to its channel (RFC 5929 tls-server-end-point), as
// Windows may demand (LdapEnforceChannelBinding). A domain controller that wants
// signing inside of TLS as well refuses it: Samba, unless "ldap server require
// strong auth = allow_sasl_over_tls". Nothing weaker is tried after a refusal.
// Active Directory itself answers anonymous searches for nothing but its rootDSE.
//
// On Windows GSSAPI is SSPI with the credentials of whoever is signed in;
// elsewhere a ticket of a cache in a file, or one got by a keytab.
package scp
