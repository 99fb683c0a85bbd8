// Package usage turns what was counted into a report priced in integer nano-dollars.
//
// It owns the price list (prices and monthly free allowances, each with the date from which it holds), the rule of what is billed, the
// order in which an allowance is used up, and the report with its CSV form. It refuses to know how counting is done: tokens are
// counted in the transaction that creates or checks them, and this package only reads the rows.
//
// Invariants: nothing is ever rounded; every line's amount is defined by the rows alone, so any grouping, any interval and any
// cutting of a span in two adds up to the same total; what would pass an int64 is an error and never a wrong number. A report holds
// its own lines in memory and visits the rows one by one. Start reading at report.go, then meter.go.
package usage
