package profile_test

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/profile"
	"github.com/homing-mail/homing/profile/storetest"
)

// testdata/profiles/v1-ttl.json was written by hand.
func TestWhenTheSettingsWereIssuedIsPartOfTheContract(t *testing.T) {
	f, path := storeWith(t, readData(t, "v1-ttl.json"))
	want := storetest.Profile(id)
	want.Version, want.Generation, want.Saved = 1, 1, time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)
	want.Endpoint.Issued, want.Endpoint.TTL = time.Date(2026, 11, 20, 9, 29, 58, 0, time.UTC), 24
	got, err := f.Load(t.Context(), id)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Fatalf("Load: %v (-want +got)\n%s", err, diff)
	}
	if _, err := f.Save(t.Context(), got, 1, profile.Reason{}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{`    "issued": "2026-11-20T09:29:58Z",`, `    "ttl": 24,`} {
		if !bytes.Contains(text, []byte("\n"+line+"\n")) {
			t.Errorf("no line %s in\n%s", line, text)
		}
	}
	if history, err := f.History(t.Context(), id); err != nil || len(history) != 1 || len(history[0].Changes) != 0 {
		t.Errorf("history %+v, %v; want one generation without changes", history, err)
	}
}

func TestAPlaceThatIsRestoredHoldsUntilSomethingFails(t *testing.T) {
	for _, store := range []profile.Store{new(profile.Memory), &profile.Files{Dir: t.TempDir()}} {
		p := storetest.Profile(id)
		p.Endpoint.Issued, p.Endpoint.TTL = time.Date(2026, 11, 20, 9, 29, 58, 0, time.UTC), 1
		for base := range uint64(2) {
			if _, err := store.Save(t.Context(), p, base, profile.Reason{}); err != nil {
				t.Fatal(err)
			}
		}
		got, err := store.Restore(t.Context(), id, 1, profile.Reason{})
		if diff := cmp.Diff(storetest.Profile(id).Endpoint, got.Endpoint); err != nil || diff != "" {
			t.Errorf("%T: %v (-want +got)\n%s", store, err, diff)
		}
	}
}
