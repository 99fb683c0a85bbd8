package usage

import (
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

// The default prices in nano-dollars (a billionth of a dollar): $0.001 a creation, $0.0001 a verification.
const (
	DefaultCreatePrice = 1_000_000
	DefaultVerifyPrice = 100_000
)

// PriceList says what a creation and a successful verification of an opaque token cost, and how many of each are free in a month, at
// any hour. The zero PriceList has the default prices and no allowance.
type PriceList struct {
	prices     []step // nano-dollars
	allowances []step // operations a month
}

// step is what holds from a date until the next step's. The first step of a list holds from the beginning of time.
type step struct {
	from   time.Time // midnight UTC; zero: always
	create int64
	verify int64
}

// Rate is what one operation costs beyond the month's allowance.
type Rate struct {
	NanoDollars int64 // for each one
	Free        int64 // a month, for all machines together
}

// At gives the rate that holds for an operation in an hour. An operation that is not metered costs nothing.
func (p PriceList) At(hour time.Time, op m2m.Operation) Rate {
	return Rate{
		NanoDollars: at(p.priceSteps(), hour).of(op),
		Free:        at(p.allowanceSteps(), hour).of(op),
	}
}

func (p PriceList) priceSteps() []step {
	if len(p.prices) == 0 {
		return []step{{create: DefaultCreatePrice, verify: DefaultVerifyPrice}}
	}
	return p.prices
}

func (p PriceList) allowanceSteps() []step {
	if len(p.allowances) == 0 {
		return []step{{}}
	}
	return p.allowances
}

// givesAllowance tells whether anything is ever free, so that a report without allowances need not read from the month's start.
func (p PriceList) givesAllowance() bool {
	for _, s := range p.allowances {
		if s.create > 0 || s.verify > 0 {
			return true
		}
	}
	return false
}

// at finds the step that holds in an hour; steps ascend, and the first holds always.
func at(steps []step, hour time.Time) step {
	holds := steps[0]
	for _, s := range steps[1:] {
		if s.from.After(hour) {
			break
		}
		holds = s
	}
	return holds
}

func (s step) of(op m2m.Operation) int64 {
	switch op {
	case m2m.OpCreate:
		return s.create
	case m2m.OpVerify:
		return s.verify
	default:
		return 0
	}
}
