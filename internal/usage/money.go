package usage

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

const (
	nanosPerDollar = 1_000_000_000
	decimalPlaces  = 9
	maxDollars     = 1_000_000
)

// errTooMuch: a count or an amount passed what an int64 holds; for money that is 9,223,372,036.854775807 dollars.
var errTooMuch = errors.New("past the largest number")

// parseDollars reads a plain decimal into nano-dollars, digit by digit: a float would not hold 0.001.
func parseDollars(text string) (int64, error) {
	whole, fraction, hasPoint := strings.Cut(text, ".")
	if !digits(whole) || hasPoint && !digits(fraction) {
		return 0, fmt.Errorf("%q is not a number of dollars such as 0.001", text)
	}
	if len(fraction) > decimalPlaces {
		return 0, fmt.Errorf("%q has more than %d decimal places", text, decimalPlaces)
	}
	dollars, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || dollars > maxDollars {
		return 0, fmt.Errorf("%q is more than %d dollars", text, maxDollars)
	}
	nanos, err := strconv.ParseInt(fraction+strings.Repeat("0", decimalPlaces-len(fraction)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number of dollars such as 0.001", text)
	}
	if dollars == maxDollars && nanos > 0 {
		return 0, fmt.Errorf("%q is more than %d dollars", text, maxDollars)
	}
	return dollars*nanosPerDollar + nanos, nil
}

// formatDollars writes nano-dollars as the shortest decimal that parseDollars reads back.
func formatDollars(nanos int64) string {
	text := fmt.Sprintf("%d.%09d", nanos/nanosPerDollar, nanos%nanosPerDollar)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// parseCount reads a whole number of operations.
func parseCount(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || !digits(text) {
		return 0, fmt.Errorf("%q is not a whole number such as 2500", text)
	}
	return n, nil
}

func digits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// add and multiply work on numbers that are not negative, and fail rather than wrap around.
func add(a, b int64) (int64, error) {
	if a > math.MaxInt64-b {
		return 0, errTooMuch
	}
	return a + b, nil
}

func multiply(a, b int64) (int64, error) {
	if b != 0 && a > math.MaxInt64/b {
		return 0, errTooMuch
	}
	return a * b, nil
}
