// Package archtest holds what ARCHITECTURE.md promises of the shape of this
// module against the module itself: who imports whom, and a few manners that no
// compiler checks. It has nothing but tests.
package archtest
