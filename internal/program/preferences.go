package program

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Preferences keeps what a person has chosen at the desk, in preferences.json. The
// file is the window's: only it writes, everybody else reads.
type Preferences struct {
	path string

	mu sync.Mutex // serialises changes
}

// Chosen is what a person has chosen. The zero value is what is in force where
// nothing was.
type Chosen struct {
	Silent bool          // no notifications
	Probe  time.Duration // pace.probe; zero: not chosen
}

type preferencesFile struct {
	Version       int      `json:"version"`
	Notifications *bool    `json:"notifications,omitempty"`
	LookEvery     Duration `json:"look_every,omitzero"`
}

// Preferences are those of this program's state directory.
func (p Paths) Preferences() *Preferences {
	return &Preferences{path: filepath.Join(p.State, "preferences.json")}
}

// Load reads the file. What it does not understand is an error that names it, and
// so is a key that there is not.
func (p *Preferences) Load() (Chosen, error) {
	data, err := os.ReadFile(p.path)
	if errors.Is(err, fs.ErrNotExist) {
		return Chosen{}, nil
	}
	if err != nil {
		return Chosen{}, err
	}
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return Chosen{}, p.bad(err)
	}
	if head.Version != 1 {
		return Chosen{}, fmt.Errorf("%s is of version %d, written by a newer homing", p.path, head.Version)
	}
	var file preferencesFile
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&file); err != nil {
		return Chosen{}, p.bad(err)
	}
	chosen := Chosen{Probe: time.Duration(file.LookEvery), Silent: file.Notifications != nil && !*file.Notifications}
	if chosen.Probe != 0 {
		if why := badProbe(file.LookEvery); why != "" {
			return Chosen{}, p.bad(errors.New("look_every: " + why))
		}
	}
	return chosen, nil
}

func (p *Preferences) bad(err error) error {
	return fmt.Errorf("%s cannot be read: %w; mend it, or remove it and choose again", p.path, err)
}

// Change writes what f makes of the present choice. It refuses a Probe that
// pace.probe does not take, and to write over a file that it cannot read.
func (p *Preferences) Change(f func(*Chosen)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	chosen, err := p.Load()
	if err != nil {
		return err
	}
	f(&chosen)
	file := preferencesFile{Version: 1, LookEvery: Duration(chosen.Probe)}
	if chosen.Probe != 0 {
		if why := badProbe(file.LookEvery); why != "" {
			return errors.New(why)
		}
	}
	if notify := !chosen.Silent; !notify {
		file.Notifications = &notify
	}
	data, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return err
	}
	return Replace(p.path, append(data, '\n'))
}

// badProbe says why d is no pace.probe, empty if it is one.
func badProbe(d Duration) string {
	if d < Duration(time.Second) || d > Duration(time.Hour) {
		return fmt.Sprintf("%s is not within 1s and 1h", d)
	}
	return ""
}

// prefer lays what a person has chosen over the defaults.
func (e *Effective) prefer(p Paths) error {
	if p.State == "" {
		return nil
	}
	chosen, err := p.Preferences().Load()
	if err == nil && chosen.Probe != 0 {
		e.Pace.Probe, e.origin["pace.probe"] = Duration(chosen.Probe), preferred
	}
	return err
}

// preferred is the origin of what a person has chosen at the desk.
const preferred = "preferences"

// Fixed is who says the value of key where no preference can change it: a file or a
// flag. It is empty where one can.
func (e *Effective) Fixed(key string) string {
	if origin := e.origin[key]; origin != preferred {
		return origin
	}
	return ""
}

// DefaultProbe is pace.probe where nobody says anything.
func DefaultProbe() time.Duration { return time.Duration(defaults().Pace.Probe) }
