package autodiscover

import (
	"testing"
	"time"
)

func TestSettingsMAPI(t *testing.T) {
	store := func(url string) Protocol { return Protocol{Type: mapiHTTP, MAPI: &MAPI{MailStore: url}} }
	for _, tt := range []struct {
		name      string
		protocols []Protocol
		want      string // empty: none
	}{
		{"no protocol", nil, ""},
		{"no mapiHttp", []Protocol{{Type: "EXCH"}, {Type: "EXPR"}}, ""},
		{"a mapiHttp without a URL", []Protocol{store("")}, ""},
		{"the first of two", []Protocol{store("https://a.test/"), store("https://b.test/")}, "https://a.test/"},
		{"the first that can be used", []Protocol{{Type: "EXCH"}, store(""), store("https://b.test/")}, "https://b.test/"},
	} {
		got, ok := Settings{Protocols: tt.protocols}.MAPI()
		if got.MailStore != tt.want || ok != (tt.want != "") {
			t.Errorf("%s: %v, %v", tt.name, got, ok)
		}
	}
}

func TestKindsHaveNames(t *testing.T) {
	names := make(map[string]bool)
	for _, k := range Kinds() {
		names[k.String()] = true
	}
	if len(names) != 10 || names[""] {
		t.Errorf("names %v", names)
	}
	for _, k := range Kinds() { // a Kind that is not in the rank would be lost
		if found := k == BadAddress; !found {
			for _, r := range rank {
				found = found || r == k
			}
			if !found {
				t.Errorf("%v is not in the rank", k)
			}
		}
	}
}

func TestTTL(t *testing.T) {
	exch := func(ttl time.Duration) Protocol { return Protocol{Type: "EXCH", TTL: ttl} }
	mapi := Protocol{Type: mapiHTTP, TTL: time.Hour, MAPI: &MAPI{}}
	for _, tt := range []struct {
		name      string
		protocols []Protocol
		want      time.Duration
	}{
		{"a block says it", []Protocol{exch(5 * time.Hour)}, 5 * time.Hour},
		{"the shortest of several counts", []Protocol{exch(5 * time.Hour), exch(3 * time.Hour)}, 3 * time.Hour},
		{"a day is the longest", []Protocol{exch(65535 * time.Hour)}, 24 * time.Hour},
		{"no timer is wanted", []Protocol{exch(0), exch(0)}, 0},
		{"one block wants none", []Protocol{exch(0), exch(2 * time.Hour)}, 2 * time.Hour},
		{"a mapiHttp block does not speak of it", []Protocol{mapi, exch(8 * time.Hour)}, 8 * time.Hour},
		{"a mapiHttp block alone holds for an hour", []Protocol{mapi}, time.Hour},
	} {
		if got := (Settings{Protocols: tt.protocols}).TTL(); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
