package verify

import (
	"net/http"
	"testing"
	"time"
)

// RFC 9111 section 4.2: a cache on the way must not lengthen what the issuer granted (R41).
func TestAKeySetIsFreshForWhatIsLeftOfItsMaxAge(t *testing.T) {
	for _, c := range []struct {
		control, age string
		want         time.Duration
	}{
		{"public, max-age=600", "", 10 * time.Minute},
		{"Max-Age=600, public", "0", 10 * time.Minute},
		{"max-age=600", "240", 6 * time.Minute},
		{"max-age=600", "590", minFresh},
		{"max-age=600", "99999999999", minFresh},
		{"max-age=600", "-240", 10 * time.Minute},
		{"max-age=600", "x", 10 * time.Minute},
		{"max-age=1", "", minFresh},
		{"max-age=-1", "5", minFresh},
		{"max-age=9999999", "", maxFresh},
		{"no-store", "3", minFresh},
		{"", "", minFresh},
	} {
		if got := freshFor(http.Header{"Cache-Control": {c.control}, "Age": {c.age}}); got != c.want {
			t.Errorf("%q, age %q: %s, want %s", c.control, c.age, got, c.want)
		}
	}
}
