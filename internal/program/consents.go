package program

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/homing-mail/homing/internal/trust"
)

// consents keeps the answers that people gave, in consents.json, beside the
// hosts that the configuration trusts. It is an agent.Consents.
type consents struct {
	path         string
	trusted      []string
	microsoft365 bool
	basic        []string // none: a password goes by Basic to nobody

	mu sync.Mutex // serialises changes of the file within the process; agent.lock does it between processes
}

type consentsFile struct {
	Version  int             `json:"version"`
	Consents []trust.Consent `json:"consents"`
}

// Rules returns what is in force now.
func (c *consents) Rules(context.Context) (trust.Rules, error) {
	list, err := c.load()
	return trust.Rules{Trusted: c.trusted, Microsoft365: c.microsoft365, Basic: append([]string{}, c.basic...), Consents: list, Now: time.Now()}, err
}

// Allow adds a consent, or renews the one for the same domain and host.
func (c *consents) Allow(_ context.Context, consent trust.Consent) error {
	host, port, err := trust.SplitPlace(consent.Host)
	if err != nil {
		return fmt.Errorf("%s cannot be trusted: %w", consent.Host, err)
	}
	if verdict, why := (trust.Rules{}).Judge(trust.Hop{MailDomain: consent.MailDomain, To: net.JoinHostPort(host, port)}); verdict == trust.Refuse {
		return fmt.Errorf("%s can never be trusted: %s", consent.Host, why)
	}
	if consent.Given.IsZero() {
		consent.Given = time.Now().UTC().Truncate(time.Second)
	}
	return c.change(func(list []trust.Consent) ([]trust.Consent, error) {
		return append(except(list, consent.MailDomain, consent.Host), consent), nil
	})
}

// Revoke takes a consent back.
func (c *consents) Revoke(_ context.Context, mailDomain, host string) error {
	return c.change(func(list []trust.Consent) ([]trust.Consent, error) {
		rest := except(list, mailDomain, host)
		if len(rest) == len(list) {
			return nil, fmt.Errorf("%s was not allowed for %s", host, mailDomain)
		}
		return rest, nil
	})
}

func except(list []trust.Consent, mailDomain, host string) []trust.Consent {
	return slices.DeleteFunc(slices.Clone(list), func(c trust.Consent) bool {
		return c.For(mailDomain, host)
	})
}

func (c *consents) load() ([]trust.Consent, error) {
	data, err := os.ReadFile(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var file consentsFile
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w; nobody is trusted by it until it is mended or removed", c.path, err)
	}
	if file.Version != 1 {
		return nil, fmt.Errorf("%s is of version %d, written by a newer homing", c.path, file.Version)
	}
	return file.Consents, nil
}

func (c *consents) change(f func([]trust.Consent) ([]trust.Consent, error)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	list, err := c.load()
	if err != nil {
		return err
	}
	if list, err = f(list); err != nil {
		return err
	}
	data, err := json.MarshalIndent(consentsFile{1, list}, "", "  ")
	if err != nil {
		return err
	}
	return Replace(c.path, append(data, '\n'))
}

// Replace writes a file, readable by this user alone, so that a crash leaves the old or
// the new one. It makes the directory where there is none.
func Replace(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
