package mapi

import (
	"cmp"
	"fmt"
	"slices"
)

// Code is an error code of the store or of its remote procedure calls:
// StatusCode and ErrorCode of a body, ReturnValue of a ROP
// ([MS-OXCDATA] 2.4, [MS-OXCSTOR] 3.2.5.1.3, [MS-OXCRPC] 3.1.4.1). It is an
// error, also when it is EcNone: compare before you return one.
type Code uint32

// The codes that a logon and what follows it can meet. Names and values:
// [MS-OXCDATA] 2.4 and 2.4.1; values of 0x0A2E and up seen in no older edition.
const (
	EcNone                      Code = 0x00000000 // ecNone
	EcProfileNotConfigured      Code = 0x0000011C // ecProfileNotConfigured: a store that is not the user's, without administrative privilege
	EcJetError                  Code = 0x000003EA // ecJetError
	EcUnknownUser               Code = 0x000003EB // ecUnknownUser: the DN is not, or no longer, in this directory
	EcExiting                   Code = 0x000003ED // ecExiting: the server stops
	EcBadConfig                 Code = 0x000003EE // ecBadConfig
	EcUnknownCodePage           Code = 0x000003EF // ecUnknownCodePage: the code page of Connect, noticed at RopLogon
	EcServerOOM                 Code = 0x000003F0 // ecServerOOM: also ecMemory
	EcLoginPerm                 Code = 0x000003F2 // ecLoginPerm: no right to the mailbox
	EcNoFreeJses                Code = 0x0000044C // ecNoFreeJses
	EcDatabaseError             Code = 0x00000454 // ecDatabaseError
	EcMDBNotInit                Code = 0x00000476 // ecMDBNotInit: the database is not ready
	EcWrongServer               Code = 0x00000478 // ecWrongServer: the only one with a ServerName behind it
	EcWrongTenant               Code = 0x00000479 // WrongTenant
	EcBufferTooSmall            Code = 0x0000047D // ecBufferTooSmall: the answer is too long even for the longest buffer
	EcServerPaused              Code = 0x0000047F // ecServerPaused: more than five tries in ten seconds
	EcServerBusy                Code = 0x00000480 // ecServerBusy
	EcNoSuchLogon               Code = 0x00000481 // ecNoSuchLogon
	EcNotPrivateMDB             Code = 0x0000048B // ecNotPrivateMDB
	EcRPCFormat                 Code = 0x000004B6 // ecRpcFormat: the whole call was refused
	EcNullObject                Code = 0x000004B9 // ecNullObject: the handle is unknown
	EcRPCAuthentication         Code = 0x000004BC // ecRpcAuthentication
	EcRPCBadAuthenticationLevel Code = 0x000004BD // ecRpcBadAuthenticationLevel
	EcMaxObjsExceeded           Code = 0x000004DE // ecMaxObjsExceeded: too many sessions or objects
	EcClientVerDisallowed       Code = 0x000004DF // ecClientVerDisallowed
	EcRPCHTTPDisallowed         Code = 0x000004E0 // ecRpcHttpDisallowed
	EcCachedModeRequired        Code = 0x000004E1 // ecCachedModeRequired
	EcMailboxInTransit          Code = 0x0000050C // ecMailboxInTransit: a move is running: same server again, later
	EcBackupInProgress          Code = 0x0000050D // ecBackupInProgress
	EcRestoreInProgress         Code = 0x00000512 // ecRestoreInProgress
	EcPaused                    Code = 0x0000060E // ecPaused
	EcWrongMailbox              Code = 0x00000648 // ecWrongMailbox
	EcPwdExpired                Code = 0x0000064D // ecPwdExpired
	EcInvLogonHrs               Code = 0x0000064F // ecInvLogonHrs
	EcAcctDisabled              Code = 0x00000650 // ecAcctDisabled
	RPCSServerUnavailable       Code = 0x000006BA // RPC_S_SERVER_UNAVAILABLE: Exchange 2010 and 2013: the database is offline
	RPCSServerTooBusy           Code = 0x000006BB // RPC_S_SERVER_TOO_BUSY: again RetryCount times after RetryDelay ([MS-OXCRPC] 3.2.4.4)
	RPCXBadStubData             Code = 0x000006F7 // RPC_X_BAD_STUB_DATA
	EcProtocolDisabled          Code = 0x000007D8 // ecProtocolDisabled: MAPI is switched off for the user
	EcRejected                  Code = 0x000007EE // ecRejected
	EcUnknownMailbox            Code = 0x0000089B // ecUnknownMailbox
	EcMailboxDisabled           Code = 0x0000096C // ecMailboxDisabled: Exchange 2003
	EcADUnavailable             Code = 0x0000096E // ecADUnavailable
	EcADError                   Code = 0x0000096F // ecADError
	EcNotEncrypted              Code = 0x00000970 // ecNotEncrypted
	EcADNotFound                Code = 0x00000971 // ecADNotFound
	EcRPCServerTooBusy          Code = 0x00000973 // ecRpcServerTooBusy
	EcRPCServerUnavailable      Code = 0x00000977 // ecRpcServerUnavailable
	EcSubsystemStopping         Code = 0x0000097D // ecSubsystemStopping
	RPCInvalidHandle            Code = 0x00000A2E // RpcInvalidHandle
	LowMDBSpace                 Code = 0x00000A31 // LowMdbSpace
	MailboxQuarantined          Code = 0x00000A33 // MailboxQuarantined: for hours
	MountInProgress             Code = 0x00000A34 // MountInProgress
	DismountInProgress          Code = 0x00000A35 // DismountInProgress
	MailboxSoftDeleted          Code = 0x00000A4B // MailboxSoftDeleted
	RPCInvalidSession           Code = 0x00000A4D // RpcInvalidSession
	EcError                     Code = 0x80004005 // ecError: once more, then it is fatal
	EcNotSupported              Code = 0x80040102 // ecNotSupported
	EcInvalidObject             Code = 0x80040108 // ecInvalidObject: released, or invalidated by a move
	EcBusy                      Code = 0x8004010B // ecBusy
	EcInsufficientResrc         Code = 0x8004010E // ecInsufficientResrc
	EcNotFound                  Code = 0x8004010F // ecNotFound
	EcVersion                   Code = 0x80040110 // ecVersion: also ecVersionMismatch
	EcLoginFailure              Code = 0x80040111 // ecLoginFailure: then transient: the database may be offline
	EcTooManySessions           Code = 0x80040112 // ecTooManySessions
	EcRPCFailed                 Code = 0x80040115 // ecRpcFailed: also ecNetwork
	MAPIEUnconfigured           Code = 0x8004011C // MAPI_E_UNCONFIGURED: not ecProfileNotConfigured
	MAPIEFailOneProvider        Code = 0x8004011D // MAPI_E_FAILONEPROVIDER
	MAPIEUnknownCPID            Code = 0x8004011E // MAPI_E_UNKNOWN_CPID
	MAPIEPasswordExpired        Code = 0x80040121 // MAPI_E_PASSWORD_EXPIRED
	MAPIEAccountDisabled        Code = 0x80040124 // MAPI_E_ACCOUNT_DISABLED
	MAPIEEndOfSession           Code = 0x80040200 // MAPI_E_END_OF_SESSION
	EcTimeout                   Code = 0x80040401 // ecTimeout
	EcAccessDenied              Code = 0x80070005 // ecAccessDenied: no privilege, or an empty DN
	EcMAPIOOM                   Code = 0x8007000E // ecMAPIOOM
	EcInvalidParam              Code = 0x80070057 // ecInvalidParam: also for a missing USE_PER_MDB_REPLID_MAPPING
)

// Class says what a code asks of the client. Where a code leaves a choice
// it has the class of what to try first.
type Class uint8

const (
	ClassNone         Class = iota // no error
	ClassRedirect                  // the mailbox is on the server that the answer names
	ClassAutodiscover              // the mailbox is not known here: ask Autodiscover
	ClassTransient                 // try the same server again, later
	ClassSessionLost               // make a new session and log on again
	ClassFatal                     // this account or this login will not do
	ClassBug                       // the request was wrong
	ClassProtocol                  // another protocol, version or setting is needed
)

// String returns the class as people say it.
func (c Class) String() string {
	switch c {
	case ClassNone:
		return "none"
	case ClassRedirect:
		return "redirect"
	case ClassAutodiscover:
		return "autodiscover"
	case ClassTransient:
		return "transient"
	case ClassSessionLost:
		return "session lost"
	case ClassFatal:
		return "fatal"
	case ClassBug:
		return "bug"
	case ClassProtocol:
		return "protocol"
	}
	return fmt.Sprintf("class %d", uint8(c))
}

type codeRow struct {
	code  Code
	name  string
	class Class
}

// codes is every code that has a name, in the order of its value.
var codes = [...]codeRow{
	{EcNone, "ecNone", ClassNone},
	{EcProfileNotConfigured, "ecProfileNotConfigured", ClassFatal},
	{EcJetError, "ecJetError", ClassTransient},
	{EcUnknownUser, "ecUnknownUser", ClassAutodiscover},
	{EcExiting, "ecExiting", ClassTransient},
	{EcBadConfig, "ecBadConfig", ClassProtocol},
	{EcUnknownCodePage, "ecUnknownCodePage", ClassBug},
	{EcServerOOM, "ecServerOOM", ClassTransient},
	{EcLoginPerm, "ecLoginPerm", ClassFatal},
	{EcNoFreeJses, "ecNoFreeJses", ClassTransient},
	{EcDatabaseError, "ecDatabaseError", ClassTransient},
	{EcMDBNotInit, "ecMDBNotInit", ClassTransient},
	{EcWrongServer, "ecWrongServer", ClassRedirect},
	{EcWrongTenant, "WrongTenant", ClassAutodiscover},
	{EcBufferTooSmall, "ecBufferTooSmall", ClassBug},
	{EcServerPaused, "ecServerPaused", ClassTransient},
	{EcServerBusy, "ecServerBusy", ClassTransient},
	{EcNoSuchLogon, "ecNoSuchLogon", ClassSessionLost},
	{EcNotPrivateMDB, "ecNotPrivateMDB", ClassBug},
	{EcRPCFormat, "ecRpcFormat", ClassBug},
	{EcNullObject, "ecNullObject", ClassSessionLost},
	{EcRPCAuthentication, "ecRpcAuthentication", ClassFatal},
	{EcRPCBadAuthenticationLevel, "ecRpcBadAuthenticationLevel", ClassProtocol},
	{EcMaxObjsExceeded, "ecMaxObjsExceeded", ClassTransient},
	{EcClientVerDisallowed, "ecClientVerDisallowed", ClassProtocol},
	{EcRPCHTTPDisallowed, "ecRpcHttpDisallowed", ClassProtocol},
	{EcCachedModeRequired, "ecCachedModeRequired", ClassProtocol},
	{EcMailboxInTransit, "ecMailboxInTransit", ClassTransient},
	{EcBackupInProgress, "ecBackupInProgress", ClassTransient},
	{EcRestoreInProgress, "ecRestoreInProgress", ClassTransient},
	{EcPaused, "ecPaused", ClassTransient},
	{EcWrongMailbox, "ecWrongMailbox", ClassAutodiscover},
	{EcPwdExpired, "ecPwdExpired", ClassFatal},
	{EcInvLogonHrs, "ecInvLogonHrs", ClassFatal},
	{EcAcctDisabled, "ecAcctDisabled", ClassFatal},
	{RPCSServerUnavailable, "RPC_S_SERVER_UNAVAILABLE", ClassTransient},
	{RPCSServerTooBusy, "RPC_S_SERVER_TOO_BUSY", ClassTransient},
	{RPCXBadStubData, "RPC_X_BAD_STUB_DATA", ClassBug},
	{EcProtocolDisabled, "ecProtocolDisabled", ClassProtocol},
	{EcRejected, "ecRejected", ClassFatal},
	{EcUnknownMailbox, "ecUnknownMailbox", ClassAutodiscover},
	{EcMailboxDisabled, "ecMailboxDisabled", ClassFatal},
	{EcADUnavailable, "ecADUnavailable", ClassTransient},
	{EcADError, "ecADError", ClassTransient},
	{EcNotEncrypted, "ecNotEncrypted", ClassProtocol},
	{EcADNotFound, "ecADNotFound", ClassAutodiscover},
	{EcRPCServerTooBusy, "ecRpcServerTooBusy", ClassTransient},
	{EcRPCServerUnavailable, "ecRpcServerUnavailable", ClassTransient},
	{EcSubsystemStopping, "ecSubsystemStopping", ClassTransient},
	{RPCInvalidHandle, "RpcInvalidHandle", ClassSessionLost},
	{LowMDBSpace, "LowMdbSpace", ClassTransient},
	{MailboxQuarantined, "MailboxQuarantined", ClassTransient},
	{MountInProgress, "MountInProgress", ClassTransient},
	{DismountInProgress, "DismountInProgress", ClassTransient},
	{MailboxSoftDeleted, "MailboxSoftDeleted", ClassAutodiscover},
	{RPCInvalidSession, "RpcInvalidSession", ClassSessionLost},
	{EcError, "ecError", ClassTransient},
	{EcNotSupported, "ecNotSupported", ClassBug},
	{EcInvalidObject, "ecInvalidObject", ClassSessionLost},
	{EcBusy, "ecBusy", ClassTransient},
	{EcInsufficientResrc, "ecInsufficientResrc", ClassTransient},
	{EcNotFound, "ecNotFound", ClassAutodiscover},
	{EcVersion, "ecVersion", ClassProtocol},
	{EcLoginFailure, "ecLoginFailure", ClassAutodiscover},
	{EcTooManySessions, "ecTooManySessions", ClassTransient},
	{EcRPCFailed, "ecRpcFailed", ClassTransient},
	{MAPIEUnconfigured, "MAPI_E_UNCONFIGURED", ClassProtocol},
	{MAPIEFailOneProvider, "MAPI_E_FAILONEPROVIDER", ClassFatal},
	{MAPIEUnknownCPID, "MAPI_E_UNKNOWN_CPID", ClassBug},
	{MAPIEPasswordExpired, "MAPI_E_PASSWORD_EXPIRED", ClassFatal},
	{MAPIEAccountDisabled, "MAPI_E_ACCOUNT_DISABLED", ClassFatal},
	{MAPIEEndOfSession, "MAPI_E_END_OF_SESSION", ClassSessionLost},
	{EcTimeout, "ecTimeout", ClassTransient},
	{EcAccessDenied, "ecAccessDenied", ClassFatal},
	{EcMAPIOOM, "ecMAPIOOM", ClassTransient},
	{EcInvalidParam, "ecInvalidParam", ClassBug},
}

// place returns the place of c in codes.
func (c Code) place() (int, bool) {
	return slices.BinarySearchFunc(codes[:], c, func(row codeRow, c Code) int {
		return cmp.Compare(row.code, c)
	})
}

// Name returns the name in the specification, such as "ecWrongServer", or ""
// for a value without a name.
func (c Code) Name() string {
	if i, ok := c.place(); ok {
		return codes[i].name
	}
	return ""
}

// Class returns what the code asks of the client. A value without a name is
// fatal: nobody knows what a second try would do.
func (c Code) Class() Class {
	if i, ok := c.place(); ok {
		return codes[i].class
	}
	return ClassFatal
}

// String returns the name and the value, such as "ecWrongServer (0x00000478)",
// or the value alone.
func (c Code) String() string {
	if name := c.Name(); name != "" {
		return fmt.Sprintf("%s (0x%08X)", name, uint32(c))
	}
	return fmt.Sprintf("0x%08X", uint32(c))
}

// Error returns what String returns.
func (c Code) Error() string { return c.String() }

// Codes returns every code that has a name, EcNone first, in the order of the
// values.
func Codes() []Code {
	list := make([]Code, len(codes))
	for i, row := range codes {
		list[i] = row.code
	}
	return list
}
