package profile_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/homing-mail/homing/profile"
)

// A mailbox moves: its profile follows, and remembers where it was.
func Example() {
	dir, err := os.MkdirTemp("", "homing")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	store := &profile.Files{Dir: dir}

	p, err := profile.New("ann@contoso.test", "Work")
	if err != nil {
		log.Fatal(err)
	}
	p.Endpoint.MAPI = &profile.MAPI{
		MailStore: "https://ex1.contoso.test/mapi/emsmdb/",
		LegacyDN:  "/o=Contoso/ou=Exchange Administrative Group/cn=Recipients/cn=ann",
	}
	p.Proven = true
	p, err = store.Save(ctx, p, 0, profile.Reason{Text: "set up"})
	if err != nil {
		log.Fatal(err)
	}

	p.Endpoint.MAPI.MailStore = "https://ex2.contoso.test/mapi/emsmdb/"
	p, err = store.Save(ctx, p, p.Generation, profile.Reason{Text: "ex1.contoso.test said ecWrongServer"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("now at", p.Place())

	history, err := store.History(ctx, p.ID)
	if err != nil {
		log.Fatal(err)
	}
	for _, g := range history {
		fmt.Printf("%d %s: %s\n", g.Profile.Generation, g.Profile.Place(), g.Reason.Text)
	}

	_, err = store.Save(ctx, p, 1, profile.Reason{Text: "decided too long ago"})
	fmt.Println("conflict:", errors.Is(err, profile.ErrConflict))
	// Output:
	// now at ex2.contoso.test
	// 1 ex1.contoso.test: set up
	// 2 ex2.contoso.test: ex1.contoso.test said ecWrongServer
	// conflict: true
}

// A secret stays behind its reference, and does not print.
func ExampleSecretStore() {
	ctx := context.Background()
	secrets := &profile.SecretStore{Enabled: []string{"memory"}}
	password, err := secrets.Get(ctx, "memory:ann")
	fmt.Println(errors.Is(err, profile.ErrSecretNotFound), password)

	_, err = secrets.Get(ctx, "keyring:ann") // and nowhere else
	fmt.Println(err)
	// Output:
	// true [redacted]
	// get secret keyring:ann: this kind of secret is not available here: the keyring backend is not enabled in the configuration
}
