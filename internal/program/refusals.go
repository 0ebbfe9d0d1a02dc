package program

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/profile"
)

// refusals remembers, in refused.json, which secrets were refused, so that a
// service that restarts and a job that runs each hour do not lock an account. It
// keeps a salted hash that is slow to make, never the secret. It is an
// agent.Refusals; what it cannot read or write it logs, and then forgets.
type refusals struct {
	path string
	log  *slog.Logger

	mu sync.Mutex // serialises changes of the file within the process; agent.lock does it between processes
}

// hashRounds make one guess take some 20 ms.
const hashRounds = 100_000

type refusalsFile struct {
	Version  int       `json:"version"`
	Refusals []refusal `json:"refusals"`
}

type refusal struct {
	Profile profile.ID `json:"profile"`
	Realm   string     `json:"realm"`
	Salt    []byte     `json:"salt"`
	Hash    []byte     `json:"hash"`
	Time    time.Time  `json:"time"`
}

func hashSecret(s trust.Secret, salt []byte) ([]byte, error) {
	return pbkdf2.Key(sha256.New, s.Reveal(), salt, hashRounds, sha256.Size)
}

// Refused implements agent.Refusals.
func (r *refusals) Refused(id profile.ID, realm string, s trust.Secret) bool {
	r.mu.Lock()
	list := r.load()
	r.mu.Unlock()
	i := slices.IndexFunc(list, func(f refusal) bool { return f.Profile == id && f.Realm == realm })
	if i < 0 {
		return false
	}
	hash, err := hashSecret(s, list[i].Salt)
	return err == nil && subtle.ConstantTimeCompare(hash, list[i].Hash) == 1
}

// Refuse implements agent.Refusals.
func (r *refusals) Refuse(id profile.ID, realm string, s trust.Secret) {
	salt := make([]byte, 16)
	rand.Read(salt) // never fails
	hash, err := hashSecret(s, salt)
	if err != nil {
		r.complain(err)
		return
	}
	r.change(func(list []refusal) []refusal {
		return append(list, refusal{id, realm, salt, hash, time.Now().UTC().Truncate(time.Second)})
	}, id, realm)
}

// Forget implements agent.Refusals.
func (r *refusals) Forget(id profile.ID, realm string) {
	r.change(func(list []refusal) []refusal { return list }, id, realm)
}

// change writes what f makes of the list without the entry for id and realm.
func (r *refusals) change(f func([]refusal) []refusal, id profile.ID, realm string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.load()
	list := f(slices.DeleteFunc(slices.Clone(old), func(x refusal) bool { return x.Profile == id && x.Realm == realm }))
	if len(old) == 0 && len(list) == 0 {
		return
	}
	data, err := json.MarshalIndent(refusalsFile{1, list}, "", "  ")
	if err == nil {
		err = Replace(r.path, append(data, '\n'))
	}
	r.complain(err)
}

func (r *refusals) load() []refusal {
	data, err := os.ReadFile(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var file refusalsFile
	if err == nil {
		err = json.Unmarshal(data, &file)
	}
	r.complain(err)
	return file.Refusals
}

func (r *refusals) complain(err error) {
	if err != nil && r.log != nil {
		r.log.Warn("remembering refused sign-ins", "component", "program", "err", err)
	}
}
