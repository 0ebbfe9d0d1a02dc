package scp

import (
	"encoding/binary"
	"errors"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// clientSite asks a domain controller which site the subnet of this machine
// belongs to ([MS-ADTS] 6.3.3). It is empty if the directory cannot tell. Samba
// answers the question only in this form, with an & around the one condition.
func clientSite(conn *ldap.Conn) string {
	answer, err := conn.Search(search("", ldap.ScopeBaseObject, 1, `(&(NtVer=\06\00\00\00))`, "Netlogon"))
	if err != nil || len(answer.Entries) == 0 {
		return ""
	}
	site, err := parseNetlogon(answer.Entries[0].GetEqualFoldRawAttributeValue("Netlogon"))
	if err != nil {
		return ""
	}
	return site
}

var errNetlogon = errors.New("not a NETLOGON_SAM_LOGON_RESPONSE_EX")

// parseNetlogon returns the ClientSiteName of a NETLOGON_SAM_LOGON_RESPONSE_EX
// ([MS-ADTS] 6.3.1.9).
func parseNetlogon(b []byte) (site string, err error) {
	const (
		opcode = 23 // LOGON_SAM_LOGON_RESPONSE_EX
		names  = 24 // Opcode, Sbz, Flags, DomainGuid
	)
	if len(b) < names || binary.LittleEndian.Uint16(b) != opcode {
		return "", errNetlogon
	}
	// DnsForestName, DnsDomainName, DnsHostName, NetbiosDomainName,
	// NetbiosComputerName, UserName, DcSiteName, ClientSiteName
	at := names
	for range 8 {
		if site, at, err = readName(b, at); err != nil {
			return "", err
		}
	}
	return site, nil
}

// readName reads a name in the compressed form of RFC 1035 4.1.4, with offsets
// from the start of b, and returns where the next one begins. A compressed name
// only ever points backwards.
func readName(b []byte, at int) (name string, next int, err error) {
	var labels []string
	for limit := len(b); ; {
		if at >= limit {
			return "", 0, errNetlogon
		}
		n := int(b[at])
		switch {
		case n == 0:
			return strings.Join(labels, "."), max(next, at+1), nil
		case n < 64:
			if at+1+n > limit || len(labels) == 128 {
				return "", 0, errNetlogon
			}
			labels = append(labels, string(b[at+1:at+1+n]))
			at += 1 + n
		case n >= 192 && at+1 < limit:
			next = max(next, at+2)
			to := (n&63)<<8 | int(b[at+1])
			if to >= at {
				return "", 0, errNetlogon
			}
			limit, at = at, to
		default:
			return "", 0, errNetlogon
		}
	}
}
