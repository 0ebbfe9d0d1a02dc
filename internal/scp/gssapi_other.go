//go:build !windows

package scp

import (
	"bytes"
	"crypto/md5"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/iana/chksumtype"
	"github.com/jcmturner/gokrb5/v8/iana/flags"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// initiator is the client's side of one GSSAPI bind with a ticket: mutual
// authentication, bound to the channel, and no security layer. It is an
// ldap.GSSAPIClient.
type initiator struct {
	ticket
	name    types.PrincipalName
	realm   string
	channel *x509.Certificate // of the directory; nil: bound to no channel

	sent types.Authenticator
	peer types.EncryptionKey // the subkey of the directory, once it gave one
}

var (
	oidKerberos = asn1.ObjectIdentifier{1, 2, 840, 113554, 1, 2, 2} // RFC 4121 1
	tokenAPREQ  = []byte{1, 0}                                      // RFC 4121 4.1
	tokenAPREP  = []byte{2, 0}
	tokenError  = []byte{3, 0}
)

var errToken = errors.New("the directory answers with no token of Kerberos")

func (i *initiator) InitSecContext(target string, token []byte) ([]byte, bool, error) {
	return i.InitSecContextWithOptions(target, token, nil)
}

// InitSecContextWithOptions shows the ticket first, then checks that the
// directory could read it.
func (i *initiator) InitSecContextWithOptions(_ string, token []byte, _ []int) ([]byte, bool, error) {
	if token == nil {
		out, err := i.show()
		return out, true, err
	}
	return []byte{}, false, i.check(token)
}

// show returns the AP-REQ (RFC 4121 4.1).
func (i *initiator) show() ([]byte, error) {
	var err error
	if i.sent, err = types.NewAuthenticator(i.realm, i.name); err != nil {
		return nil, err
	}
	// RFC 4121 4.1.1
	sum := binary.LittleEndian.AppendUint32(nil, md5.Size)
	sum = append(sum, bindings(endPoint(i.channel))...)
	sum = binary.LittleEndian.AppendUint32(sum, gssapi.ContextFlagMutual|gssapi.ContextFlagInteg)
	i.sent.Cksum = types.Checksum{CksumType: chksumtype.GSSAPI, Checksum: sum}
	request, err := messages.NewAPReq(i.Ticket, i.key, i.sent)
	if err != nil {
		return nil, err
	}
	types.SetFlag(&request.APOptions, flags.APOptionMutualRequired)
	b, err := request.Marshal()
	if err != nil {
		return nil, err
	}
	oid, err := asn1.Marshal(oidKerberos)
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(asn1.RawValue{Class: asn1.ClassApplication, IsCompound: true, Bytes: slices.Concat(oid, tokenAPREQ, b)})
}

// check reads the AP-REP: whoever returns the time of the request holds the key
// of the service.
func (i *initiator) check(token []byte) error {
	var outer asn1.RawValue
	var oid asn1.ObjectIdentifier
	if rest, err := asn1.Unmarshal(token, &outer); err != nil || len(rest) > 0 || outer.Class != asn1.ClassApplication || outer.Tag != 0 {
		return errToken
	}
	rest, err := asn1.Unmarshal(outer.Bytes, &oid)
	if err != nil || !oid.Equal(oidKerberos) || len(rest) < 2 {
		return errToken
	}
	if bytes.Equal(rest[:2], tokenError) {
		var refused messages.KRBError
		if err := refused.Unmarshal(rest[2:]); err != nil {
			return errToken
		}
		return refused
	}
	var reply messages.APRep
	if !bytes.Equal(rest[:2], tokenAPREP) || reply.Unmarshal(rest[2:]) != nil {
		return errToken
	}
	plain, err := crypto.DecryptEncPart(reply.EncPart, i.key, keyusage.AP_REP_ENCPART)
	if err != nil {
		return err
	}
	var part messages.EncAPRepPart
	if err := part.Unmarshal(plain); err != nil {
		return err
	}
	if !part.CTime.Equal(i.sent.CTime.Truncate(time.Second)) || part.Cusec != i.sent.Cusec {
		return errors.New("the directory does not prove that it can read the ticket")
	}
	i.peer = part.Subkey
	return nil
}

// NegotiateSaslAuth refuses every security layer (RFC 4752 3.1): TLS is there.
func (i *initiator) NegotiateSaslAuth(token []byte, authzid string) ([]byte, error) {
	const (
		fromAcceptor   = 1 << 0 // flags of RFC 4121 4.2.2
		encrypted      = 1 << 1
		acceptorSubkey = 1 << 2
		noLayer        = 1 << 0 // RFC 4752 3.3
	)
	var offer gssapi.WrapToken
	if err := offer.Unmarshal(token, true); err != nil || offer.Flags&fromAcceptor == 0 || offer.Flags&encrypted != 0 {
		return nil, errToken
	}
	// What follows the header was rotated to the right (RFC 4121 4.2.5).
	body := slices.Concat(offer.Payload, offer.CheckSum)
	if len(body) == 0 {
		return nil, errToken
	}
	n := int(offer.RRC) % len(body)
	body = slices.Concat(body[n:], body[:n])
	end := len(body) - int(offer.EC)
	offer.Payload, offer.CheckSum = body[:end], body[end:]

	key, answer := i.key, gssapi.WrapToken{SndSeqNum: uint64(i.sent.SeqNumber)}
	if offer.Flags&acceptorSubkey != 0 {
		key, answer.Flags = i.peer, acceptorSubkey
	}
	if ok, err := offer.Verify(key, keyusage.GSSAPI_ACCEPTOR_SEAL); !ok {
		return nil, err
	}
	if len(offer.Payload) != 4 {
		return nil, errToken
	}
	if offer.Payload[0]&noLayer == 0 {
		return nil, errors.New("the directory wants to sign within TLS as well")
	}
	kind, err := crypto.GetEtype(key.KeyType)
	if err != nil {
		return nil, err
	}
	answer.EC = uint16(kind.GetHMACBitLength() / 8)
	answer.Payload = append([]byte{noLayer, 0, 0, 0}, authzid...)
	if err := answer.SetCheckSum(key, keyusage.GSSAPI_INITIATOR_SEAL); err != nil {
		return nil, err
	}
	return answer.Marshal()
}

func (i *initiator) DeleteSecContext() error {
	i.peer, i.sent = types.EncryptionKey{}, types.Authenticator{}
	return nil
}

// Close has nothing to release.
func (i *initiator) Close() error { return nil }

// bindings returns the hash of the channel bindings of RFC 4121 4.1.1.2, for the
// hash of a certificate as tls-server-end-point has it; zeros, for none, without.
func bindings(end []byte) []byte {
	if end == nil {
		return make([]byte, md5.Size)
	}
	data := append([]byte("tls-server-end-point:"), end...)
	// No addresses of either side: type and length, twice.
	sum := md5.Sum(append(binary.LittleEndian.AppendUint32(make([]byte, 16), uint32(len(data))), data...))
	return sum[:]
}
