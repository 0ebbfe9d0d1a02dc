package profile

import (
	"cmp"
	"fmt"
	"strings"
)

// Diff returns the fields that differ between old and new, named as people say
// them. The zero Profile as old gives every field that new has. Version, ID,
// Generation and Saved are no news and left out, and so are Issued and TTL.
func Diff(old, new Profile) []Change {
	from, to := mapi(old), mapi(new)
	fields := []Change{
		{"server", server(old), server(new)},
		{"mailbox url", from.MailStore, to.MailStore},
		{"address book", from.AddressBook, to.AddressBook},
		{"legacy dn", from.LegacyDN, to.LegacyDN},
		{"autodiscover", old.Endpoint.Autodiscover, new.Endpoint.Autodiscover},
		{"routing", old.Endpoint.Routing, new.Endpoint.Routing},
		{"label", old.Label, new.Label},
		{"address", old.Address, new.Address},
		{"login", logins(old), logins(new)},
		{"mailbox guid", old.Identity.MailboxGUID, new.Identity.MailboxGUID},
		{"repl guid", old.Identity.ReplGUID, new.Identity.ReplGUID},
		{"root folder", old.Identity.RootFolder, new.Identity.RootFolder},
		{"server version", old.Identity.ServerVersion, new.Identity.ServerVersion},
		{"display name", old.Identity.DisplayName, new.Identity.DisplayName},
		{"proven", proven(old), proven(new)},
	}
	changes := []Change{}
	for _, c := range fields {
		if c.Old != c.New {
			changes = append(changes, c)
		}
	}
	return changes
}

func server(p Profile) string {
	if p.Endpoint.MAPI == nil {
		return ""
	}
	return hostOf(p.Endpoint.MAPI.MailStore)
}

func mapi(p Profile) MAPI {
	if p.Endpoint.MAPI == nil {
		return MAPI{}
	}
	return *p.Endpoint.MAPI
}

// logins says in one line who logs on where, how, and where the secret lies.
func logins(p Profile) string {
	each := make([]string, len(p.Logins))
	for i, l := range p.Logins {
		scheme := cmp.Or(l.Weakest, "basic")
		if l.Bearer {
			scheme = "bearer"
		}
		each[i] = fmt.Sprintf("%s at %s (%s, %s)", l.User, cmp.Or(l.Realm, "any host"), scheme, cmp.Or(l.Secret, "no secret"))
	}
	return strings.Join(each, "; ")
}

// proven is empty for a profile that is not there.
func proven(p Profile) string {
	switch {
	case p.ID == "":
		return ""
	case p.Proven:
		return "yes"
	}
	return "no"
}
