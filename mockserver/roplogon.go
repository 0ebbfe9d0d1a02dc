package mockserver

import (
	"time"

	"github.com/homing-mail/homing/internal/mapi"
)

// logon runs a RopLogon. A status other than EcNone ends the whole call.
func (r *rops) logon(q *mapi.LogonRequest) (status mapi.Code) {
	a := mapi.LogonResponse{OutputHandleIndex: q.OutputHandleIndex, LogonFlags: q.LogonFlags}
	if q.LogonFlags&mapi.LogonPrivate != 0 && q.OpenFlags&mapi.OpenUsePerMDBReplIDMapping == 0 {
		// Exchange 2013 and later: a fault for the first logon of a session, a
		// ReturnValue for the further ones ([MS-OXCSTOR] 6).
		if !r.ctx.loggedOn() {
			r.note(mapi.EcRPCFailed, "RopLogon without USE_PER_MDB_REPLID_MAPPING")
			return mapi.EcRPCFailed
		}
		a.ReturnValue = mapi.EcInvalidParam
	}
	var m *mailbox
	if a.ReturnValue == mapi.EcNone {
		m, a.ReturnValue, a.ServerName = r.s.decideLogon(r.call, q)
	}
	switch a.ReturnValue {
	case mapi.EcNone:
		r.ctx.endLogon(q.LogonID)
		r.handles[q.OutputHandleIndex] = r.ctx.attach(&storeObject{logonID: q.LogonID, mailbox: m})
		fillLogon(&a, m, r.call.who)
		r.note(mapi.EcNone, "logged on to "+m.home.String())
	case mapi.EcWrongServer:
		r.handles[q.OutputHandleIndex] = mapi.NoHandle
		r.note(a.ReturnValue, "ecWrongServer → "+a.ServerName)
	default:
		r.handles[q.OutputHandleIndex] = mapi.NoHandle
		r.note(a.ReturnValue, a.ReturnValue.Name())
	}
	r.out = a.Append(r.out)
	return mapi.EcNone
}

// decideLogon is the ReturnValue of a logon, and with EcWrongServer the
// ServerName, in the order of [MS-OXCSTOR] 3.2.5.1.1. s.mu is held.
func (s *Server) decideLogon(c *call, q *mapi.LogonRequest) (m *mailbox, code mapi.Code, serverName string) {
	if q.LogonFlags&mapi.LogonPrivate == 0 {
		return nil, mapi.EcLoginFailure, "" // there are no public folders
	}
	m = s.dir.byLegacyDN(c.forest, q.Essdn)
	switch {
	case m == nil:
		return nil, c.forest.unknown, ""
	case m.claim(c.server) != "":
		return nil, mapi.EcWrongServer, m.claim(c.server)
	case m.inTransit(c.server):
		return nil, mapi.EcMailboxInTransit, ""
	case m.object(c.forest).kind != objectMailbox:
		return nil, c.forest.unknown, ""
	case !m.mayOpen(c.who):
		return nil, mapi.EcLoginPerm, ""
	case m.home.server != c.server && c.forest.ServerName != NameGUID:
		return nil, mapi.EcWrongServer, c.forest.serverName(m.home.server.Name)
	case c.urlGUID != m.guid:
		// The URL leads to another mailbox than the Essdn, or to the one that
		// this person had before, as seen from Exchange SE.
		return nil, mapi.EcWrongServer, c.forest.serverDN(m.mailboxID(c.forest))
	}
	return m, mapi.EcNone, ""
}

// fillLogon writes the answer to a logon to m ([MS-OXCSTOR] 2.2.1.1.3).
func fillLogon(a *mapi.LogonResponse, m, who *mailbox) {
	for i := range a.FolderIDs {
		a.FolderIDs[i] = folderID(i)
	}
	a.ResponseFlags = mapi.ResponseFlagReserved | mapi.ResponseFlagSendAsRight
	if who == m {
		a.ResponseFlags |= mapi.ResponseFlagOwnerRight
	}
	a.MailboxGUID = m.guid
	a.ReplID, a.ReplGUID = 1, m.replGUID()
	a.LogonTime = time.Now().UTC()
	a.GwartTime = 0x01DC000000000000
}

// folderID is the id of the special folder i: ReplId 1, counter i + 1.
func folderID(i int) mapi.FolderID { return mapi.FolderID{0: 1, 7: byte(i + 1)} }

func (ctx *sessionContext) loggedOn() bool { return len(ctx.objects) > 0 }

// endLogon drops the logon with that id and what was opened on it.
func (ctx *sessionContext) endLogon(id uint8) {
	for handle, o := range ctx.objects {
		if o.logonID == id {
			delete(ctx.objects, handle)
		}
	}
}
