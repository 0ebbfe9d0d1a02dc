package mockserver

import (
	"encoding/xml"
	"fmt"
	"strings"
	"sync"
	"text/template"
)

// The documents of Autodiscover ([MS-OXDSCLI] 4.4). {{x .}} escapes.

var settingsXML = page("settings", `<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">
  <Response xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a">
    <User>
      <DisplayName>{{x .DisplayName}}</DisplayName>
      <LegacyDN>{{x .LegacyDN}}</LegacyDN>
      <AutoDiscoverSMTPAddress>{{x .Address}}</AutoDiscoverSMTPAddress>
      <DeploymentId>{{x .DeploymentID}}</DeploymentId>
    </User>
    <Account>
      <AccountType>email</AccountType>
      <Action>settings</Action>
      <MicrosoftOnline>{{.MicrosoftOnline}}</MicrosoftOnline>
{{- if .MAPI}}
      <Protocol Type="mapiHttp" Version="1">
        <MailStore>
          <InternalUrl>{{x .Store}}</InternalUrl>
          <ExternalUrl>{{x .Store}}</ExternalUrl>
        </MailStore>
        <AddressBook>
          <InternalUrl>{{x .Book}}</InternalUrl>
          <ExternalUrl>{{x .Book}}</ExternalUrl>
        </AddressBook>
      </Protocol>
{{- else}}
      <Protocol>
        <Type>EXCH</Type>{{with .TTL}}
        <TTL>{{.}}</TTL>{{end}}
        <Server>{{x .Server}}</Server>
        <ServerDN>{{x .ServerDN}}</ServerDN>
        <ServerVersion>{{x .ServerVersion}}</ServerVersion>
        <MdbDN>{{x .ServerDN}}/cn=Microsoft Private MDB</MdbDN>
        <AuthPackage>Anonymous</AuthPackage>
        <ServerExclusiveConnect>off</ServerExclusiveConnect>
      </Protocol>
      <Protocol>
        <Type>EXPR</Type>{{with .TTL}}
        <TTL>{{.}}</TTL>{{end}}
        <Server>{{x .Host}}</Server>
        <SSL>On</SSL>
        <AuthPackage>Basic</AuthPackage>
        <CertPrincipalName>None</CertPrincipalName>
        <ServerExclusiveConnect>on</ServerExclusiveConnect>
      </Protocol>
{{- end}}
      <Protocol>
        <Type>WEB</Type>{{with .TTL}}
        <TTL>{{.}}</TTL>{{end}}
        <External>
          <OWAUrl AuthenticationMethod="Fba">https://{{x .Host}}/owa/</OWAUrl>
          <Protocol>
            <Type>EXPR</Type>
            <ASUrl>https://{{x .Host}}/EWS/Exchange.asmx</ASUrl>
          </Protocol>
        </External>
      </Protocol>
    </Account>
  </Response>
</Autodiscover>
`)

var referralXML = page("referral", `<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">
  <Response xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a">
    <Account>
      <AccountType>email</AccountType>
      <Action>{{.Action}}</Action>
      <{{.Element}}>{{x .To}}</{{.Element}}>
    </Account>
  </Response>
</Autodiscover>
`)

var errorXML = page("error", `<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">
  <Response>
    <Error Time="{{.Time}}" Id="{{.ID}}">
      <ErrorCode>{{.Code}}</ErrorCode>
      <Message>{{x .Message}}</Message>
      <DebugData />
    </Error>
  </Response>
</Autodiscover>
`)

// page parses a document when it is first sent: most runs of a program that
// holds a mock server never send one.
func page(name, text string) func() *template.Template {
	return sync.OnceValue(func() *template.Template {
		return template.Must(template.New(name).Funcs(template.FuncMap{"x": escape}).Parse(text))
	})
}

func escape(v any) (string, error) {
	var b strings.Builder
	err := xml.EscapeText(&b, fmt.Append(nil, v))
	return b.String(), err
}
