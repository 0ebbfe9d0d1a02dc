package storetest_test

import (
	"context"
	"fmt"

	"github.com/homing-mail/homing/profile"
	"github.com/homing-mail/homing/profile/storetest"
)

// A store of your own is held to the same behaviour as those of package profile
// by a test that calls storetest.Run. Profile is the sample that it saves.
func Example() {
	var store profile.Memory
	ctx := context.Background()
	p := storetest.Profile(profile.NewID())
	first, err := store.Save(ctx, p, 0, profile.Reason{Text: "first logon"})
	fmt.Println(first.Generation, err)
	_, err = store.Save(ctx, p, 0, profile.Reason{Text: "somebody was faster"})
	fmt.Println(err != nil)
	// Output:
	// 1 <nil>
	// true
}
