package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// machine is what the commands show of a machine object.
type machine struct {
	ID              string          `json:"id"`
	Name            string          `json:"name"`
	InstanceID      string          `json:"instance_id"`
	CreatedAt       int64           `json:"created_at"`
	UpdatedAt       int64           `json:"updated_at"`
	DefaultTokenTTL *int64          `json:"default_token_ttl"`
	DefaultFormat   string          `json:"default_token_format"`
	Scoped          []machine       `json:"scoped_machines"`
	SecretKey       string          `json:"secret_key"`
	PublicJWK       json.RawMessage `json:"public_jwk"`
}

const machinesPath = "/v1/machines"

func machinePath(id string, rest ...string) string {
	parts := []string{machinesPath, url.PathEscape(id)}
	for _, r := range rest {
		parts = append(parts, url.PathEscape(r))
	}
	return strings.Join(parts, "/")
}

func (p *program) machines() *cobra.Command {
	return group("machines", "Register machines and say which may call which",
		p.machinesCreate(), p.machinesList(), p.machinesShow(), p.machinesUpdate(), p.machinesDelete(),
		p.machinesAllow(), p.machinesDisallow(), p.machinesSecret(), p.machinesRotateSecret())
}

// machineFlags are the properties that create and update share. Only flags that were given go on the wire.
type machineFlags struct {
	name, ttl, format, publicJWK string
}

func (f *machineFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.ttl, "ttl", "", "default life of its tokens, such as 1h, or never (opaque tokens only)")
	c.Flags().StringVar(&f.format, "format", "", "default format of its tokens: opaque or jwt")
	c.Flags().StringVar(&f.publicJWK, "public-jwk", "", "file with its public key for private_key_jwt, as a JWK; or none")
}

func (f *machineFlags) body(p *program, c *cobra.Command) (map[string]any, error) {
	body := map[string]any{}
	if f.name != "" || c.Flags().Changed("name") {
		body["name"] = f.name
	}
	if c.Flags().Changed("ttl") {
		ttl, err := parseLifetime("ttl", f.ttl)
		if err != nil {
			return nil, err
		}
		body["default_token_ttl"] = ttl
	}
	if c.Flags().Changed("format") {
		body["default_token_format"] = f.format
	}
	if !c.Flags().Changed("public-jwk") {
		return body, nil
	}
	if f.publicJWK == "none" {
		body["public_jwk"] = nil
		return body, nil
	}
	text, err := p.read(f.publicJWK)
	if err != nil {
		return nil, usageError(fmt.Errorf("--public-jwk: %w", err))
	}
	if !json.Valid(text) {
		return nil, usageError(errors.New("--public-jwk: the file holds no JWK, which is JSON; docs/integrate/README.md makes one of a PEM"))
	}
	body["public_jwk"] = json.RawMessage(text)
	return body, nil
}

func (p *program) machinesCreate() *cobra.Command {
	var f machineFlags
	var allow []string
	var quiet bool
	c := &cobra.Command{Use: "create NAME", Short: "Register a machine and show its secret", Args: args(cobra.ExactArgs(1))}
	f.add(c)
	c.Flags().StringArrayVar(&allow, "allow", nil, "id of a machine that it may call; repeat for several")
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "print its id and its secret, and nothing else")
	o := p.jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := o.only("quiet", quiet); err != nil {
			return err
		}
		f.name = args[0]
		body, err := f.body(p, c)
		if err != nil {
			return err
		}
		if len(allow) > 0 {
			body["scoped_machines"] = allow
		}
		a, err := p.operator()
		if err != nil {
			return err
		}
		var m machine
		text, err := a.post(c.Context(), machinesPath, body, &m)
		if err == nil && quiet {
			return o.line("%s %s", m.ID, m.SecretKey)
		}
		return o.machine(text, err, &m)
	}
	return c
}

func (p *program) machinesList() *cobra.Command {
	var query, order string
	var limit, offset int
	c := &cobra.Command{Use: "list", Short: "List machines", Args: args(cobra.NoArgs)}
	c.Flags().StringVar(&query, "query", "", "an exact id, or part of the name")
	c.Flags().StringVar(&order, "order-by", "-created_at", "name or created_at, with + or - before it")
	c.Flags().IntVar(&limit, "limit", 100, "at most this many, up to 500")
	c.Flags().IntVar(&offset, "offset", 0, "leave out this many")
	o := p.jsonFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		a, err := p.operator()
		if err != nil {
			return err
		}
		q := url.Values{"limit": {strconv.Itoa(limit)}, "offset": {strconv.Itoa(offset)}, "order_by": {order}}
		if query != "" {
			q.Set("query", query)
		}
		var page struct {
			Data       []machine `json:"data"`
			TotalCount int       `json:"total_count"`
		}
		text, err := a.get(c.Context(), machinesPath, q, &page)
		if err != nil {
			return err
		}
		if done, err := o.raw(text); done {
			return err
		}
		rows := make([][]string, 0, len(page.Data))
		for _, m := range page.Data {
			rows = append(rows, []string{m.ID, m.Name, m.DefaultFormat, lifetime(m.DefaultTokenTTL), strconv.Itoa(len(m.Scoped)), instant(&m.CreatedAt)})
		}
		if err := o.table("ID NAME FORMAT TTL MAY-CALL CREATED", rows); err != nil || len(rows) == page.TotalCount {
			return err
		}
		return o.line("%d of %d machines; --limit and --offset show others", len(rows), page.TotalCount)
	}
	return c
}

func (p *program) machinesShow() *cobra.Command {
	c := &cobra.Command{Use: "show ID", Short: "Show one machine", Args: args(cobra.ExactArgs(1))}
	o := p.jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		a, err := p.operator()
		if err != nil {
			return err
		}
		var m machine
		text, err := a.get(c.Context(), machinePath(args[0]), nil, &m)
		return o.machine(text, err, &m)
	}
	return c
}

func (p *program) machinesUpdate() *cobra.Command {
	var f machineFlags
	c := &cobra.Command{Use: "update ID", Short: "Rename a machine or change its defaults", Args: args(cobra.ExactArgs(1))}
	f.add(c)
	c.Flags().StringVar(&f.name, "name", "", "new name")
	o := p.jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		body, err := f.body(p, c)
		if err != nil {
			return err
		}
		if len(body) == 0 {
			return usageError(errors.New("say what to change: --name, --ttl, --format or --public-jwk"))
		}
		a, err := p.operator()
		if err != nil {
			return err
		}
		var m machine
		text, err := a.call(c.Context(), http.MethodPatch, machinePath(args[0]), nil, body)
		text, err = decoded(text, err, &m)
		return o.machine(text, err, &m)
	}
	return c
}

func (p *program) machinesDelete() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use: "delete ID --yes", Short: "Delete a machine: its secret and its tokens stop working at once", Args: args(cobra.ExactArgs(1)), DisableFlagsInUseLine: true,
		Long: "Delete a machine for good: its secret and its tokens stop working at once. Without --yes it says what would be lost, and exits with 2.",
	}
	c.Flags().BoolVar(&yes, "yes", false, "do it")
	o := p.jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		a, err := p.operator()
		if err != nil {
			return err
		}
		if !yes {
			return warning(c.Context(), a, args[0])
		}
		text, err := a.call(c.Context(), http.MethodDelete, machinePath(args[0]), nil, nil)
		if err != nil {
			return err
		}
		if done, err := o.raw(text); done {
			return err
		}
		return o.line("%s is deleted", args[0])
	}
	return c
}

// warning says what deleting a machine would end, as an error of usage.
func warning(ctx context.Context, a *api, id string) error {
	var m machine
	if _, err := a.get(ctx, machinePath(id), nil, &m); err != nil {
		return err
	}
	var live struct {
		TotalCount int `json:"total_count"`
	}
	if _, err := a.get(ctx, tokensPath, url.Values{"subject": {m.ID}, "limit": {"1"}}, &live); err != nil {
		return err
	}
	return usageError(fmt.Errorf("nothing is deleted yet: this would end %s (%s) for good, which may call %d machines and has %d live tokens; add --yes to do it",
		m.ID, printable(m.Name), len(m.Scoped), live.TotalCount))
}

// machine prints the answer of a call that gives one machine.
func (o *output) machine(text json.RawMessage, err error, m *machine) error {
	if err != nil {
		return err
	}
	if done, err := o.raw(text); done {
		return err
	}
	var scoped []string
	for _, s := range m.Scoped {
		scoped = append(scoped, s.ID+" ("+s.Name+")")
	}
	pairs := [][2]string{
		{"id", m.ID},
		{"name", m.Name},
		{"default format", m.DefaultFormat},
		{"default life", lifetime(m.DefaultTokenTTL)},
		{"may call", strings.Join(scoped, ", ")},
		{"created", instant(&m.CreatedAt)},
		{"updated", instant(&m.UpdatedAt)},
	}
	if key := string(m.PublicJWK); key != "" && key != "null" {
		pairs = append(pairs, [2]string{"public key", key})
	}
	if m.SecretKey != "" {
		pairs = append(pairs, [2]string{"secret", m.SecretKey})
	}
	return o.sheet(pairs...)
}
