// Package keyring plays against the keyrings of desktops as others have written
// them: the daemon of gnome-keyring, and KeePassXC. Each has a bus of its own, and
// every directory is one of the test. It has nothing but tests, behind the build
// tag integration, since they need those programs and dbus; they need neither root
// nor a display. `make integration` installs them and runs the tests; a program
// that is missing fails them.
//
// A second client on each bus looks at what is kept, locks and unlocks. The bus is
// watched meanwhile: at the end the version of every keyring is told with the
// number of calls to each of its methods that were ours; none of a kind fails the
// run.
package keyring
