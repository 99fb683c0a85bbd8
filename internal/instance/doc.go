// Package instance keeps what makes one database one deployment: its id, its issuer, its instance key and the canary that
// tells whether the master keys are the right ones.
//
// It owns the first start and the checks of every other start, which fail closed. It refuses to know where the keys and the
// issuer come from. Its invariants: an instance never changes its id or its issuer; nothing is served under a master key that
// does not open the canary (R9). Start reading at open.go.
package instance
