package scp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homing-mail/homing/internal/trust"
)

func TestAnErrorSaysWhatWouldHelp(t *testing.T) {
	tests := []struct {
		name string
		with func(*world)
		want Error
	}{
		{"who wants a bind", func(w *world) { w.one.wantBind = true },
			Error{Op: "search", Directory: dc1, Next: "the directory may want somebody to sign in"}},
		{"a wrong password", func(w *world) { w.Bind = Bind{Name: "ann@contoso.test", Password: trust.NewSecret("wrong")} },
			Error{Op: "simple bind", Directory: dc1, Next: "check the name and the password"}},
		{"what is no Active Directory", func(w *world) { w.one.context = "-" },
			Error{Op: "read its rootDSE", Directory: dc1, Next: "is it an Active Directory?"}},
		{"a certificate of another name", func(w *world) { w.one.tls = w.two.tls },
			Error{Op: "start TLS", Directory: dc1, Next: "the certificate has to name dc1.contoso.test and to come from an authority that this machine trusts"}},
		{"a closed port", func(w *world) { w.Directories = []string{"ldaps://gone.contoso.test"} },
			Error{Op: "connect", Directory: "ldaps://gone.contoso.test:636"}},
		{"a configuration that names none", func(w *world) { w.Directories = []string{"dc1.contoso.test"} },
			Error{Op: "read the configuration", Directory: "dc1.contoso.test"}},
		{"DNS that does not answer", func(w *world) {
			w.Directories, w.Domain = nil, "contoso.test"
			w.LookupSRV = func(context.Context, string, string, string) ([]*net.SRV, error) {
				return nil, &net.DNSError{Err: "server misbehaving", IsTemporary: true}
			}
		}, Error{Op: "look up", Directory: "_ldap._tcp.dc._msdcs.contoso.test", Next: "name the directories in the configuration"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				tt.with(w)
				_, err := w.Lookup(t.Context(), "contoso.test")
				got, ok := errors.AsType[*Error](err)
				if !ok {
					t.Fatalf("%v is no *Error", err)
				}
				if got.Op != tt.want.Op || got.Directory != tt.want.Directory || got.Next != tt.want.Next || got.Err == nil {
					t.Errorf("got %q, %q, %q (%v), want %+v", got.Op, got.Directory, got.Next, got.Err, tt.want)
				}
			})
		})
	}
}

func TestSeveralFailuresStandInOneLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Directories = []string{"ldaps://gone1.contoso.test", "ldaps://gone2.contoso.test"}
		_, err := w.Lookup(t.Context(), "contoso.test")
		const want = "ldaps://gone1.contoso.test:636: connect: dial tcp: io: read/write on closed pipe; ldaps://gone2.contoso.test:636: connect: dial tcp: io: read/write on closed pipe"
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	})
}

func TestLimits(t *testing.T) {
	t.Run("two hundred objects are read, and the rest is told", func(t *testing.T) {
		for _, n := range []int{200, 201} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				for i := range n {
					w.one.objects = append(w.one.objects, endpoint(fmt.Sprintf("https://ex%d.contoso.test/", i)))
				}
				r := w.lookup(t)
				if len(r.Entries) != 200 || len(r.Notes) != n-200 {
					t.Errorf("of %d: %d entries and notes %v", n, len(r.Entries), r.Notes)
				}
			})
		}
	})
	t.Run("a flood ends", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.one.flood = true
			if _, err := w.Lookup(t.Context(), "contoso.test"); err == nil || !strings.Contains(err.Error(), errTooMuch.Error()) {
				t.Errorf("error %v, want %v", err, errTooMuch)
			}
		})
	})
	t.Run("a directory that never accepts costs four seconds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.network["hole.contoso.test:636"] = nil
			w.Directories = []string{"ldaps://hole.contoso.test", dc1}
			w.one.objects = []object{endpoint(ex1)}
			began := time.Now()
			r := w.lookup(t)
			if len(r.Entries) != 1 || time.Since(began) != 4*time.Second {
				t.Errorf("%d entries after %v", len(r.Entries), time.Since(began))
			}
		})
	})
	for name, silent := range map[string]struct {
		url  string
		want time.Duration
	}{
		"a directory that accepts and is silent within TLS":       {"ldaps://silent.contoso.test:636", 5 * time.Second},
		"a directory that accepts and does not answer a StartTLS": {"ldap://silent.contoso.test:389", 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.Dial = func(context.Context, string, string) (net.Conn, error) {
					here, there := net.Pipe()
					go func() {
						for b := make([]byte, 1<<10); ; {
							if _, err := there.Read(b); err != nil {
								there.Close()
								return
							}
						}
					}()
					return here, nil
				}
				w.Directories = []string{silent.url}
				began := time.Now()
				_, err := w.Lookup(t.Context(), "contoso.test")
				if err == nil || !strings.Contains(err.Error(), "no TLS within 5s") || time.Since(began) != silent.want {
					t.Errorf("%v after %v", err, time.Since(began))
				}
			})
		})
	}
	t.Run("all directories together have ten seconds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.Directories = nil
			for i := range 4 {
				host := fmt.Sprintf("hole%d.contoso.test", i)
				w.network[host+":636"] = nil
				w.Directories = append(w.Directories, "ldaps://"+host)
			}
			began := time.Now()
			_, err := w.Lookup(t.Context(), "contoso.test")
			if err == nil || !strings.Contains(err.Error(), "the directories did not answer within 10s") || time.Since(began) != 10*time.Second {
				t.Errorf("%v after %v", err, time.Since(began))
			}
		})
	})
	t.Run("who is no longer wanted stops at once and leaves nothing behind", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			w.network["hole.contoso.test:636"] = nil
			w.Directories = []string{"ldaps://hole.contoso.test"}
			stop := errors.New("another source has answered")
			time.AfterFunc(time.Second, func() { cancel(stop) })
			began := time.Now()
			if _, err := w.Lookup(ctx, "contoso.test"); !errors.Is(err, stop) || time.Since(began) != time.Second {
				t.Errorf("%v after %v", err, time.Since(began))
			}
		})
	})
}
