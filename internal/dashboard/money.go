package dashboard

import (
	"fmt"
	"strings"
)

const nanosPerDollar = 1_000_000_000

// dollars writes an amount exactly, with two decimals at least: "$0.001", "$1,234.50".
func dollars(nanos int64) string {
	whole, rest := nanos/nanosPerDollar, fmt.Sprintf("%09d", nanos%nanosPerDollar)
	rest = strings.TrimRight(rest[2:], "0")
	return "$" + number(whole) + "." + fmt.Sprintf("%09d", nanos%nanosPerDollar)[:2] + rest
}

// about writes an estimate, rounded up to whole cents: what is expected is never less than what is there.
func about(nanos int64) string {
	const cent = nanosPerDollar / 100
	cents := nanos / cent
	if nanos%cent > 0 {
		cents++
	}
	return "$" + number(cents/100) + fmt.Sprintf(".%02d", cents%100)
}
