package profile

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/homing-mail/homing/internal/trust"
)

// migrations[v] turns the JSON of a version v profile into version v+1. They
// are never changed once released: testdata/profiles holds a file of each.
var migrations = [Version]func([]byte) ([]byte, error){from0}

// migrate brings the JSON of a profile forward to Version.
func migrate(data []byte) ([]byte, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, errors.New("it is empty")
	}
	var head struct {
		Version int `json:"version"`
	}
	err := json.Unmarshal(data, &head)
	switch {
	case err != nil:
		return nil, err
	case head.Version > Version:
		return nil, &NewerError{Version: head.Version}
	case head.Version < 0:
		return nil, errors.New("its version is negative")
	}
	for v := head.Version; v < Version; v++ {
		if data, err = migrations[v](data); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// from0 reads the flat form of the first prototype, which had one login, kept
// no history and did not note whether a logon had succeeded.
func from0(data []byte) ([]byte, error) {
	var old struct {
		ID           ID     `json:"id"`
		Address      string `json:"address"`
		Server       string `json:"server"` // URL of the mailbox endpoint
		LegacyDN     string `json:"legacy_dn"`
		Autodiscover string `json:"autodiscover"`
		User         string `json:"user"`
		Secret       string `json:"secret"` // reference
		Saves        uint64 `json:"saves"`
	}
	if err := json.Unmarshal(data, &old); err != nil {
		return nil, err
	}
	return json.Marshal(struct {
		Version    int        `json:"version"`
		ID         ID         `json:"id"`
		Label      string     `json:"label"`
		Address    string     `json:"address"`
		Endpoint   Endpoint   `json:"endpoint"`
		Logins     []LoginRef `json:"logins"`
		Generation uint64     `json:"generation"`
	}{
		Version: 1,
		ID:      old.ID,
		Label:   old.Address,
		Address: old.Address,
		Endpoint: Endpoint{
			MAPI:         &MAPI{MailStore: old.Server, LegacyDN: old.LegacyDN},
			Autodiscover: old.Autodiscover,
		},
		Logins:     []LoginRef{{Realm: trust.Realm(hostOf(old.Server)), User: old.User, Weakest: "basic", Secret: old.Secret}},
		Generation: max(old.Saves, 1),
	})
}
