package autodiscover

import "testing"

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
