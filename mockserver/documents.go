package mockserver

import (
	"encoding/xml"
	"strconv"
	"strings"
)

// The documents of Autodiscover ([MS-OXDSCLI] 4.4).

// settings are what a document tells of a mailbox.
type settings struct {
	displayName, legacyDN, address, deploymentID string
	microsoftOnline                              string // True or False
	mapi                                         bool   // MAPI over HTTP is offered
	store, book                                  string // its URLs
	host                                         string
	server, serverDN, serverVersion              string // of EXCH
	ttl                                          *int   // hours; nil: not said
	mailboxID, forest                            string // Gromox alone tells these
	delegated                                    []delegated
}

func settingsXML(d *settings) string {
	ttl, protocols := ttlXML("\n        ", d.ttl), rpcXML
	if d.mapi {
		protocols = mapiXML
	}
	return `<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">
  <Response xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a">
    <User>
      <DisplayName>` + escape(d.displayName) + `</DisplayName>
      <LegacyDN>` + escape(d.legacyDN) + `</LegacyDN>
      <AutoDiscoverSMTPAddress>` + escape(d.address) + `</AutoDiscoverSMTPAddress>
      <DeploymentId>` + escape(d.deploymentID) + `</DeploymentId>
    </User>
    <Account>
      <AccountType>email</AccountType>
      <Action>settings</Action>
      <MicrosoftOnline>` + d.microsoftOnline + `</MicrosoftOnline>` + protocols(d) + `
      <Protocol>
        <Type>WEB</Type>` + ttl + `
        <External>
          <OWAUrl AuthenticationMethod="Fba">https://` + escape(d.host) + `/owa/</OWAUrl>
          <Protocol>
            <Type>EXPR</Type>
            <ASUrl>https://` + escape(d.host) + `/EWS/Exchange.asmx</ASUrl>
          </Protocol>
        </External>
      </Protocol>
    </Account>
  </Response>
</Autodiscover>
`
}

func mapiXML(d *settings) string {
	return `
      <Protocol Type="mapiHttp" Version="1">
        <MailStore>
          <InternalUrl>` + escape(d.store) + `</InternalUrl>
          <ExternalUrl>` + escape(d.store) + `</ExternalUrl>
        </MailStore>
        <AddressBook>
          <InternalUrl>` + escape(d.book) + `</InternalUrl>
          <ExternalUrl>` + escape(d.book) + `</ExternalUrl>
        </AddressBook>
      </Protocol>`
}

func rpcXML(d *settings) string {
	ttl := ttlXML("\n        ", d.ttl)
	return `
      <Protocol>
        <Type>EXCH</Type>` + ttl + `
        <Server>` + escape(d.server) + `</Server>
        <ServerDN>` + escape(d.serverDN) + `</ServerDN>
        <ServerVersion>` + escape(d.serverVersion) + `</ServerVersion>
        <MdbDN>` + escape(d.serverDN) + `/cn=Microsoft Private MDB</MdbDN>
        <AuthPackage>Anonymous</AuthPackage>
        <ServerExclusiveConnect>off</ServerExclusiveConnect>
      </Protocol>
      <Protocol>
        <Type>EXPR</Type>` + ttl + `
        <Server>` + escape(d.host) + `</Server>
        <SSL>On</SSL>
        <AuthPackage>Basic</AuthPackage>
        <CertPrincipalName>None</CertPrincipalName>
        <ServerExclusiveConnect>on</ServerExclusiveConnect>
      </Protocol>`
}

// ttlXML is the TTL after an indent, where a world says so.
func ttlXML(indent string, hours *int) string {
	if hours == nil {
		return ""
	}
	return indent + `<TTL>` + strconv.Itoa(*hours) + `</TTL>`
}

func referralXML(action, element, to string) string {
	return `<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">
  <Response xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a">
    <Account>
      <AccountType>email</AccountType>
      <Action>` + action + `</Action>
      <` + element + `>` + escape(to) + `</` + element + `>
    </Account>
  </Response>
</Autodiscover>
`
}

func errorXML(clock, id, code, message string) string {
	return `<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">
  <Response>
    <Error Time="` + clock + `" Id="` + id + `">
      <ErrorCode>` + code + `</ErrorCode>
      <Message>` + escape(message) + `</Message>
      <DebugData />
    </Error>
  </Response>
</Autodiscover>
`
}

// escape is text as it stands in a document.
func escape(text string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(text)) // a strings.Builder does not fail
	return b.String()
}

// eachXML is a list in a document.
func eachXML[T any](list []T, xml func(T) string) string {
	var b strings.Builder
	for _, v := range list {
		b.WriteString(xml(v))
	}
	return b.String()
}
