// Package integration plays against servers that others have written: Samba as
// an Active Directory domain controller, dnsmasq as a second DNS. It has nothing
// but tests, behind the build tag integration, since they need those programs
// installed and root for the ports of a domain controller. `make integration`
// installs them and runs the tests; a program that is missing fails them.
//
// Each test looks for what it did in the log of the server: that a client is
// content proves little where nobody was asked. At the end the version of every
// peer is told with the number of exchanges that it logged, setting up left out;
// none of a kind fails the run.
package integration
