package mockserver

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/homing-mail/homing/internal/mapi"
)

// gromoxAux is the auxiliary buffer of a Connect, refused or not: the blocks
// AUX_EXORGINFO, AUX_CLIENT_CONTROL and AUX_ENDPOINT_CAPABILITIES.
func gromoxAux() []byte {
	var payload []byte
	for _, b := range []mapi.AuxBlock{
		{Version: 1, Type: mapi.AuxExOrgInfo, Data: []byte{3, 0, 0, 0}},
		{Version: 1, Type: mapi.AuxClientControl, Data: []byte{0x0C, 0, 0, 0, 0, 0x84, 0x0C, 0x24}},
		{Version: 1, Type: mapi.AuxEndpointCapabilities, Data: []byte{1, 0, 0, 0}},
	} {
		payload = b.Append(payload)
	}
	return mapi.AppendPayload(nil, payload)
}

// connectGromox answers a Connect of a living context or of none. A refusal has
// no cookies.
func (s *Server) connectGromox(c *call, q *mapi.ConnectRequest, old *sessionContext) reply {
	answer := mapi.ConnectResponse{ErrorCode: s.decideConnectGromox(c, q), PollsMax: 0, Aux: gromoxAux()}
	r := reply{ec: answer.ErrorCode}
	if r.ec == mapi.EcNone {
		answer.PollsMax, answer.RetryCount, answer.RetryDelay, answer.DisplayName = 60000, 6, 10000, c.who.displayName()
		r.said, r.context = "connected", old
		if old == nil {
			r.context = s.contexts.add(c)
		}
		r.context.objects, r.context.handle = map[uint32]*storeObject{}, mapi.NoHandle
		r.context.next(c.server.flavour.connected)
	}
	r.body = answer.Append(nil)
	return r
}

func (s *Server) decideConnectGromox(c *call, q *mapi.ConnectRequest) mapi.Code {
	recipients := c.forest.group() + "/cn=Recipients/cn="
	m := s.dir.byLegacyDN(c.forest, q.UserDN)
	switch {
	case q.UserDN == "":
		return mapi.EcAccessDenied
	case len(q.UserDN) < len(recipients)+17 || !strings.EqualFold(q.UserDN[:len(recipients)], recipients):
		return mapi.EcRPCFailed // not in the form of its own DNs
	case m != nil && m != c.who:
		return mapi.EcAccessDenied
	case q.Flags&1 != 0:
		return mapi.EcLoginPerm
	case c.server.refuseAt == RefuseConnect && (m == nil || !m.served(c.server)):
		_, code, _ := c.forest.withoutDirectory(c.server, nil, c.server.unknown, "")
		return code
	}
	return mapi.EcNone
}

// gromoxFolders are the counters of the folder ids of a mailbox, in the order of
// a logon.
var gromoxFolders = [13]byte{0x01, 0x02, 0x03, 0x09, 0x0D, 0x0C, 0x0A, 0x0B, 0x07, 0x08, 0x05, 0x06, 0x04}

const gromoxReplID = 5

// fillPublicGromox writes the answer to a logon to the public folders.
func fillPublicGromox(a *mapi.LogonResponse, d *directory, f *forest) {
	for i := range 4 {
		a.FolderIDs[i] = mapi.FolderID{0: 1, 7: byte(i + 1)}
	}
	a.ReplID, a.ReplGUID = gromoxReplID, d.newGUID("public folders of "+f.Name, 0)
}

// alternateServerGromox answers ALTERNATE_SERVER: ecWrongServer and its own name
// are meant, and what leaves the server is a success whose fields hold the name,
// since its encoder takes the one for the other. The gaps are those between the
// fields of its structure in memory.
func alternateServerGromox(a *mapi.LogonResponse, serverDN string) []byte {
	var name [160]byte
	copy(name[:], serverDN)
	a.ResponseFlags = name[0]
	for i := range a.FolderIDs {
		copy(a.FolderIDs[i][:], name[7+8*i:])
	}
	copy(a.MailboxGUID[:], name[111:])
	a.ReplID = binary.LittleEndian.Uint16(name[127:])
	copy(a.ReplGUID[:], name[131:])
	a.LogonTime = time.Time{}
	b := a.Append(nil)
	const logonTime = 146
	clear(b[logonTime : logonTime+8])
	return b
}
