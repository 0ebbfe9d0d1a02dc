package autodiscover

import (
	"bytes"
	"context"
	"encoding/xml"
	"net/http"
)

// Namespaces of the request and of the answer that is wanted
// ([MS-OXDSCLI] 2.2.3.1): http, as they have always been.
const (
	requestSchema  = "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"
	responseSchema = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
)

// userAgent starts as Outlook's does: servers deduce from it that the client
// speaks MAPI/HTTP ([MS-OXDSCLI] 3.2.5.1; Gromox compares this prefix).
const userAgent = "Microsoft Office/16.0 (Homing)"

// requestBody returns the Autodiscover request ([MS-OXDSCLI] 2.2.3.1) for one
// identity. The namespace is the default one and no element has a prefix, for
// servers that compare raw names.
func requestBody(by Identity, value string) []byte {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="utf-8"?>` + "\n")
	b.WriteString(`<Autodiscover xmlns="` + requestSchema + `"><Request><` + string(by) + `>`)
	xml.EscapeText(&b, []byte(value)) // a bytes.Buffer does not fail
	b.WriteString(`</` + string(by) + `><AcceptableResponseSchema>` + responseSchema + `</AcceptableResponseSchema></Request></Autodiscover>`)
	return b.Bytes()
}

// request returns the POST that puts a ([MS-OXDSCLI] 2.2.2, 3.1.4).
func (a ask) request(ctx context.Context) (*http.Request, error) {
	if a.soap {
		return soapPost(ctx, a.url, a.address)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url, bytes.NewReader(requestBody(a.by, a.value())))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "text/xml; charset=utf-8")
	req.Header.Set("Accept", "text/xml, */*")
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("X-MapiHttpCapability", "1")
	req.Header.Set("X-AnchorMailbox", a.address)
	return req, nil
}
