package usage

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParsePrices reads a price list: entries separated by semicolons, each an optional date and one or both prices in dollars,
//
//	create=0.001 verify=0.0001; 2027-01-01 create=0.0012
//
// An entry without a date may only come first and holds from the beginning; dates are midnight UTC and ascend; a price that an entry
// does not name stays as it was, and the first entry starts from the default prices. Dollars are decimals of at most nine places and
// at most a million. The empty string is the default list. The error names every fault, one a line.
func ParsePrices(text string) (PriceList, error) {
	steps, err := parseSteps(text, step{create: DefaultCreatePrice, verify: DefaultVerifyPrice}, parseDollars)
	if err != nil {
		return PriceList{}, err
	}
	return PriceList{prices: steps}, nil
}

// WithAllowances gives the same prices with monthly free allowances, written as in ParsePrices with whole numbers of operations:
//
//	create=2500 verify=100000; 2027-01-01 verify=50000
//
// The first entry starts from no allowance at all.
func (p PriceList) WithAllowances(text string) (PriceList, error) {
	steps, err := parseSteps(text, step{}, parseCount)
	if err != nil {
		return PriceList{}, err
	}
	return PriceList{prices: p.prices, allowances: steps}, nil
}

// String writes the prices so that ParsePrices reads the same list again.
func (p PriceList) String() string { return formatSteps(p.priceSteps(), formatDollars) }

// Allowances writes the allowances so that WithAllowances reads the same again.
func (p PriceList) Allowances() string {
	return formatSteps(p.allowanceSteps(), func(n int64) string { return strconv.FormatInt(n, 10) })
}

func parseSteps(text string, base step, value func(string) (int64, error)) ([]step, error) {
	steps := []step{base}
	if strings.TrimSpace(text) == "" {
		return steps, nil
	}
	var faults []error
	for i, entry := range strings.Split(text, ";") {
		last := steps[len(steps)-1]
		s, err := parseEntry(entry, last, value)
		switch {
		case err != nil:
		case !s.from.IsZero() && s.from.After(last.from):
			steps = append(steps, s)
		case s.from.IsZero() && i == 0:
			steps[0] = s
		case s.from.IsZero():
			err = errors.New("a date such as 2027-01-01 must come first: only the first entry holds from the beginning")
		default:
			err = fmt.Errorf("%s is not after %s: dates must ascend", s.from.Format(time.DateOnly), last.from.Format(time.DateOnly))
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("entry %d: %w", i+1, err))
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return steps, nil
}

// parseEntry reads one entry; what it does not name is taken from the step before.
func parseEntry(entry string, before step, value func(string) (int64, error)) (step, error) {
	words := strings.Fields(entry)
	if len(words) == 0 {
		return step{}, errors.New("empty")
	}
	s := step{create: before.create, verify: before.verify}
	if !strings.Contains(words[0], "=") {
		from, err := time.Parse(time.DateOnly, words[0])
		if err != nil || !from.After(time.Time{}) {
			return step{}, fmt.Errorf("%q is neither a date such as 2027-01-01 nor create= or verify= with a value", words[0])
		}
		s.from, words = from, words[1:]
	}
	if len(words) == 0 {
		return step{}, errors.New("names neither create nor verify")
	}
	seen := map[string]bool{}
	for _, word := range words {
		name, number, ok := strings.Cut(word, "=")
		if !ok || name != "create" && name != "verify" {
			return step{}, fmt.Errorf("%q gives neither create= nor verify= a value", word)
		}
		if seen[name] {
			return step{}, fmt.Errorf("%s is named twice", name)
		}
		seen[name] = true
		n, err := value(number)
		if err != nil {
			return step{}, fmt.Errorf("%s: %w", name, err)
		}
		if name == "create" {
			s.create = n
			continue
		}
		s.verify = n
	}
	return s, nil
}

func formatSteps(steps []step, value func(int64) string) string {
	entries := make([]string, len(steps))
	for i, s := range steps {
		if !s.from.IsZero() {
			entries[i] = s.from.Format(time.DateOnly) + " "
		}
		entries[i] += "create=" + value(s.create) + " verify=" + value(s.verify)
	}
	return strings.Join(entries, "; ")
}
