package mockserver

import (
	"net/http"
	"strings"
)

// The Autodiscover of Gromox: all seen from Gromox 3.10 or read in its source,
// commit 1892eb3d. Its documents stand in one line.

const gromoxHeadXML = `<?xml version="1.0" encoding="UTF-8"?>` +
	`<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">`

func gromoxSettingsXML(d *settings) string {
	host, ttl, mapi := escape(d.host), ttlXML("", d.ttl), "" // Gromox itself states no TTL
	services := `<ASUrl>https://` + host + `/EWS/Exchange.asmx</ASUrl><EwsUrl>https://` + host + `/EWS/Exchange.asmx</EwsUrl>` +
		`<EmwsUrl>https://` + host + `/EWS/Exchange.asmx</EmwsUrl><EcpUrl>https://` + host + `/EWS/</EcpUrl><EcpUrl-photo>thumbnail.php</EcpUrl-photo>`
	book := `<OOFUrl>https://` + host + `/EWS/Exchange.asmx</OOFUrl><OABUrl>https://` + host + `/OAB/</OABUrl>`
	proxy := `<Server>` + host + `</Server><SSL>On</SSL><CertPrincipalName>None</CertPrincipalName><AuthPackage>basic</AuthPackage>` +
		`<ServerExclusiveConnect>on</ServerExclusiveConnect>`
	if d.mapi {
		mapi = `<Protocol Type="mapiHttp" Version="1"><MailStore>` +
			`<InternalUrl>` + escape(d.store) + `</InternalUrl><ExternalUrl>` + escape(d.store) + `</ExternalUrl></MailStore>` +
			`<AddressBook><InternalUrl>` + escape(d.book) + `</InternalUrl><ExternalUrl>` + escape(d.book) + `</ExternalUrl></AddressBook></Protocol>`
	}
	return gromoxHeadXML +
		`<Response xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"><User>` +
		`<AutoDiscoverSMTPAddress>` + escape(d.address) + `</AutoDiscoverSMTPAddress><DisplayName>` + escape(d.displayName) + `</DisplayName>` +
		`<LegacyDN>` + escape(d.legacyDN) + `</LegacyDN><DeploymentId>eeeeeeee-eeee-eeee-eeee-eeeeeeeeeeee</DeploymentId></User><Account>` +
		`<AccountType>email</AccountType><Action>settings</Action><MicrosoftOnline>False</MicrosoftOnline><ConsumerMailbox>False</ConsumerMailbox>` +
		`<Protocol>` + book + `<Type>EXHTTP</Type>` + ttl + proxy + services + `</Protocol>` +
		mapi +
		`<Protocol><Type>EXCH</Type>` + ttl + `<Server>` + escape(d.mailboxID) + `</Server><ServerVersion>` + d.serverVersion + `</ServerVersion>` +
		`<ServerDN>` + escape(d.serverDN) + `</ServerDN><MdbDN>` + escape(d.serverDN) + `/cn=Microsoft Private MDB</MdbDN><AuthPackage>anonymous</AuthPackage>` +
		`<ServerExclusiveConnect>off</ServerExclusiveConnect>` + book + `<PublicFolderServer>` + host + `</PublicFolderServer>` + services + `</Protocol>` +
		`<Protocol><Type>EXPR</Type>` + ttl + proxy + book + `</Protocol>` +
		eachXML(d.delegated, delegatedXML) +
		`<PublicFolderInformation><SmtpAddress>public.folder.root@` + escape(d.forest) + `</SmtpAddress></PublicFolderInformation>` +
		`</Account></Response></Autodiscover>`
}

func delegatedXML(d delegated) string {
	return `<AlternativeMailbox><Type>Delegate</Type><DisplayName>` + escape(d.Name) + `</DisplayName>` +
		`<SmtpAddress>` + escape(d.Address) + `</SmtpAddress><OwnerSmtpAddress>` + escape(d.Address) + `</OwnerSmtpAddress></AlternativeMailbox>`
}

func gromoxReferralXML(action, element, to string) string {
	return gromoxHeadXML +
		`<Response xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"><Account>` +
		`<Action>` + action + `</Action><` + element + `>` + escape(to) + `</` + element + `></Account></Response></Autodiscover>`
}

func gromoxErrorXML(clock, id, code, message string) string {
	return gromoxHeadXML +
		`<Response><Error Time="` + clock + `" Id="` + id + `"><ErrorCode>` + code + `</ErrorCode><Message>` + escape(message) + `</Message><DebugData/></Error>` +
		`</Response></Autodiscover>`
}

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
