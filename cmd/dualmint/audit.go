package main

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// auditEntry is what the command shows of an entry.
type auditEntry struct {
	ID        int64 `json:"id"`
	CreatedAt int64 `json:"created_at"`
	Actor     struct {
		Kind      string  `json:"kind"`
		MachineID *string `json:"machine_id"`
		Address   *string `json:"address"`
	} `json:"actor"`
	Action  string            `json:"action"`
	Target  string            `json:"target"`
	Details map[string]string `json:"details"`
}

func (p *program) audit() *cobra.Command {
	var action, target string
	var before int64
	var limit int
	c := &cobra.Command{Use: "audit", Short: "Show who changed what and when, newest first", Args: args(cobra.NoArgs)}
	c.Flags().StringVar(&action, "action", "", "exactly this action, such as machine.create")
	c.Flags().StringVar(&target, "target", "", "only what was done to this id")
	c.Flags().Int64Var(&before, "before", 0, "only entries older than this one")
	c.Flags().IntVar(&limit, "limit", 50, "at most this many, up to 500")
	o := p.jsonFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		a, err := p.operator()
		if err != nil {
			return err
		}
		q := url.Values{"limit": {strconv.Itoa(limit)}}
		for name, value := range map[string]string{"action": action, "target": target} {
			if value != "" {
				q.Set(name, value)
			}
		}
		if before > 0 {
			q.Set("before", strconv.FormatInt(before, 10))
		}
		var page struct {
			Data []auditEntry `json:"data"`
			Next *int64       `json:"next"`
		}
		text, err := a.get(c.Context(), "/v1/audit", q, &page)
		if err != nil {
			return err
		}
		if done, err := o.raw(text); done {
			return err
		}
		rows := make([][]string, 0, len(page.Data))
		for _, e := range page.Data {
			rows = append(rows, e.cells())
		}
		if err := o.table("ID TIME WHO FROM ACTION TARGET DETAILS", rows); err != nil || page.Next == nil {
			return err
		}
		return o.line("older ones: --before %d", *page.Next)
	}
	return c
}

func (e *auditEntry) cells() []string {
	who, from := e.Actor.Kind, ""
	if e.Actor.MachineID != nil {
		who = *e.Actor.MachineID
	}
	if e.Actor.Address != nil {
		from = *e.Actor.Address
	}
	var details []string
	for _, name := range slices.Sorted(maps.Keys(e.Details)) {
		details = append(details, fmt.Sprintf("%s=%q", name, e.Details[name]))
	}
	return []string{strconv.FormatInt(e.ID, 10), instant(&e.CreatedAt), who, from, e.Action, e.Target, strings.Join(details, " ")}
}
