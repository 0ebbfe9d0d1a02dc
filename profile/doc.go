// Package profile keeps mail profiles: where a mailbox is, who logs on there,
// and where both were before.
//
// A [Store] holds profiles as generations. Save never changes a generation; it
// writes the next one in a single step, and only on top of the generation that
// the caller has seen. [Files] is the store on disk, [Memory] the one for
// tests; package storetest is the suite that both pass.
//
// # On disk
//
//	Dir/profiles/<ID>/current.json              the Profile: a contract for other programs
//	Dir/profiles/<ID>/generations/NNNNNN.json   each Generation, with its reason
//	Dir/profiles/<ID>/lock                      held while one of them is written
//
// current.json alone decides which generation a profile is at. A generation
// with a higher number was never committed and is overwritten by the next Save.
// Old versions of current.json are understood for ever; a newer one is left
// alone.
//
// # Secrets
//
// A profile holds no secret, only a reference to one (see [LoginRef]).
// [SecretStore] looks it up in the backend that the reference names, and in no
// other.
package profile
