package mockserver

import (
	"net/http"
	"strings"
)

// The Autodiscover of Gromox: all seen from Gromox 3.10 or read in its source,
// commit 1892eb3d. Its documents stand in one line.

const gromoxHeadXML = `<?xml version="1.0" encoding="UTF-8"?>` +
	`<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">`

// gromoxServices are the URLs that three of the blocks repeat.
const gromoxServices = `<ASUrl>https://{{x .Host}}/EWS/Exchange.asmx</ASUrl><EwsUrl>https://{{x .Host}}/EWS/Exchange.asmx</EwsUrl>` +
	`<EmwsUrl>https://{{x .Host}}/EWS/Exchange.asmx</EmwsUrl><EcpUrl>https://{{x .Host}}/EWS/</EcpUrl><EcpUrl-photo>thumbnail.php</EcpUrl-photo>`

// gromoxTTL stands where a world says so: Gromox itself states none.
const gromoxTTL = `{{with .TTL}}<TTL>{{.}}</TTL>{{end}}`

const gromoxBook = `<OOFUrl>https://{{x .Host}}/EWS/Exchange.asmx</OOFUrl><OABUrl>https://{{x .Host}}/OAB/</OABUrl>`

const gromoxProxy = `<Server>{{x .Host}}</Server><SSL>On</SSL><CertPrincipalName>None</CertPrincipalName><AuthPackage>basic</AuthPackage>` +
	`<ServerExclusiveConnect>on</ServerExclusiveConnect>`

var gromoxSettingsXML = page("settings of Gromox", gromoxHeadXML+
	`<Response xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"><User>`+
	`<AutoDiscoverSMTPAddress>{{x .Address}}</AutoDiscoverSMTPAddress><DisplayName>{{x .DisplayName}}</DisplayName>`+
	`<LegacyDN>{{x .LegacyDN}}</LegacyDN><DeploymentId>eeeeeeee-eeee-eeee-eeee-eeeeeeeeeeee</DeploymentId></User><Account>`+
	`<AccountType>email</AccountType><Action>settings</Action><MicrosoftOnline>False</MicrosoftOnline><ConsumerMailbox>False</ConsumerMailbox>`+
	`<Protocol>`+gromoxBook+`<Type>EXHTTP</Type>`+gromoxTTL+gromoxProxy+gromoxServices+`</Protocol>`+
	`{{if .MAPI}}<Protocol Type="mapiHttp" Version="1"><MailStore>`+
	`<InternalUrl>{{x .Store}}</InternalUrl><ExternalUrl>{{x .Store}}</ExternalUrl></MailStore>`+
	`<AddressBook><InternalUrl>{{x .Book}}</InternalUrl><ExternalUrl>{{x .Book}}</ExternalUrl></AddressBook></Protocol>{{end}}`+
	`<Protocol><Type>EXCH</Type>`+gromoxTTL+`<Server>{{x .MailboxID}}</Server><ServerVersion>{{.ServerVersion}}</ServerVersion><ServerDN>{{x .ServerDN}}</ServerDN>`+
	`<MdbDN>{{x .ServerDN}}/cn=Microsoft Private MDB</MdbDN><AuthPackage>anonymous</AuthPackage>`+
	`<ServerExclusiveConnect>off</ServerExclusiveConnect>`+gromoxBook+`<PublicFolderServer>{{x .Host}}</PublicFolderServer>`+gromoxServices+`</Protocol>`+
	`<Protocol><Type>EXPR</Type>`+gromoxTTL+gromoxProxy+gromoxBook+`</Protocol>`+
	`{{range .Delegated}}<AlternativeMailbox><Type>Delegate</Type><DisplayName>{{x .Name}}</DisplayName>`+
	`<SmtpAddress>{{x .Address}}</SmtpAddress><OwnerSmtpAddress>{{x .Address}}</OwnerSmtpAddress></AlternativeMailbox>{{end}}`+
	`<PublicFolderInformation><SmtpAddress>public.folder.root@{{x .Forest}}</SmtpAddress></PublicFolderInformation>`+
	`</Account></Response></Autodiscover>`)

var gromoxReferralXML = page("referral of Gromox", gromoxHeadXML+
	`<Response xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"><Account>`+
	`<Action>{{.Action}}</Action><{{.Element}}>{{x .To}}</{{.Element}}></Account></Response></Autodiscover>`)

var gromoxErrorXML = page("error of Gromox", gromoxHeadXML+
	`<Response><Error Time="{{.Time}}" Id="{{.ID}}"><ErrorCode>{{.Code}}</ErrorCode><Message>{{x .Message}}</Message><DebugData/></Error>`+
	`</Response></Autodiscover>`)

// gromoxMessages are what it says with an ErrorCode; the one of 501 names the
// address.
var gromoxMessages = map[int]string{
	404: "Not Found", 503: "Internal Error", errorMalformed: "Invalid Request", errorSchema: "Provider is not available",
}

// decideGromox is the answer to q, for who has signed in: the address decides,
// and a LegacyDN alone is no request. s.mu is held.
func (s *Server) decideGromox(x *exchange, f *forest, who *mailbox, q ask, wrong int) found {
	address := q.Request.EMailAddress
	if wrong == 0 && !strings.Contains(address, "@") || x.Method != http.MethodPost {
		wrong = errorMalformed
	}
	if wrong != 0 {
		return s.errorDocument(x, f.autodiscover, wrong)
	}
	x.Identity, x.Asked = "EMailAddress", cut(address, 1024)
	m := s.dir.byAddress(f, address)
	switch {
	case m == nil:
		return s.errorDocument(x, f.autodiscover, f.autodiscover.nobody)
	case !m.mayOpen(who):
		return s.errorSaying(x, f.autodiscover, errorNothing, "Bad Address (403 Permission Denied on "+address+")")
	}
	if to := s.referral(f, m); to != "" {
		return refer(f, to)
	}
	return s.settings(x, f, m)
}

// gromoxRedirectAddr is an address as the redirect of Gromox writes it: the last
// letter of the local part is lost.
func gromoxRedirectAddr(address string) string {
	local, domain, ok := strings.Cut(address, "@")
	if !ok || local == "" {
		return address
	}
	return local[:len(local)-1] + "@" + domain
}

// delegated is a mailbox that AlternativeMailbox names.
type delegated struct{ Name, Address string }

// delegatedTo lists the mailboxes of f that others have opened for m.
func (d *directory) delegatedTo(f *forest, m *mailbox) []delegated {
	var list []delegated
	for _, other := range d.opened[m.user] {
		if other.object(f).kind == objectMailbox {
			list = append(list, delegated{other.displayName(), other.address(f)})
		}
	}
	return list
}
