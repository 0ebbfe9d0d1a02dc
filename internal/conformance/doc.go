// Package conformance holds docs/conformance.md to its word: each requirement
// of the core stands there once, with tests that exist or with a reason. It has
// nothing but tests.
package conformance
