package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// usageReport is what the command shows of a report.
type usageReport struct {
	Data []usageLine `json:"data"`
	usageAmounts
}

type usageLine struct {
	Start       string `json:"start"`
	MachineID   string `json:"machine_id"`
	ReceiverID  string `json:"receiver_id"`
	TokenFormat string `json:"token_format"`
	Operation   string `json:"operation"`
	usageAmounts
}

type usageAmounts struct {
	Total    int64 `json:"total_usage"`
	Billable int64 `json:"total_billable_usage"`
	Amount   int64 `json:"amount_nanodollars"`
}

func (p *program) usage() *cobra.Command {
	var start, end, interval, groupBy string
	var csv bool
	c := &cobra.Command{
		Use: "usage", Short: "Report what was used and what it costs", Args: args(cobra.NoArgs),
		Long: "Report what was used and what it costs, by default in this month of UTC, by day, machine, format and operation.",
	}
	c.Flags().StringVar(&start, "start", "", "first day or hour of UTC, such as 2026-11-01 or 2026-11-01T06:00:00Z (default: the start of this month)")
	c.Flags().StringVar(&end, "end", "", "day or hour at which the report ends, exclusive (default: the end of this hour)")
	c.Flags().StringVar(&interval, "interval", "day", "hour, day or month")
	c.Flags().StringVar(&groupBy, "group-by", "machine,format,operation", "any of machine,receiver,format,operation, or nothing")
	c.Flags().BoolVar(&csv, "csv", false, "print the answer as CSV")
	o := p.jsonFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := o.only("csv", csv); err != nil {
			return err
		}
		a, err := p.operator()
		if err != nil {
			return err
		}
		if err := errors.Join(instantFlag("start", &start), instantFlag("end", &end)); err != nil {
			return usageError(err)
		}
		q := p.usageQuery(start, end, interval, groupBy)
		if csv {
			text, err := a.callFor(c.Context(), "text/csv", http.MethodGet, "/v1/usage", q, nil)
			if err == nil {
				_, err = o.w.Write(text)
			}
			return err
		}
		var r usageReport
		text, err := a.get(c.Context(), "/v1/usage", q, &r)
		return o.usage(text, err, &r, groupBy)
	}
	return c
}

// instantFlag makes a day of UTC the hour with which it begins.
func instantFlag(flag string, text *string) error {
	if *text == "" {
		return nil
	}
	if day, err := time.Parse(time.DateOnly, *text); err == nil {
		*text = day.Format(time.RFC3339)
		return nil
	}
	if _, err := time.Parse(time.RFC3339, *text); err != nil {
		return fmt.Errorf("--%s must be a day such as 2026-11-01, or an hour such as 2026-11-01T06:00:00Z", flag)
	}
	return nil
}

func (p *program) usageQuery(start, end, interval, groupBy string) url.Values {
	now := p.now().UTC()
	if start == "" {
		start = time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC).Format(time.RFC3339)
	}
	if end == "" {
		end = now.Truncate(time.Hour).Add(time.Hour).Format(time.RFC3339)
	}
	q := url.Values{"start": {start}, "end": {end}, "interval": {interval}}
	if groupBy != "" {
		q.Set("group_by", groupBy)
	}
	return q
}

// usage prints a report with the columns that it was grouped by, and the sum.
func (o *output) usage(text json.RawMessage, err error, r *usageReport, groupBy string) error {
	if err != nil {
		return err
	}
	if done, err := o.raw(text); done {
		return err
	}
	groups := slices.DeleteFunc(strings.Split(groupBy, ","), func(g string) bool { return g == "" })
	header := strings.ToUpper(strings.Join(append([]string{"start"}, groups...), " ")) + " USED BILLABLE AMOUNT"
	rows := make([][]string, 0, len(r.Data)+1)
	for _, l := range r.Data {
		row := []string{l.Start}
		for _, g := range groups {
			row = append(row, map[string]string{
				"machine": l.MachineID, "receiver": l.ReceiverID, "format": l.TokenFormat, "operation": l.Operation,
			}[g])
		}
		rows = append(rows, append(row, l.cells()...))
	}
	sum := append([]string{"total"}, make([]string, len(groups))...)
	return o.table(header, append(rows, append(sum, r.cells()...)))
}

func (a usageAmounts) cells() []string {
	return []string{strconv.FormatInt(a.Total, 10), strconv.FormatInt(a.Billable, 10), dollars(a.Amount)}
}

// dollars writes nano-dollars exactly, with at least two places.
func dollars(nano int64) string {
	const billion = 1_000_000_000
	cents := strings.TrimRight(fmt.Sprintf("%09d", nano%billion), "0")
	for len(cents) < 2 {
		cents += "0"
	}
	return fmt.Sprintf("$%d.%s", nano/billion, cents)
}
