package keys

import (
	"errors"
	"fmt"
	"slices"

	"github.com/dualmint/dualmint/internal/m2m"
)

// ErrSealed is what every SealedError is.
var ErrSealed = errors.New("a signing key does not open with the configured master keys")

// SealedError tells of a key that signs, or is to, and does not open with the master keys of this process. While there is one, a process
// does not start, is not ready, and moves no key but a compromised one (R9).
type SealedError struct {
	Key     m2m.KeyID
	State   State
	Version string // of the master key under which it is sealed
	cause   error
}

// Error names the key and the version, and what is likely wrong.
func (e *SealedError) Error() string {
	return fmt.Sprintf("the %s signing key %s does not open: it is sealed under the master key of version %q; is that one missing in DUALMINT_MASTER_KEY?",
		e.State, e.Key, e.Version)
}

// Is makes it an ErrSealed.
func (e *SealedError) Is(target error) bool { return target == ErrSealed }

// Unwrap gives what the key said when it was opened.
func (e *SealedError) Unwrap() error { return e.cause }

// without gives the ring without the announced keys that do not open here, but for one: another key is to sign before they do.
func (v *view) without(r Ring, but m2m.KeyID) Ring {
	r.Keys = slices.DeleteFunc(slices.Clone(r.Keys), func(k Key) bool { return k.State == Announced && k.ID != but && v.shut[k.ID] })
	return r
}
