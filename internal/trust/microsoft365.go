package trust

import "slices"

// microsoft365 are the hosts of Microsoft 365 that serve Autodiscover and
// mailboxes, by their exact names: a domain of Microsoft's has other tenants too.
var microsoft365 = []string{
	// worldwide
	"autodiscover-s.outlook.com",
	"outlook.office365.com",
	"outlook.office.com",
	// United States government: GCC High, then DoD
	"autodiscover-s.office365.us",
	"outlook.office365.us",
	"autodiscover-s-dod.office365.us",
	"outlook-dod.office365.us",
	// China, operated by 21Vianet
	"autodiscover-s.partner.outlook.cn",
	"partner.outlook.cn",
}

// Microsoft365 returns the hosts that Rules.Microsoft365 allows.
func Microsoft365() []string { return slices.Clone(microsoft365) }
