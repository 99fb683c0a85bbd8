package keys

import "time"

// MaxStale is how long the verify package goes on with the last good key set, unless told otherwise, while the issuer gives it no
// newer one (R35).
const MaxStale = 24 * time.Hour

// CutOffForgetAfter is how long after its compromise a key may still be trusted by those who verify offline with the verify package and
// cannot reach the issuer. It is the last of the bounds of R41: whoever does reach it is held to ForgottenAfter.
func (p Policy) CutOffForgetAfter() time.Duration { return p.Lease + max(p.MaxAge, MaxStale) }
