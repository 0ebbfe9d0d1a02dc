package main

import (
	"strings"
	"testing"
	"time"

	"github.com/homing-mail/homing/internal/trust"
)

func TestExpiry(t *testing.T) {
	east := time.FixedZone("east", 2*60*60)
	now := time.Date(2026, 9, 1, 23, 30, 0, 500, east)
	for _, tt := range []struct {
		name, when string
		want       time.Time
	}{
		{"a day from now", "1d", time.Date(2026, 9, 2, 21, 30, 0, 0, time.UTC)},
		{"thirty days from now", "30d", time.Date(2026, 10, 1, 21, 30, 0, 0, time.UTC)},
		{"a hundred years from now", "36500d", now.UTC().AddDate(0, 0, 36500).Truncate(time.Second)},
		{"a date is its last second, here", "2026-09-30", time.Date(2026, 9, 30, 21, 59, 59, 0, time.UTC)},
		{"today has not ended", "2026-09-01", time.Date(2026, 9, 1, 21, 59, 59, 0, time.UTC)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := expiry(tt.when, now); err != nil || !got.Equal(tt.want) || got.Location() != time.UTC {
				t.Errorf("expiry(%q) = %v, %v; want %v", tt.when, got, err, tt.want)
			}
		})
	}
	for name, when := range map[string]string{
		"nothing":                        "",
		"no day":                         "0d",
		"a day that has passed":          "-1d",
		"yesterday":                      "2026-08-31",
		"more than a hundred years":      "36501d",
		"a date in more than that":       "2126-09-30",
		"days that are no number":        "dd",
		"a number without a unit":        "30",
		"another unit":                   "12h",
		"a part of a day":                "1.5d",
		"a date that there is not":       "2026-02-30",
		"a date as others write it":      "30.09.2026",
		"a number of days beyond all":    "99999999999999999999d",
		"a date with something after it": "2026-09-30T12:00:00Z",
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := expiry(when, now); err == nil || !got.IsZero() || !strings.Contains(err.Error(), "--expires") || !strings.Contains(err.Error(), "as 2026-10-01") {
				t.Errorf("expiry(%q) = %v, %v; want what it takes", when, got, err)
			}
		})
	}
}

func TestWhoSendsUs(t *testing.T) {
	for _, tt := range []struct {
		hop  trust.Hop
		want string
	}{
		{trust.Hop{From: "autodiscover.contoso.test:443", How: trust.FromSRV}, "autodiscover.contoso.test:443"},
		{trust.Hop{MailDomain: "contoso.test", How: trust.FromSRV}, "the DNS of contoso.test"},
		{trust.Hop{How: trust.FromClearRedirect}, "an answer in the clear, which anybody on the way may have given,"},
		{trust.Hop{How: trust.FromUnsealedDirectory}, "a directory that has not proved who it is"},
		{trust.Hop{How: trust.FromDirectory}, "the directory"},
		{trust.Hop{How: trust.FromMicrosoft365}, "the configuration"},
		{trust.Hop{How: trust.FromUnproven}, "the profile"},
	} {
		if got := sender(tt.hop); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.hop, got, tt.want)
		}
	}
}
