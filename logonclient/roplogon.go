package logonclient

import (
	"context"
	"errors"

	"github.com/homing-mail/homing/internal/mapi"
)

// logonID numbers the one logon of a session ([MS-OXCROPS] 2.2.3.1.1).
const logonID = 0

// ropLogon logs on to the mailbox ([MS-OXCSTOR] 3.1.4.1).
func (s *Session) ropLogon(ctx context.Context) *Error {
	return s.execute(ctx, rop{
		id: mapi.RopLogon, name: "RopLogon",
		request: &mapi.LogonRequest{LogonID: logonID, LogonFlags: mapi.LogonPrivate, OpenFlags: mapi.OpenFlagsDefault, Essdn: s.target.LegacyDN},
		handles: []uint32{mapi.NoHandle},
		read:    s.readLogon,
	})
}

func (s *Session) readLogon(answer mapi.RopResponse, handles []uint32, x *Exchange) *Error {
	m, ok := answer.(*mapi.LogonResponse)
	if !ok {
		return stray(answer)
	}
	if err := s.returned(m.ReturnValue, x); err != nil {
		err.ServerName = printable(m.ServerName, mapi.MaxDN)
		return err
	}
	switch {
	case len(handles) == 0 || handles[0] == mapi.NoHandle:
		return malformed(errors.New("a logon without a handle"))
	case m.LogonFlags&mapi.LogonPrivate == 0:
		return malformed(errors.New("a logon to public folders where a mailbox was asked for"))
	}
	s.handle = handles[0]
	s.facts.MailboxGUID = m.MailboxGUID.String()
	s.facts.ReplGUID = m.ReplGUID.String()
	s.facts.RootFolder = m.FolderIDs[mapi.FolderRoot].String()
	return nil
}
