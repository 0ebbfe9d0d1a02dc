package desk

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
)

func TestADisplayIsThereOrItIsSaidWhatToDo(t *testing.T) {
	sockets := filepath.Join(t.TempDir(), "X11-unix")
	write(t, filepath.Join(sockets, "X8"), "left behind")
	live, err := net.Listen("unix", filepath.Join(sockets, "X7"))
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	for _, tc := range []struct {
		name, display, wayland string
		want                   string // a part of the error; empty: none
	}{
		{"none at all", "", "", "neither DISPLAY nor WAYLAND_DISPLAY is set"},
		{"one that answers", ":7", "", ""},
		{"one that answers, with a screen", ":7.0", "", ""},
		{"one that answers, by its old name", "unix:7", "", ""},
		{"beside Wayland", ":7", "wayland-0", ""},
		{"one that is gone", ":9", "", "the display :9 does not answer"},
		{"one whose socket was left behind", ":8", "", "the display :8 does not answer"},
		{"one of another machine where nobody listens", "127.0.0.1:59534", "", "the display 127.0.0.1:59534 does not answer"},
		{"no number", "localhost", "", "names no display: it has no number"},
		{"a number that is none", ":x", "", "its number is none"},
		{"a number that is no port", ":65535", "", "its number is none"},
		{"Wayland alone", "", "wayland-0", "there is no X display"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.wayland != "" && speaksWayland {
				tc.want = ""
			}
			env := map[string]string{"DISPLAY": tc.display, "WAYLAND_DISPLAY": tc.wayland}
			err := display(func(name string) string { return env[name] }, sockets)
			switch {
			case tc.want == "" && err != nil:
				t.Error(err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "homing run")):
				t.Errorf("%v, want %q and what to do", err, tc.want)
			}
		})
	}
}

func TestWhereADisplayListens(t *testing.T) {
	for name, want := range map[string]string{
		":0":                 "unix @/x/X0 unix /x/X0",
		"unix:12.1":          "unix @/x/X12 unix /x/X12",
		"ex1.contoso.test:1": "tcp ex1.contoso.test:6001",
		"[::1]:10.0":         "tcp [::1]:6010",
	} {
		networks, addresses, err := xAddress(name, "/x")
		var got []string
		for i := range networks {
			got = append(got, networks[i], addresses[i])
		}
		if s := strings.Join(got, " "); err != nil || s != want {
			t.Errorf("%s: %s, %v, want %s", name, s, err, want)
		}
	}
}
