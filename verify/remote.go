package verify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/dualmint/dualmint/internal/batch"
	"github.com/dualmint/dualmint/internal/secret"
)

const (
	verifyBatchPath = "/v1/m2m_tokens/verify_batch"
	maxBatch        = 256
	maxQueue        = 8192
	maxWait         = time.Second
	maxAnswer       = 8 << 20
	callsAtATime    = 2
)

// remote asks the issuer about tokens. Concurrent questions share calls; a call is sealed before it is sent and nothing joins it
// afterwards, so no answer is older than its question and a revocation is instant.
type remote struct {
	config Config
	group  *batch.Group[struct{}, secret.Text, *Grant]
}

func newRemote(c Config) *remote {
	r := &remote{config: c}
	r.group = batch.New[struct{}](r.ask, batch.Options{
		Workers: callsAtATime, MaxBatch: maxBatch, MaxQueue: maxQueue, MaxShare: maxQueue, MaxWait: maxWait, Deadline: c.Timeout,
		Alone: func(error) bool { return false },
	}, c.Now)
	return r
}

// verify asks about one token.
func (r *remote) verify(ctx context.Context, t secret.Text) (*Grant, error) {
	answers, err := r.group.Do(ctx, struct{}{}, []secret.Text{t})
	if err != nil {
		if errors.Is(err, ErrUnavailable) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if answers[0] == nil {
		return nil, ErrRefused
	}
	return answers[0], nil
}

// answerObject is one result of verify_batch: a token object, or errors.
type answerObject struct {
	Object     string            `json:"object"`
	ID         string            `json:"id"`
	Subject    string            `json:"subject"`
	Claims     json.RawMessage   `json:"claims"`
	Scopes     []string          `json:"scopes"`
	Revoked    bool              `json:"revoked"`
	Expired    bool              `json:"expired"`
	Expiration *int64            `json:"expiration"`
	CreatedAt  int64             `json:"created_at"`
	Format     string            `json:"token_format"`
	Errors     []json.RawMessage `json:"errors"`
}

// ask sends one call. Every error is ErrUnavailable; nil answers are refusals.
func (r *remote) ask(ctx context.Context, tokens []secret.Text) ([]*Grant, error) {
	plain := make([]string, len(tokens))
	for i, t := range tokens {
		plain[i] = t.Reveal()
	}
	body, err := json.Marshal(map[string][]string{"tokens": plain})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.config.address(verifyBatchPath), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	req.Header.Set("Authorization", "Bearer "+r.config.Secret)
	req.Header.Set("Content-Type", "application/json")
	resp, err := r.config.HTTPClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: ask the issuer: %w", ErrUnavailable, err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("%w: read the issuer's answer: %w", ErrUnavailable, err)
	}
	if resp.StatusCode != http.StatusOK {
		// 401 means that our own secret is not accepted: nothing can be said of the tokens.
		return nil, fmt.Errorf("%w: the issuer answered with status %d", ErrUnavailable, resp.StatusCode)
	}
	var answer struct {
		Results []answerObject `json:"results"`
	}
	if err := json.Unmarshal(text, &answer); err != nil || len(answer.Results) != len(tokens) {
		return nil, fmt.Errorf("%w: the issuer's answer cannot be read", ErrUnavailable)
	}
	out := make([]*Grant, len(tokens))
	for i := range answer.Results {
		out[i] = answer.Results[i].grant(r.config.Machine)
	}
	return out, nil
}

// grant reads a good answer. Anything that is not wholly one is a refusal.
func (a *answerObject) grant(me string) *Grant {
	if a.Object != "machine_to_machine_token" || len(a.Errors) > 0 || a.ID == "" || a.Subject == "" || a.Revoked || a.Expired {
		return nil
	}
	g := &Grant{ID: a.ID, Machine: a.Subject, Scopes: a.Scopes, IssuedAt: time.UnixMilli(a.CreatedAt).UTC().Truncate(time.Second), JWT: a.Format == "jwt"}
	if string(a.Claims) != "null" {
		g.Claims = a.Claims
	}
	if a.Expiration != nil {
		g.ExpiresAt = time.UnixMilli(*a.Expiration).UTC()
	}
	if !g.HasScope(me) {
		return nil
	}
	return g
}
