// Package httpauth puts sign-ins on HTTP requests.
//
// A [Transport] serves one [trust.Grant]: one login, one host, over TLS, and
// only after that host has asked for it. The first request to a host that has
// not challenged in this process carries neither credentials nor a body, so
// that nothing leaves the machine before the host has been judged with the
// certificate that it presents. [Network] is the one shape of connection that
// all clients use: HTTP/1.1 and a single connection, so that schemes that bind
// a sign-in to a connection fit without a change.
package httpauth
