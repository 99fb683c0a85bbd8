package m2m

import (
	"errors"
	"time"
)

// Sentinels that cross packages. internal/http has the one table that turns them into status, code and sentence.
var (
	// ErrUnauthenticated: the credential belongs to nobody, or to the wrong sort of party for this call.
	ErrUnauthenticated = errors.New("credential unknown")
	// ErrForbidden: the caller is known and may not do this.
	ErrForbidden = errors.New("not allowed")
	// ErrNotFound: there is no such thing, or not for this caller.
	ErrNotFound = errors.New("not found")
	// ErrMachineNotFound: no living machine has this id.
	ErrMachineNotFound = errors.New("machine not found")
	// ErrConflict: the thing exists already.
	ErrConflict = errors.New("exists already")
	// ErrRefused: this token is not good. Never says why.
	ErrRefused = errors.New("token refused")
	// ErrUnavailable: cannot tell now. Never reads as good or bad.
	ErrUnavailable = errors.New("unavailable now")
	// ErrBusy: the queue is full; wait and ask again.
	ErrBusy = errors.New("busy")
	// ErrTooLarge: the token would pass the size limit of its format.
	ErrTooLarge = errors.New("token too large")
	// ErrKeyNotActive: the key that signed is no longer the one that signs; nothing was recorded.
	ErrKeyNotActive = errors.New("signing key not active")
)

// Reason says what is wrong with a field.
type Reason string

// What can be wrong with a field; the names follow the wire contract's form_param codes.
const (
	Missing      Reason = "missing"
	IsNil        Reason = "nil"
	WrongType    Reason = "type_invalid"
	WrongFormat  Reason = "format_invalid"
	WrongValue   Reason = "value_invalid"
	TooLong      Reason = "max_length_exceeded"
	Unknown      Reason = "unknown"
	NoSuchThing  Reason = "resource_not_found"
	ReservedName Reason = "reserved_claim"
)

// FieldError is an input fault: which field, what is wrong, and a sentence for the person who sent it. The sentence never
// repeats a credential.
type FieldError struct {
	Field   string
	Reason  Reason
	Message string
	Most    time.Duration // of a lifetime that is too long, the longest there may be; 0 for every other fault
}

// Error names the field and the fault.
func (e *FieldError) Error() string { return e.Field + ": " + e.Message }
