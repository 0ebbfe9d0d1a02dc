// Package conformance holds docs/conformance.md to its word: each requirement
// of the core stands there once, with tests that exist or with a reason. It does
// the same for docs/hijacks.md: each story that is staged stands there, and each
// that stands there is staged. It has nothing but tests.
package conformance
