package scp

import (
	"context"
	"crypto/x509"

	"github.com/go-ldap/ldap/v3/gssapi"
)

// gssapi returns a client with the credentials of whoever is signed in, bound to
// the channel, and the name of the service.
func (w *walk) gssapi(_ context.Context, _ Kerberos, host string, channel *x509.Certificate) (client *gssapi.SSPIClient, service string, err error) {
	service = "ldap/" + host
	if channel == nil || endPoint(channel) == nil {
		client, err = gssapi.NewSSPIClient()
	} else {
		client, err = gssapi.NewSSPIClientWithChannelBinding(channel)
	}
	return client, service, err
}
