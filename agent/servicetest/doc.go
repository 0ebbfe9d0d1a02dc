// Package servicetest is the suite that every agent.Service passes, and the
// World that it runs in: servers, Autodiscover, a store, secrets and consents
// that do what a test says and note what they are asked.
package servicetest
