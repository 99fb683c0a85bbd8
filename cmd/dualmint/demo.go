package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dualmint/dualmint/internal/config"
	jwtmode "github.com/dualmint/dualmint/internal/jwt"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

func (p *program) demo() *cobra.Command {
	var base, issuer string
	c := &cobra.Command{
		Use: "demo", Short: "Show the main job at work against a running instance", Args: args(cobra.NoArgs),
		Long: `Show the main job at work against a running instance: two machines, both kinds of token, what was metered, and lines to
paste. It uses two machines of its own, which it finds again the next time. Their secrets stand in its output.`,
	}
	c.Flags().StringVar(&base, "url", "", "the instance (default: DUALMINT_URL)")
	c.Flags().StringVar(&issuer, "issuer", "", "what it calls itself, and must (default: DUALMINT_ISSUER, else what it publishes)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		environ := p.environ
		if base != "" {
			environ = append(slices.Clip(environ), config.Prefix+"URL="+base)
		}
		if issuer != "" {
			environ = append(slices.Clip(environ), config.Prefix+"ISSUER="+issuer)
		}
		settings, err := config.LoadClient(environ, p.dir)
		if err != nil {
			return usageError(err)
		}
		if settings.Issuer == settings.URL { // nobody said it: the instance may be reached under another address than its own
			if settings.Issuer, err = publishedIssuer(c.Context(), newAPI(settings.URL, "")); err != nil {
				return fmt.Errorf("demo: %w", err)
			}
		}
		return p.showDemo(c.Context(), settings)
	}
	return c
}

// demonstration is one run of the demo.
type demonstration struct {
	page
	api    *api
	issuer string
	now    func() time.Time
	a, b   demoMachine
	before map[string]usageAmounts
	window url.Values
}

type demoMachine struct {
	name   string
	id     string
	secret secret.Text
}

func (p *program) showDemo(ctx context.Context, settings config.Client) error {
	if settings.SecretKey == "" {
		return usageError(errors.New("DUALMINT_SECRET_KEY is not set: the demo registers two machines"))
	}
	hour := p.now().UTC().Truncate(time.Hour)
	d := &demonstration{
		page: page{w: p.out}, api: newAPI(settings.URL, settings.SecretKey), issuer: settings.Issuer, now: p.now,
		// An hour more than the present one, in case it strikes during the demo.
		window: url.Values{
			"start": {hour.Format(time.RFC3339)}, "end": {hour.Add(2 * time.Hour).Format(time.RFC3339)},
			"interval": {"day"}, "group_by": {"machine,format,operation"},
		},
	}
	defer d.api.http.CloseIdleConnections()
	for _, step := range []func(context.Context) error{d.machines, d.opaque, d.jwt, d.metered, d.paste} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("demo: %w", err)
		}
	}
	return d.err
}

// machines finds or makes the two machines and lets each call the other.
func (d *demonstration) machines(ctx context.Context) error {
	var err error
	if d.a, err = d.machine(ctx, "demo machine A"); err != nil {
		return err
	}
	if d.b, err = d.machine(ctx, "demo machine B"); err != nil {
		return err
	}
	for _, pair := range [][2]string{{d.a.id, d.b.id}, {d.b.id, d.a.id}} {
		_, err := d.api.call(ctx, http.MethodPost, machinePath(pair[0], "scopes"), nil, map[string]any{"to_machine_id": pair[1]})
		var answer *apiError
		if errors.As(err, &answer) && answer.Status == http.StatusConflict {
			err = nil // an earlier demo did it
		}
		if err != nil {
			return err
		}
	}
	if d.before, err = d.usage(ctx); err != nil {
		return err
	}
	d.head("Two machines, each allowed to call the other")
	d.fact("machine A", d.a.id+"   may call B")
	d.fact("machine B", d.b.id+"   may call A")
	return nil
}

func (d *demonstration) machine(ctx context.Context, name string) (demoMachine, error) {
	var found struct {
		Data []machine `json:"data"`
	}
	if _, err := d.api.get(ctx, machinesPath, url.Values{"query": {name}, "limit": {"500"}, "order_by": {"+created_at"}}, &found); err != nil {
		return demoMachine{}, err
	}
	for _, m := range found.Data {
		if m.Name != name {
			continue
		}
		var s machineSecret
		_, err := d.api.get(ctx, machinePath(m.ID, "secret_key"), nil, &s)
		return demoMachine{name, m.ID, secret.Text(s.Secret)}, err
	}
	var m machine
	_, err := d.api.post(ctx, machinesPath, map[string]any{"name": name}, &m)
	return demoMachine{name, m.ID, secret.Text(m.SecretKey)}, err
}

// opaque shows the stored, revocable kind.
func (d *demonstration) opaque(ctx context.Context) error {
	t, err := d.mint(ctx, m2m.Opaque)
	if err != nil {
		return err
	}
	d.head("An opaque token: checked against the database every time")
	d.fact("A mints", short(t.Token))
	if err := d.accepted(ctx, d.b, t); err != nil {
		return err
	}
	d.fact("B verifies", "good: machine A, claims "+string(t.Claims))
	if _, err := d.api.as(d.a.secret).call(ctx, http.MethodPost, tokensPath+"/"+t.ID+"/revoke", nil, map[string]any{"revocation_reason": "demo"}); err != nil {
		return err
	}
	d.fact("A revokes it", t.ID)
	if err := d.refused(ctx, d.b, t); err != nil {
		return err
	}
	d.fact("B verifies", "refused, at once")
	return nil
}

// jwt shows the signed, offline kind.
func (d *demonstration) jwt(ctx context.Context) error {
	t, err := d.mint(ctx, m2m.JWT)
	if err != nil {
		return err
	}
	d.head("A JWT: checked offline against the published key set")
	d.fact("A mints", short(t.Token))
	set, err := fetchKeySet(ctx, d.api.as(""))
	if err != nil {
		return err
	}
	d.fact("B fetches", fmt.Sprintf("the key set, once: %d keys", len(set)))
	v, err := jwtmode.NewVerifier(jwtmode.VerifierConfig{Issuer: d.issuer, Keys: set, Now: d.now, Leeway: 5 * time.Second})
	if err != nil {
		return err
	}
	start := d.now()
	good, err := v.Verify(secret.Text(t.Token), m2m.MachineID(d.b.id))
	if err != nil {
		return fmt.Errorf("the offline check does not accept a fresh token; does the instance call itself %s? --issuer says otherwise: %w", d.issuer, err)
	}
	took := d.now().Sub(start).Round(time.Microsecond)
	d.fact("B verifies", fmt.Sprintf("good: machine A, claims %s; %s, without a request", good.Grant.Claims, took))
	if _, err := v.Verify(secret.Text(t.Token), m2m.MachineID(d.a.id)); !errors.Is(err, m2m.ErrRefused) {
		return errors.New("a receiver outside the token's scopes accepts it")
	}
	d.fact("A verifies", "refused: the token is not for A")
	return nil
}

// metered shows what this demo used, read back from what was committed.
func (d *demonstration) metered(ctx context.Context) error {
	after, err := d.usage(ctx)
	if err != nil {
		return err
	}
	d.head("What was metered, in the same transactions")
	var rows [][]string
	var sum usageAmounts
	for _, key := range []string{"opaque create", "opaque verify", "jwt create", "jwt verify"} {
		used, was := after[key], d.before[key]
		used.Total, used.Billable, used.Amount = used.Total-was.Total, used.Billable-was.Billable, used.Amount-was.Amount
		if used.Total == 0 {
			continue
		}
		format, operation, _ := strings.Cut(key, " ")
		rows = append(rows, append([]string{format, operation}, used.cells()...))
		sum.Total, sum.Billable, sum.Amount = sum.Total+used.Total, sum.Billable+used.Billable, sum.Amount+used.Amount
	}
	d.rows(append(append([][]string{{"FORMAT", "OPERATION", "USED", "BILLED", "AMOUNT"}}, rows...), append([]string{"", "total"}, sum.cells()...)))
	return nil
}

// usage is what machine A's tokens were used for in this hour, by format and operation.
func (d *demonstration) usage(ctx context.Context) (map[string]usageAmounts, error) {
	var r usageReport
	if _, err := d.api.get(ctx, "/v1/usage", d.window, &r); err != nil {
		return nil, err
	}
	out := map[string]usageAmounts{}
	for _, l := range r.Data {
		if l.MachineID != d.a.id {
			continue
		}
		key := l.TokenFormat + " " + l.Operation
		sum := out[key]
		out[key] = usageAmounts{sum.Total + l.Total, sum.Billable + l.Billable, sum.Amount + l.Amount}
	}
	return out, nil
}

func (d *demonstration) mint(ctx context.Context, f m2m.Format) (*token, error) {
	var t token
	_, err := d.api.as(d.a.secret).post(ctx, tokensPath, map[string]any{"token_format": f, "claims": map[string]any{"order": 42}}, &t)
	return &t, err
}

func (d *demonstration) accepted(ctx context.Context, by demoMachine, t *token) error {
	var v token
	if _, err := d.api.as(by.secret).post(ctx, tokensPath+"/verify", map[string]any{"token": t.Token}, &v); err != nil {
		return err
	}
	if v.Subject != d.a.id || v.ID != t.ID {
		return errors.New("the instance verified another token than was asked about")
	}
	return nil
}

func (d *demonstration) refused(ctx context.Context, by demoMachine, t *token) error {
	_, err := d.api.as(by.secret).call(ctx, http.MethodPost, tokensPath+"/verify", nil, map[string]any{"token": t.Token})
	var answer *apiError
	switch {
	case err == nil:
		return errors.New("a revoked token is accepted")
	case errors.As(err, &answer) && answer.Status == http.StatusNotFound:
		return nil
	default:
		return err
	}
}
