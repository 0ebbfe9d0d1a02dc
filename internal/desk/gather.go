package desk

import (
	"context"
	"errors"
	"os"
	"os/user"
	"runtime"
	"strings"
	"time"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/internal/program"
)

// shownLines are the last lines of the log, which a report shows.
const shownLines = 200

// patience is how long a report waits for what answers slowly, each.
const patience = 5 * time.Second

// Gather looks at everything that a report tells. It asks nothing of the network,
// changes nothing and reads no secret. What it cannot see is in the report as such.
func Gather(ctx context.Context, p *program.Program, svc agent.Service, version string) *Report {
	r := GatherFiles(ctx, p.Paths, version)
	r.Config = p.Config.Values()
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	where, wrong := p.Keeping(limited)
	if r.Secrets = where; wrong != "" {
		r.Secrets += ": " + wrong
	}
	rules, err := p.Consents.Rules(ctx)
	r.Consents, r.ConsentsErr = rules.Consents, err
	r.Status, r.StatusErr = status(ctx, svc)
	ids, err := p.Store.List(ctx)
	problems := []error{err}
	for _, id := range ids {
		one, err := p.Store.Load(ctx, id)
		problems = append(problems, err)
		if one.ID = id; err == nil {
			k := Kept{Profile: one}
			k.History, k.Err = p.Store.History(ctx, id)
			r.Profiles = append(r.Profiles, k)
		}
	}
	r.ProfileErr = errors.Join(problems...)
	return r
}

// status is what an agent says of itself at this moment.
func status(ctx context.Context, svc agent.Service) (*agent.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for s, err := range svc.Watch(ctx) {
		if err != nil {
			return nil, err
		}
		return &s, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, errors.New("it does not say how it is")
	}
	return nil, errors.New("it has just ended")
}

// GatherFiles is Gather where the configuration cannot be read.
func GatherFiles(ctx context.Context, paths program.Paths, version string) *Report {
	r := &Report{Version: version, Time: time.Now()}
	r.Home, _ = os.UserHomeDir()
	if me, err := user.Current(); err == nil {
		r.Names = []string{me.Username, me.Name}
	}
	for _, name := range []string{"USER", "LOGNAME", "USERNAME"} {
		r.Names = append(r.Names, os.Getenv(name))
	}
	add := func(name, value string) { r.System = append(r.System, Fact{name, value}) }
	if runtime.GOOS != "windows" && runtime.GOOS != "darwin" {
		add("distribution", distribution())
		add("desktop", strings.TrimSpace(os.Getenv("XDG_CURRENT_DESKTOP")+" "+os.Getenv("XDG_SESSION_TYPE")))
		add("display", said(Display()))
		limited, cancel := context.WithTimeout(ctx, patience)
		there, err := TrayHost(limited)
		cancel()
		if err == nil && !there {
			err = errors.New("there is none")
		}
		add("tray", said(err))
	}
	add("language", os.Getenv("LANG"))
	for _, f := range []Fact{
		{"configuration", paths.Config}, {"policy", paths.Policy}, {"state", paths.State}, {"socket", paths.Socket},
	} {
		if _, err := os.Lstat(f.Value); errors.Is(err, os.ErrNotExist) {
			f.Value += " (there is none)"
		} else if err != nil {
			f.Value += " (" + err.Error() + ")"
		}
		r.Files = append(r.Files, f)
	}
	r.Log, r.LogErr = LastLines(LogPath(paths.State), shownLines)
	return r
}

// said is what a check has come to.
func said(err error) string {
	if err != nil {
		return err.Error()
	}
	return "there"
}

// distribution is the name of the system as it gives itself (os-release(5)).
func distribution() string {
	data, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return ""
	}
	for _, l := range strings.Split(string(data), "\n") {
		if name, ok := strings.CutPrefix(l, "PRETTY_NAME="); ok {
			return strings.Trim(name, `"'`)
		}
	}
	return ""
}
