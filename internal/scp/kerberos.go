package scp

import (
	"cmp"
	"os"
	"runtime"
	"strings"

	"github.com/jcmturner/gokrb5/v8/config"
)

// Kerberos is whose ticket a GSSAPI bind shows. The zero value is whoever is
// signed in: on Windows to the system, elsewhere in the default cache.
type Kerberos struct {
	// CCache is a file of tickets; empty: that of KRB5CCNAME, else /tmp/krb5cc_UID.
	// Caches in a keyring, in KCM or in a directory are not read. Not on Windows.
	CCache string
	// Keytab is a file of keys, by which a ticket for Principal is got instead of
	// taking one from a cache. Not on Windows.
	Keytab    string
	Principal string // user@REALM, or user of the default realm
	// Config is the krb5.conf; empty: that of KRB5_CONFIG, else /etc/krb5.conf. Not
	// on Windows.
	Config string
}

// MachineDomain returns the Active Directory domain that this machine is a
// member of, as far as its administrator has written it down: USERDNSDOMAIN on
// Windows, elsewhere the default realm of the krb5.conf. Empty: of none. What DHCP
// says of the network is not asked.
func MachineDomain() string {
	if runtime.GOOS == "windows" {
		return strings.ToLower(os.Getenv("USERDNSDOMAIN"))
	}
	conf, err := loadConfig("")
	if err != nil {
		return ""
	}
	return strings.ToLower(conf.LibDefaults.DefaultRealm)
}

// loadConfig reads a krb5.conf. What gokrb5 does not know in it is no error.
func loadConfig(file string) (*config.Config, error) {
	file = cmp.Or(file, os.Getenv("KRB5_CONFIG"), "/etc/krb5.conf")
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	conf, err := config.NewFromString(string(text))
	if _, odd := err.(config.UnsupportedDirective); odd {
		err = nil
	}
	return conf, err
}
