package profile

// New returns a draft for address: a profile with an id and no place yet. An
// empty label is replaced by the address. It returns an error for an address
// that cannot have a mailbox.
func New(address, label string) (Profile, error) {
	local, domain, err := ParseAddress(address)
	if err != nil {
		return Profile{}, err
	}
	p := Profile{Version: Version, ID: NewID(), Label: label, Address: local + "@" + domain}
	if p.Label == "" {
		p.Label = p.Address
	}
	return p, nil
}
