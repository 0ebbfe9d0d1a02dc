package mailaddr

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestLogged(t *testing.T) {
	for _, tt := range []struct {
		name string
		said any
		want string
	}{
		{"nothing", nil, "err=<nil>"},
		{"no address", "settings", "err=settings"},
		{"a RedirectAddr", "RedirectAddr ann@mail.fabrikam.test", `err="RedirectAddr ***@mail.fabrikam.test"`},
		{"an error", errors.New("back to ann.of-gables+mail@contoso.test"), `err="back to ***@contoso.test"`},
		{"two of them", "ann@contoso.test and <ben@fabrikam.test>, who", `err="***@contoso.test and <***@fabrikam.test>, who"`},
		{"in brackets and quotes", `(ann@contoso.test) 'ben@contoso.test'`, `err="(***@contoso.test) '***@contoso.test'"`},
		{"of other letters", "jürgen@übung.test", "err=***@übung.test"},
		{"of an IP address", "ann@[192.0.2.1]", "err=***@[192.0.2.1]"},
		{"with a quoted local part", `of "ann smith"@contoso.test`, `err="of ***@contoso.test"`},
		{"in a URL", "https://mx.contoso.test/mapi/emsmdb/?MailboxId=11@contoso.test&u=ann@contoso.test", `err="https://mx.contoso.test/mapi/emsmdb/?MailboxId=***@contoso.test&u=***@contoso.test"`},
		{"as the user of a URL", "https://ann:xxxxx@mx.contoso.test/", "err=https://***@mx.contoso.test/"},
		{"encapsulated", "IMCEAEX-_O=CONTOSO_CN=RECIPIENTS_CN=ANN@contoso.test", `err="IMCEAEX-_O=CONTOSO_CN=RECIPIENTS_CN=***@contoso.test"`},
		{"a LegacyDN", `"/o=Contoso/ou=Group (X)/cn=Recipients/cn=ann" is gone`, `err="\"/o=Contoso/ou=Group (X)/cn=Recipients/cn=***\" is gone"`},
		{"a LegacyDN in capitals", "/O=CONTOSO/OU=X/CN=RECIPIENTS/CN=0F-ANN", `err="/O=CONTOSO/OU=X/CN=RECIPIENTS/CN=***"`},
		{"an @ alone", "meet @ noon", `err="meet @ noon"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			slog.New(slog.NewTextHandler(&out, nil)).Info("x", "err", Logged(tt.said))
			if got := strings.TrimSuffix(out.String(), "\n"); !strings.HasSuffix(got, "msg=x "+tt.want) {
				t.Errorf("the log has %s, want %s", got, tt.want)
			}
		})
	}
}
