package main

import (
	"errors"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// change runs a command that the server answers with little: the line is what people read then.
func (p *program) change(c *cobra.Command, method string, path func(args []string) string, body func(args []string) any, line func(args []string) string) *cobra.Command {
	o := p.jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		a, err := p.operator()
		if err != nil {
			return err
		}
		text, err := a.call(c.Context(), method, path(args), nil, body(args))
		if err != nil {
			return err
		}
		if done, err := o.raw(text); done {
			return err
		}
		return o.line("%s", line(args))
	}
	return c
}

func (p *program) machinesAllow() *cobra.Command {
	return p.change(
		&cobra.Command{Use: "allow FROM TO", Short: "Let one machine call another, one way", Args: args(cobra.ExactArgs(2))},
		http.MethodPost,
		func(args []string) string { return machinePath(args[0], "scopes") },
		func(args []string) any { return map[string]any{"to_machine_id": args[1]} },
		func(args []string) string { return args[0] + " may call " + args[1] })
}

func (p *program) machinesDisallow() *cobra.Command {
	return p.change(
		&cobra.Command{Use: "disallow FROM TO", Short: "Take that back", Args: args(cobra.ExactArgs(2))},
		http.MethodDelete,
		func(args []string) string { return machinePath(args[0], "scopes", args[1]) },
		func([]string) any { return nil },
		func(args []string) string { return args[0] + " may no longer call " + args[1] })
}

type machineSecret struct {
	Secret string `json:"secret"`
}

func (p *program) machinesSecret() *cobra.Command {
	c := &cobra.Command{Use: "secret ID", Short: "Print a machine's secret, which the audit log notes", Args: args(cobra.ExactArgs(1))}
	o := p.jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		a, err := p.operator()
		if err != nil {
			return err
		}
		var s machineSecret
		text, err := a.get(c.Context(), machinePath(args[0], "secret_key"), nil, &s)
		if err != nil {
			return err
		}
		if done, err := o.raw(text); done {
			return err
		}
		return o.line("%s", s.Secret)
	}
	return c
}

func (p *program) machinesRotateSecret() *cobra.Command {
	var overlap string
	c := &cobra.Command{Use: "rotate-secret ID --overlap DURATION", Short: "Give a machine a new secret and print it", Args: args(cobra.ExactArgs(1))}
	c.Flags().StringVar(&overlap, "overlap", "", "how long the old secret still works: 0s to 8h; a secret that an earlier rotation left working ends now")
	o := p.jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if !c.Flags().Changed("overlap") {
			return usageError(errors.New("say with --overlap how long the old secret still works, such as 1h, or 0s"))
		}
		seconds, err := parseSeconds("overlap", overlap, 0, 8*time.Hour)
		if err != nil {
			return err
		}
		a, err := p.operator()
		if err != nil {
			return err
		}
		var s machineSecret
		text, err := a.post(c.Context(), machinePath(args[0], "secret_key", "rotate"), map[string]any{"previous_token_ttl": seconds}, &s)
		if err != nil {
			return err
		}
		if done, err := o.raw(text); done {
			return err
		}
		return o.line("%s", s.Secret)
	}
	return c
}
