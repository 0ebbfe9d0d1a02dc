//go:build !windows

package scp

import (
	"crypto/x509"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	stdasn1 "encoding/asn1"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// acceptor is the directory's side of a bind.
type acceptor struct {
	session, subkey types.EncryptionKey
	late            time.Duration // by which the time that it returns is wrong
	offer           byte          // security layers (RFC 4752 3.3)
	rotate          int           // RRC
	spoil           bool          // the checksum of the offer
	refuse          bool          // answers a KRB-ERROR
}

func key(b byte) types.EncryptionKey {
	return types.EncryptionKey{KeyType: 18, KeyValue: slices.Repeat([]byte{b}, 32)}
}

func framed(t *testing.T, id []byte, b []byte) []byte {
	t.Helper()
	oid, err := stdasn1.Marshal(oidKerberos)
	if err != nil {
		t.Fatal(err)
	}
	out, err := stdasn1.Marshal(stdasn1.RawValue{Class: stdasn1.ClassApplication, IsCompound: true, Bytes: slices.Concat(oid, id, b)})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// accept reads the AP-REQ, and returns the authenticator and the AP-REP.
func (a *acceptor) accept(t *testing.T, token []byte) (types.Authenticator, []byte) {
	t.Helper()
	_, rest, ok := strings.Cut(string(token), "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01\x00")
	if !ok {
		t.Fatalf("no AP-REQ of Kerberos in %x", token)
	}
	var request messages.APReq
	if err := request.Unmarshal([]byte(rest)); err != nil {
		t.Fatal(err)
	}
	plain, err := crypto.DecryptEncPart(request.EncryptedAuthenticator, a.session, keyusage.AP_REQ_AUTHENTICATOR)
	if err != nil {
		t.Fatal(err)
	}
	var auth types.Authenticator
	if err := auth.Unmarshal(plain); err != nil {
		t.Fatal(err)
	}
	if a.refuse {
		refusal := messages.NewKRBError(types.NewPrincipalName(2, "ldap/dc1.contoso.test"), "CONTOSO.TEST", 37, "")
		b, err := refusal.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return auth, framed(t, []byte{3, 0}, b)
	}
	part := messages.EncAPRepPart{CTime: auth.CTime.Add(a.late), Cusec: auth.Cusec, Subkey: a.subkey}
	plain, err = asn1.Marshal(part)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := crypto.GetEncryptedData(application(t, 27, plain), a.session, keyusage.AP_REP_ENCPART, 0)
	if err != nil {
		t.Fatal(err)
	}
	b, err := asn1.Marshal(messages.APRep{PVNO: 5, MsgType: 15, EncPart: sealed})
	if err != nil {
		t.Fatal(err)
	}
	return auth, framed(t, []byte{2, 0}, application(t, 15, b))
}

// application wraps b in an explicit tag (RFC 4120 5.10).
func application(t *testing.T, tag int, b []byte) []byte {
	t.Helper()
	out, err := stdasn1.Marshal(stdasn1.RawValue{Class: stdasn1.ClassApplication, Tag: tag, IsCompound: true, Bytes: b})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// layers returns the offer of security layers.
func (a *acceptor) layers(t *testing.T) []byte {
	t.Helper()
	with, flags := a.session, byte(1)
	if a.subkey.KeyType != 0 {
		with, flags = a.subkey, 1|4
	}
	w := gssapi.WrapToken{Flags: flags, EC: 12, SndSeqNum: 7, Payload: []byte{a.offer, 0, 255, 255}}
	if err := w.SetCheckSum(with, keyusage.GSSAPI_ACCEPTOR_SEAL); err != nil {
		t.Fatal(err)
	}
	if a.spoil {
		w.CheckSum[0]++
	}
	b, err := w.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	body := b[16:]
	at := len(body) - a.rotate
	b[7] = byte(a.rotate)
	return slices.Concat(b[:16], body[at:], body[:at])
}

func TestInitiator(t *testing.T) {
	tests := []struct {
		name  string
		with  acceptor
		fails string
	}{
		{"a directory that gives no subkey", acceptor{offer: 1}, ""},
		{"a directory that gives a subkey", acceptor{offer: 7, subkey: key(2)}, ""},
		{"an offer that was rotated", acceptor{offer: 7, subkey: key(2), rotate: 12}, ""},
		{"a directory that has not read the ticket", acceptor{offer: 1, late: time.Second}, "does not prove that it can read the ticket"},
		{"a directory that insists on signing", acceptor{offer: 6}, "wants to sign within TLS as well"},
		{"an offer that somebody has changed", acceptor{offer: 1, spoil: true}, "checksum mismatch"},
		{"a clock that is off", acceptor{refuse: true}, "KRB_AP_ERR_SKEW"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := tt.with
			a.session = key(1)
			i := &initiator{
				ticket: ticket{Ticket: messages.Ticket{TktVNO: 5, Realm: "CONTOSO.TEST", SName: types.NewPrincipalName(2, "ldap/dc1.contoso.test"), EncPart: types.EncryptedData{EType: 18, Cipher: []byte("sealed")}}, key: a.session},
				name:   types.NewPrincipalName(1, "ann"), realm: "CONTOSO.TEST",
				channel: &x509.Certificate{Raw: []byte("certificate"), SignatureAlgorithm: x509.ECDSAWithSHA256},
			}
			err := func() error {
				token, more, err := i.InitSecContext("", nil)
				if err != nil || !more {
					t.Fatalf("the first token: %v, more %v", err, more)
				}
				auth, reply := a.accept(t, token)
				// RFC 4121 4.1.1: the length of the bindings, the bindings, mutual (2) and integrity (32).
				sum := auth.Cksum.Checksum
				if want := slices.Concat([]byte{16, 0, 0, 0}, bindings(endPoint(i.channel)), []byte{34, 0, 0, 0}); !slices.Equal(sum, want) || auth.Cksum.CksumType != 0x8003 {
					t.Errorf("checksum %x of type %x, want %x of 8003", sum, auth.Cksum.CksumType, want)
				}
				if _, _, err := i.InitSecContext("", reply); err != nil {
					return err
				}
				answer, err := i.NegotiateSaslAuth(a.layers(t), "")
				if err != nil {
					return err
				}
				var w gssapi.WrapToken
				if err := w.Unmarshal(answer, false); err != nil {
					t.Fatal(err)
				}
				with := a.session
				if a.subkey.KeyType != 0 {
					with = a.subkey
				}
				if ok, err := w.Verify(with, keyusage.GSSAPI_INITIATOR_SEAL); !ok {
					t.Errorf("the answer: %v", err)
				}
				if !slices.Equal(w.Payload, []byte{1, 0, 0, 0}) {
					t.Errorf("chosen: %v, want no security layer", w.Payload)
				}
				return nil
			}()
			if tt.fails == "" && err != nil || tt.fails != "" && (err == nil || !strings.Contains(err.Error(), tt.fails)) {
				t.Errorf("error %v, want %q", err, tt.fails)
			}
		})
	}
}

// The published example of a channel binding: "NTLM and Channel Binding Hash
// (aka Extended Protection for Authentication)", Microsoft Open Specifications.
func TestBindings(t *testing.T) {
	end, err := hex.DecodeString("ea05fefecc6b0bd571dbbc5baa3ed45386d0446835f7b74c85621b9983475f95")
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(bindings(end)); got != "6586e99d81c2fc984e47172fd4dd0310" {
		t.Errorf("got %s", got)
	}
	if got := hex.EncodeToString(bindings(nil)); got != strings.Repeat("0", 32) {
		t.Errorf("of no channel: %s, want zeros", got)
	}
}

func TestEndPoint(t *testing.T) {
	for _, tt := range []struct {
		name string
		alg  x509.SignatureAlgorithm
		bits int
	}{
		{"SHA-256 in place of SHA-1", x509.SHA1WithRSA, 256},
		{"SHA-256", x509.ECDSAWithSHA256, 256},
		{"SHA-384", x509.SHA384WithRSAPSS, 384},
		{"SHA-512", x509.SHA512WithRSA, 512},
		{"a signature without a hash of its own has none", x509.PureEd25519, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := endPoint(&x509.Certificate{Raw: []byte("x"), SignatureAlgorithm: tt.alg}); len(got)*8 != tt.bits {
				t.Errorf("%d bits, want %d", len(got)*8, tt.bits)
			}
		})
	}
}

// No offer that the directory has not signed is taken, whatever it looks like.
func FuzzNegotiateSaslAuth(f *testing.F) {
	f.Add([]byte("\x05\x04\x01\xff\x00\x0c\x00\x0c\x00\x00\x00\x00\x00\x00\x00\x07checksum 12b\x07\x00\xff\xff"))
	f.Fuzz(func(t *testing.T, token []byte) {
		i := &initiator{ticket: ticket{key: key(1)}, peer: key(2)}
		if out, err := i.NegotiateSaslAuth(token, ""); err == nil {
			t.Errorf("%x was taken, and answered by %x", token, out)
		}
	})
}
