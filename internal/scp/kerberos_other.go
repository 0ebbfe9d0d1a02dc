//go:build !windows

package scp

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/iana/patype"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// maxRealms is the number of realms that a ticket is got through.
const maxRealms = 5

// ticket is a ticket with the key that its owner shares with the service.
type ticket struct {
	messages.Ticket
	key types.EncryptionKey
}

// gssapi returns a client that holds a ticket for the directory at host, and the
// name of the service. The exchanges with the KDC are made here and not by the
// client of gokrb5, which knows no context, no dialer and no limit on what it
// reads.
func (w *walk) gssapi(ctx context.Context, k Kerberos, host string, channel *x509.Certificate) (*initiator, string, error) {
	conf, err := loadConfig(k.Config)
	if err != nil {
		return nil, "", fmt.Errorf("reading the Kerberos configuration: %w", err)
	}
	conf.LibDefaults.NoAddresses = true
	cache, err := w.tickets(ctx, k, conf)
	if err != nil {
		return nil, "", err
	}
	service := "ldap/" + host
	t, err := w.serviceTicket(ctx, conf, cache, types.NewPrincipalName(nametype.KRB_NT_SRV_INST, service))
	if err != nil {
		return nil, "", err
	}
	owner := cache.DefaultPrincipal
	return &initiator{ticket: t, name: owner.PrincipalName, realm: owner.Realm, channel: channel}, service, nil
}

// tickets returns the cache of k: that of a file, or one with a ticket that was
// got by a keytab.
func (w *walk) tickets(ctx context.Context, k Kerberos, conf *config.Config) (*credentials.CCache, error) {
	if k.Keytab != "" {
		return w.signIn(ctx, k, conf)
	}
	name := cmp.Or(k.CCache, os.Getenv("KRB5CCNAME"), fmt.Sprintf("/tmp/krb5cc_%d", os.Getuid()))
	if kind, rest, ok := strings.Cut(name, ":"); ok {
		if kind != "FILE" {
			return nil, fmt.Errorf("tickets are read from a file (FILE:PATH), not from %s", clip(name))
		}
		name = rest
	}
	cache, err := credentials.LoadCCache(name)
	if err != nil {
		return nil, fmt.Errorf("reading the tickets: %w; kinit gets one", err)
	}
	return cache, nil
}

// signIn gets a ticket-granting ticket by a key (RFC 4120 3.1), with the
// encrypted timestamp of its section 5.2.7.2.
func (w *walk) signIn(ctx context.Context, k Kerberos, conf *config.Config) (*credentials.CCache, error) {
	keys, err := keytab.Load(k.Keytab)
	if err != nil {
		return nil, fmt.Errorf("reading the keytab: %w", err)
	}
	user, realm, ok := strings.Cut(k.Principal, "@")
	if !ok {
		realm = conf.LibDefaults.DefaultRealm
	}
	name := types.NewPrincipalName(nametype.KRB_NT_PRINCIPAL, user)
	request, err := messages.NewASReqForTGT(realm, conf, name)
	if err != nil {
		return nil, err
	}
	var key types.EncryptionKey
	var version int
	for _, kind := range conf.LibDefaults.DefaultTktEnctypeIDs {
		if key, version, err = keys.GetEncryptionKey(name, realm, 0, kind); err == nil {
			break
		}
	}
	if err != nil || len(key.KeyValue) == 0 {
		return nil, fmt.Errorf("%s has no key of %s@%s that krb5.conf permits", k.Keytab, user, realm)
	}
	now, err := types.GetPAEncTSEncAsnMarshalled()
	if err != nil {
		return nil, err
	}
	sealed, err := crypto.GetEncryptedData(now, key, keyusage.AS_REQ_PA_ENC_TIMESTAMP, version)
	if err != nil {
		return nil, err
	}
	proof, err := sealed.Marshal()
	if err != nil {
		return nil, err
	}
	request.PAData = append(request.PAData, types.PAData{PADataType: patype.PA_ENC_TIMESTAMP, PADataValue: proof})
	b, err := request.Marshal()
	if err != nil {
		return nil, err
	}
	if b, err = w.askKDC(ctx, conf, realm, b); err != nil {
		return nil, err
	}
	var reply messages.ASRep
	if err := reply.Unmarshal(b); err != nil {
		return nil, err
	}
	if ok, err := reply.Verify(conf, credentials.New(user, realm).WithKeytab(keys), request); !ok {
		return nil, err
	}
	cache := new(credentials.CCache)
	cache.DefaultPrincipal.Realm, cache.DefaultPrincipal.PrincipalName = realm, name
	ticket, err := reply.Ticket.Marshal()
	granting := &credentials.Credential{Ticket: ticket, Key: reply.DecryptedEncPart.Key, EndTime: reply.DecryptedEncPart.EndTime}
	granting.Server.PrincipalName = reply.Ticket.SName
	cache.Credentials = []*credentials.Credential{granting}
	return cache, err
}

// serviceTicket returns a ticket for a service: that of the cache, or a new one
// (RFC 4120 3.3), if need be through the realms that the KDCs refer to
// (RFC 6806 8).
func (w *walk) serviceTicket(ctx context.Context, conf *config.Config, cache *credentials.CCache, name types.PrincipalName) (ticket, error) {
	if t, err := held(cache, name); err == nil {
		return t, nil
	}
	realm := cache.DefaultPrincipal.Realm
	t, err := held(cache, types.PrincipalName{NameType: nametype.KRB_NT_SRV_INST, NameString: []string{"krbtgt", realm}})
	if err != nil {
		return ticket{}, err
	}
	asking := *conf
	asking.LibDefaults.Canonicalize = true // or no KDC refers to another realm
	for range maxRealms {
		request, err := messages.NewTGSReq(cache.DefaultPrincipal.PrincipalName, realm, &asking, t.Ticket, t.key, name, false)
		if err != nil {
			return ticket{}, err
		}
		b, err := request.Marshal()
		if err != nil {
			return ticket{}, err
		}
		if b, err = w.askKDC(ctx, conf, realm, b); err != nil {
			return ticket{}, fmt.Errorf("getting a ticket for %s: %w", name.PrincipalNameString(), err)
		}
		var reply messages.TGSRep
		if err := reply.Unmarshal(b); err != nil {
			return ticket{}, err
		}
		if err := reply.DecryptEncPart(t.key); err != nil {
			return ticket{}, err
		}
		if ok, err := reply.Verify(conf, request); !ok {
			return ticket{}, err
		}
		t = ticket{reply.Ticket, reply.DecryptedEncPart.Key}
		to := t.SName.NameString
		if len(to) != 2 || to[0] != "krbtgt" {
			return t, nil
		}
		realm = to[1]
	}
	return ticket{}, fmt.Errorf("no ticket for %s after %d realms", name.PrincipalNameString(), maxRealms)
}

// held returns a ticket of the cache that is still good.
func held(cache *credentials.CCache, name types.PrincipalName) (ticket, error) {
	c, ok := cache.GetEntry(name)
	if !ok {
		return ticket{}, fmt.Errorf("no ticket for %s; kinit gets one", name.PrincipalNameString())
	}
	if !time.Now().Before(c.EndTime) {
		return ticket{}, fmt.Errorf("the ticket for %s expired at %s; kinit gets another", name.PrincipalNameString(), c.EndTime.Format(time.RFC3339))
	}
	t := ticket{key: c.Key}
	return t, t.Ticket.Unmarshal(c.Ticket)
}

// askKDC sends a request to a KDC of the realm (RFC 4120 7.2.2), and returns its
// reply or the error it answers.
func (w *walk) askKDC(ctx context.Context, conf *config.Config, realm string, request []byte) ([]byte, error) {
	addrs, err := w.kdcs(ctx, conf, realm)
	if err != nil {
		return nil, err
	}
	var failed error
	for _, addr := range addrs {
		reply, err := w.exchange(ctx, addr, request)
		if err != nil {
			failed = also(failed, fmt.Errorf("asking the KDC %s: %w", addr, err))
			continue
		}
		var refused messages.KRBError
		if refused.Unmarshal(reply) == nil {
			return nil, refused
		}
		return reply, nil
	}
	return nil, failed
}

func (w *walk) kdcs(ctx context.Context, conf *config.Config, realm string) ([]string, error) {
	var addrs []string
	for _, r := range conf.Realms {
		if r.Realm == realm {
			addrs = append(addrs, r.KDC...)
		}
	}
	if len(addrs) == 0 {
		records, err := w.srv(ctx, "kerberos", strings.ToLower(realm))
		if err != nil {
			return nil, fmt.Errorf("looking up the KDCs of %s: %w", realm, err)
		}
		for _, r := range records {
			addrs = append(addrs, net.JoinHostPort(strings.TrimSuffix(r.Target, "."), fmt.Sprint(r.Port)))
		}
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("neither krb5.conf nor DNS names a KDC of %s", realm)
	}
	return addrs[:min(len(addrs), maxControllers)], nil
}

func (w *walk) exchange(ctx context.Context, addr string, request []byte) ([]byte, error) {
	conn, err := w.connect(ctx, addr, maxMessage)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	message := append(binary.BigEndian.AppendUint32(nil, uint32(len(request))), request...)
	if _, err := conn.Write(message); err != nil {
		return nil, cmpErr(ctx, err)
	}
	var length [4]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return nil, cmpErr(ctx, err)
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > maxMessage-4 {
		return nil, fmt.Errorf("it announces an answer of %d bytes", n)
	}
	reply := make([]byte, n)
	_, err = io.ReadFull(conn, reply)
	return reply, cmpErr(ctx, err)
}
