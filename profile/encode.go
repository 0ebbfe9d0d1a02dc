package profile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// maxFile limits every file of the store, in bytes.
const maxFile = 1 << 20

// encode returns v as the JSON of a file: indented for people, URLs legible.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	if b.Len() > maxFile {
		return nil, fmt.Errorf("it is larger than %d bytes", maxFile)
	}
	return b.Bytes(), nil
}

// decode reads the JSON of a Profile of any version. It returns a *NewerError
// without a path, or an error that says what is wrong.
func decode(data []byte) (Profile, error) {
	var p Profile
	if err := json.Unmarshal(data, &p); err == nil && p.Version == Version { // as nearly all are: read once
		return p, sound(p)
	}
	data, err := migrate(data)
	if err != nil {
		return Profile{}, err
	}
	p = Profile{}
	if err := json.Unmarshal(data, &p); err != nil {
		return Profile{}, err
	}
	return p, sound(p)
}

// sound says what is wrong with a profile that was read.
func sound(p Profile) error {
	if p.Generation == 0 {
		return errors.New("it has no generation")
	}
	return p.Validate()
}

// decodeGeneration reads the JSON of a Generation, whose Profile may be of any
// version.
func decodeGeneration(data []byte) (Generation, error) {
	var g Generation
	if err := json.Unmarshal(data, &g); err == nil && g.Profile.Version == Version { // read once
		return g, sound(g.Profile)
	}
	var file struct {
		Profile json.RawMessage `json:"profile"`
		Reason  Reason          `json:"reason"`
		Changes []Change        `json:"changes"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return Generation{}, err
	}
	if file.Profile == nil {
		return Generation{}, errors.New("it holds no profile")
	}
	p, err := decode(file.Profile)
	return Generation{Profile: p, Reason: file.Reason, Changes: file.Changes}, err
}

// next makes p the generation after number, with its changes against old. The
// data are what the store writes, and what it returns is read from them: no
// store can write what it could not load.
func next(p, old Profile, number uint64, why Reason) (g Generation, data []byte, err error) {
	p.Version, p.Generation, p.Saved = Version, number+1, time.Now().UTC().Truncate(time.Second)
	if p.Logins == nil {
		p.Logins = []LoginRef{}
	}
	if err := p.Validate(); err != nil {
		return Generation{}, nil, err
	}
	data, err = encode(Generation{Profile: p, Reason: why, Changes: Diff(old, p)})
	if err != nil {
		return Generation{}, nil, err
	}
	g, err = decodeGeneration(data)
	return g, data, err
}

// restored is old with the place and the logins of wanted. What the last logon
// told stays, for it is what clients have cached; so do the names that people
// gave. A place that somebody chose holds until something fails.
func restored(old, wanted Profile) Profile {
	old.Endpoint, old.Logins, old.Proven = wanted.Endpoint, wanted.Logins, false
	old.Endpoint.Issued, old.Endpoint.TTL = time.Time{}, 0
	return old
}

// checkBase compares the generation that a Save was decided on with the one
// that is there; 0 is none.
func checkBase(current, base uint64) error {
	if current != base {
		return fmt.Errorf("%w (it is at generation %d, not %d)", ErrConflict, current, base)
	}
	return nil
}

// Decode reads the JSON form of a profile, of any version that this package
// knows. It returns a *NewerError, or an error that says what is wrong.
func Decode(data []byte) (Profile, error) { return decode(data) }
