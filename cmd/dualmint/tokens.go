package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// token is what the commands show of a token object.
type token struct {
	ID               string          `json:"id"`
	Subject          string          `json:"subject"`
	Format           string          `json:"token_format"`
	Scopes           []string        `json:"scopes"`
	Claims           json.RawMessage `json:"claims"`
	Revoked          bool            `json:"revoked"`
	RevocationReason *string         `json:"revocation_reason"`
	Expired          bool            `json:"expired"`
	Expiration       *int64          `json:"expiration"`
	LastUsedAt       *int64          `json:"last_used_at"`
	CreatedAt        int64           `json:"created_at"`
	Token            string          `json:"token"`
}

const (
	tokensPath = "/v1/m2m_tokens" //nolint:gosec // G101: a path, no credential
	maxInput   = 64 << 10
)

func (p *program) tokens() *cobra.Command {
	return group("tokens", "Create, list, verify and revoke tokens",
		p.tokensCreate(), p.tokensList(), p.tokensVerify(), p.tokensRevoke())
}

func (p *program) tokensCreate() *cobra.Command {
	var format, ttl, claims, reuse string
	var quiet bool
	c := &cobra.Command{Use: "create", Short: "Create a token, as the machine of DUALMINT_MACHINE_SECRET_KEY", Args: args(cobra.NoArgs)}
	c.Flags().StringVar(&format, "format", "", "opaque or jwt (default: the machine's)")
	c.Flags().StringVar(&ttl, "ttl", "", "its life, such as 10m (default: the machine's)")
	c.Flags().StringVar(&claims, "claims", "", "custom claims: a JSON object, or @FILE")
	c.Flags().StringVar(&reuse, "reuse", "", "take a token created earlier with this flag if it has at least so long to live")
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "print the token and nothing else")
	o := p.jsonFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := o.only("quiet", quiet); err != nil {
			return err
		}
		body := map[string]any{}
		if format != "" {
			body["token_format"] = format
		}
		if c.Flags().Changed("ttl") {
			seconds, err := parseSeconds("ttl", ttl, time.Second, m2m.MaxTTL)
			if err != nil {
				return err
			}
			body["seconds_until_expiration"] = seconds
		}
		if c.Flags().Changed("claims") {
			object, err := p.claims(claims)
			if err != nil {
				return err
			}
			body["claims"] = object
		}
		if c.Flags().Changed("reuse") {
			seconds, err := parseSeconds("reuse", reuse, 0, m2m.MaxTTL)
			if err != nil {
				return err
			}
			body["min_remaining_ttl_seconds"] = seconds
		}
		a, err := p.machine()
		if err != nil {
			return err
		}
		var t token
		text, err := a.post(c.Context(), tokensPath, body, &t)
		if err == nil && quiet {
			return o.line("%s", t.Token)
		}
		return o.token(text, err, &t)
	}
	return c
}

func (p *program) claims(text string) (json.RawMessage, error) {
	if name, ok := strings.CutPrefix(text, "@"); ok {
		b, err := p.read(name)
		if err != nil {
			return nil, usageError(fmt.Errorf("--claims: %w", err))
		}
		text = string(b)
	}
	if !json.Valid([]byte(text)) {
		return nil, usageError(errors.New("--claims must be a JSON object"))
	}
	return json.RawMessage(text), nil
}

func (p *program) tokensList() *cobra.Command {
	var subject string
	var revoked, expired, asMachine bool
	var limit, offset int
	c := &cobra.Command{Use: "list [ID]", Short: "List a machine's tokens, newest first", Args: args(cobra.MaximumNArgs(1))}
	c.Flags().StringVar(&subject, "machine", "", "whose tokens, instead of the argument")
	c.Flags().BoolVar(&revoked, "revoked", false, "revoked ones too")
	c.Flags().BoolVar(&expired, "expired", false, "expired ones too")
	c.Flags().IntVar(&limit, "limit", 50, "at most this many, up to 100")
	c.Flags().IntVar(&offset, "offset", 0, "leave out this many")
	c.Flags().BoolVar(&asMachine, "as-machine", false, "ask as the machine of DUALMINT_MACHINE_SECRET_KEY")
	o := p.jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 1 && subject != "" {
			return usageError(errors.New("say whose tokens once: with ID or with --machine"))
		}
		if len(args) == 1 {
			subject = args[0]
		}
		if subject == "" {
			return usageError(errors.New("say whose tokens: dualmint tokens list ID; a machine's secret does not tell its id, so --as-machine needs it too"))
		}
		a, err := p.either(asMachine)
		if err != nil {
			return err
		}
		q := url.Values{"subject": {subject}, "limit": {strconv.Itoa(limit)}, "offset": {strconv.Itoa(offset)}}
		if revoked {
			q.Set("revoked", "true")
		}
		if expired {
			q.Set("expired", "true")
		}
		var page struct {
			Tokens     []token `json:"m2m_tokens"`
			TotalCount int     `json:"total_count"`
		}
		text, err := a.get(c.Context(), tokensPath, q, &page)
		if err != nil {
			return err
		}
		if done, err := o.raw(text); done {
			return err
		}
		rows := make([][]string, 0, len(page.Tokens))
		for _, t := range page.Tokens {
			rows = append(rows, []string{t.ID, t.Format, t.state(), instant(t.Expiration), instant(t.LastUsedAt), instant(&t.CreatedAt)})
		}
		if err := o.table("ID FORMAT STATE EXPIRES LAST-USED CREATED", rows); err != nil || len(rows) == page.TotalCount {
			return err
		}
		return o.line("%d of %d tokens; --limit and --offset show others", len(rows), page.TotalCount)
	}
	return c
}

// either acts as the operator, or as a machine where that was asked for by name.
func (p *program) either(asMachine bool) (*api, error) {
	if asMachine {
		return p.machine()
	}
	return p.operator()
}

func (p *program) tokensVerify() *cobra.Command {
	var asOperator bool
	c := &cobra.Command{
		Use: "verify [TOKEN]", Short: "Ask whether a token is good for the machine of DUALMINT_MACHINE_SECRET_KEY", Args: args(cobra.MaximumNArgs(1)),
		Long: `Ask whether a token is good for the machine of DUALMINT_MACHINE_SECRET_KEY. Without an argument, or with -, the token is
read from standard input, where no process list shows it.

Exit codes: 0 good; 3 refused, whatever the reason; 4 the machine's own secret is not accepted; 1 it cannot be told now.`,
	}
	c.Flags().BoolVar(&asOperator, "as-operator", false, "use the instance key instead: good for any receiver")
	o := p.jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		text, err := p.argument(args)
		if err != nil {
			return err
		}
		a, err := p.either(!asOperator)
		if err != nil {
			return err
		}
		var t token
		answer, err := a.post(c.Context(), tokensPath+"/verify", map[string]any{"token": text}, &t)
		var refusal *apiError
		if errors.As(err, &refusal) && (refusal.Status == http.StatusBadRequest || refusal.Status == http.StatusRequestEntityTooLarge) {
			return &exitError{exitRefused, err} // nothing that this service ever made
		}
		return o.token(answer, err, &t)
	}
	return c
}

// argument is the one argument, or what stands on standard input.
func (p *program) argument(args []string) (string, error) {
	if len(args) == 1 && args[0] != "-" {
		return args[0], nil
	}
	b, err := io.ReadAll(io.LimitReader(p.in, maxInput))
	if err != nil {
		return "", fmt.Errorf("read standard input: %w", err)
	}
	if b = bytes.TrimSpace(b); len(b) == 0 {
		return "", usageError(errors.New("no token on standard input"))
	}
	return string(b), nil
}

func (p *program) tokensRevoke() *cobra.Command {
	var reason string
	var asMachine bool
	c := &cobra.Command{Use: "revoke ID", Short: "Revoke a token of either format by its id, for good", Args: args(cobra.ExactArgs(1))}
	c.Flags().StringVar(&reason, "reason", "", "why")
	c.Flags().BoolVar(&asMachine, "as-machine", false, "revoke as the machine of DUALMINT_MACHINE_SECRET_KEY")
	o := p.jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if secret.WellFormed(secret.OpaqueToken, args[0]) || strings.Count(args[0], ".") == 2 {
			return usageError(errors.New("that is the token itself, which does not belong in an address: give its id (mt_ and 32 hex digits)"))
		}
		a, err := p.either(asMachine)
		if err != nil {
			return err
		}
		body := map[string]any{}
		if reason != "" {
			body["revocation_reason"] = reason
		}
		var t token
		text, err := a.post(c.Context(), tokensPath+"/"+url.PathEscape(args[0])+"/revoke", body, &t)
		return o.token(text, err, &t)
	}
	return c
}

func (t *token) state() string {
	switch {
	case t.Revoked:
		return "revoked"
	case t.Expired:
		return "expired"
	default:
		return "live"
	}
}

// token prints the answer of a call that gives one token.
func (o *output) token(text json.RawMessage, err error, t *token) error {
	if err != nil {
		return err
	}
	if done, err := o.raw(text); done {
		return err
	}
	pairs := [][2]string{
		{"id", t.ID},
		{"machine", t.Subject},
		{"format", t.Format},
		{"state", t.state()},
		{"scopes", strings.Join(t.Scopes, " ")},
		{"claims", string(t.Claims)},
		{"created", instant(&t.CreatedAt)},
		{"expires", instant(t.Expiration)},
	}
	if t.RevocationReason != nil {
		pairs = append(pairs, [2]string{"reason", *t.RevocationReason})
	}
	if t.Token != "" {
		pairs = append(pairs, [2]string{"token", t.Token})
	}
	return o.sheet(pairs...)
}
