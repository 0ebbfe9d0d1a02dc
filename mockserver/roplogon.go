package mockserver

import (
	"slices"
	"time"

	"github.com/homing-mail/homing/internal/mapi"
)

// logon runs a RopLogon. A status other than EcNone ends the whole call.
func (r *rops) logon(q *mapi.LogonRequest) (status mapi.Code) {
	a := mapi.LogonResponse{OutputHandleIndex: q.OutputHandleIndex, LogonFlags: q.LogonFlags}
	plays := r.call.server.flavour
	if q.LogonFlags&mapi.LogonPrivate != 0 && q.OpenFlags&mapi.OpenUsePerMDBReplIDMapping == 0 {
		// Exchange 2013 and later: a fault for the first logon of a session, a
		// ReturnValue for the further ones ([MS-OXCSTOR] 6).
		if plays.noReplIDFault && !r.ctx.loggedOn() {
			r.note(mapi.EcRPCFailed, "RopLogon without USE_PER_MDB_REPLID_MAPPING")
			return mapi.EcRPCFailed
		}
		if a.ReturnValue = plays.noReplID; a.ReturnValue == mapi.EcWrongServer {
			a.ServerName = r.call.server.serverName(r.call.server)
		}
	}
	var m *mailbox
	if a.ReturnValue == mapi.EcNone {
		m, a.ReturnValue, a.ServerName = r.s.decideLogon(r.call, q)
		m, a.ReturnValue, a.ServerName = r.call.forest.withoutDirectory(r.call.server, m, a.ReturnValue, a.ServerName)
	}
	switch {
	case a.ReturnValue == plays.offline && plays.offlineFault:
		r.note(a.ReturnValue, "the database is offline")
		return a.ReturnValue
	case a.ReturnValue == mapi.EcNone && m == nil: // the public folders of Gromox
		r.ctx.endLogon(q.LogonID)
		r.handles[q.OutputHandleIndex] = r.ctx.attach(&storeObject{logonID: q.LogonID})
		fillPublicGromox(&a, r.s.dir, r.call.forest)
		r.note(mapi.EcNone, "logged on to the public folders")
	case a.ReturnValue == mapi.EcNone && r.call.gromox() && q.OpenFlags&mapi.OpenAlternateServer != 0:
		r.handles[q.OutputHandleIndex] = mapi.NoHandle
		r.note(mapi.EcNone, "a success that is none")
		r.out = append(r.out, alternateServerGromox(&a, r.call.forest.serverDN(m.mailboxID(r.call.forest)))...)
		return mapi.EcNone
	case a.ReturnValue == mapi.EcNone:
		r.ctx.endLogon(q.LogonID)
		o := &storeObject{logonID: q.LogonID, mailbox: m}
		if !m.mayOpen(r.call.who) { // rights are looked at later
			o.lost = mapi.EcAccessDenied
		}
		r.handles[q.OutputHandleIndex] = r.ctx.attach(o)
		fillLogon(&a, m, r.call)
		r.note(mapi.EcNone, "logged on to "+m.home.String())
	case a.ReturnValue == mapi.EcWrongServer:
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
	plays := c.server.flavour
	if q.LogonFlags&mapi.LogonPrivate == 0 {
		if c.gromox() {
			return nil, mapi.EcNone, ""
		}
		return nil, mapi.EcLoginFailure, "" // there are no public folders
	}
	m = s.dir.byLegacyDN(c.forest, q.Essdn)
	if m != nil && m.away(c) && plays.pausesAfter > 0 && m.tried(c.server) > plays.pausesAfter {
		return nil, mapi.EcServerPaused, ""
	}
	switch {
	case m == nil && plays.noSuchEssdn != mapi.EcNone:
		return nil, plays.noSuchEssdn, ""
	case m == nil:
		return nil, c.server.unknown, ""
	case m.claim(c.server) != "":
		return nil, mapi.EcWrongServer, m.claim(c.server)
	case m.inTransit(c.server):
		return nil, mapi.EcMailboxInTransit, ""
	case m.object(c.forest).kind != objectMailbox:
		return nil, c.server.unknown, ""
	case m.believed(c.server, c.urlGUID) != "":
		return nil, mapi.EcWrongServer, m.believed(c.server, c.urlGUID)
	case m.spec != nil && m.spec.Disabled:
		return nil, s.disabledCode(plays), ""
	case !m.mayOpen(c.who) && plays.noRights != mapi.EcNone:
		return nil, plays.noRights, ""
	case m.home.server != c.server && c.server.names != NameGUID:
		return nil, mapi.EcWrongServer, c.server.serverName(m.home.server)
	case m.home.server.offline[m.home.database]:
		return nil, plays.offline, ""
	case c.urlGUID != m.guid && !c.gromox():
		// The URL leads to another mailbox than the Essdn, or to the one that
		// this person had before, as seen from Exchange SE.
		return nil, mapi.EcWrongServer, c.forest.serverDN(m.mailboxID(c.forest))
	}
	return m, mapi.EcNone, ""
}

// away reports whether the server of a call has the mailbox no more and knows
// where it went.
func (m *mailbox) away(c *call) bool {
	return m.object(c.forest).kind != objectMailbox || m.home.server != c.server && c.server.names != NameGUID
}

// tried notes a logon at a server that does not have m and returns how many
// there were in the last ten seconds ([MS-OXCSTOR] 3.2.5.1.1).
func (m *mailbox) tried(s *server) int {
	past, now := m.marks(), time.Now()
	if past.tries == nil {
		past.tries = map[*server][]time.Time{}
	}
	list := slices.DeleteFunc(past.tries[s], func(t time.Time) bool { return now.Sub(t) > 10*time.Second })
	past.tries[s] = append(list, now)
	return len(past.tries[s])
}

// disabledCode is what a logon to a disabled mailbox gets. It has been so since
// the start.
func (s *Server) disabledCode(plays *flavour) mapi.Code {
	if plays.disabledSoon != mapi.EcNone && time.Since(s.dir.started) < 5*time.Minute {
		return plays.disabledSoon
	}
	return plays.disabled
}

// fillLogon writes the answer to a logon to m ([MS-OXCSTOR] 2.2.1.1.3).
func fillLogon(a *mapi.LogonResponse, m *mailbox, c *call) {
	for i := range a.FolderIDs {
		a.FolderIDs[i] = c.folderID(i)
	}
	a.ResponseFlags = mapi.ResponseFlagReserved | mapi.ResponseFlagSendAsRight
	if c.who == m {
		a.ResponseFlags |= mapi.ResponseFlagOwnerRight
	}
	a.MailboxGUID = m.guid
	a.ReplID, a.ReplGUID = 1, m.replGUID()
	if c.gromox() {
		a.ReplID = gromoxReplID
	}
	a.LogonTime = time.Now().UTC()
	a.GwartTime = 0x01DC000000000000
}

// folderID is the id of the special folder i: ReplId 1, counter i + 1.
func (c *call) folderID(i int) mapi.FolderID {
	if c.gromox() {
		return mapi.FolderID{0: 1, 7: gromoxFolders[i]}
	}
	return mapi.FolderID{0: 1, 7: byte(i + 1)}
}

func (ctx *sessionContext) loggedOn() bool { return len(ctx.objects) > 0 }

// endLogon drops the logon with that id and what was opened on it.
func (ctx *sessionContext) endLogon(id uint8) {
	for handle, o := range ctx.objects {
		if o.logonID == id {
			delete(ctx.objects, handle)
		}
	}
}
