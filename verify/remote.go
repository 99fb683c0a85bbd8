package verify

import (
	"bytes"
	"context"
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
	maxBatch        = 128 // and not the 256 that the issuer takes: more calls of fewer keep more processors busy
	maxQueue        = 8192
	maxWait         = time.Second
	maxAnswer       = 8 << 20
	maxDrain        = 64 << 10
	callsAtATime    = 4
	crowd           = 96                    // another call beside one under way is for many, as at the issuer: fewer share the next
	quickCall       = 20 * time.Millisecond // where calls take longer than this, nobody waits for another's answer
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
		Workers: callsAtATime, Crowd: crowd, Quick: quickCall, MaxBatch: maxBatch, MaxQueue: maxQueue, MaxShare: maxQueue, MaxWait: maxWait, Deadline: c.Timeout,
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

// ask sends one call. Every error is ErrUnavailable; nil answers are refusals.
func (r *remote) ask(ctx context.Context, tokens []secret.Text) ([]*Grant, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.config.address(verifyBatchPath), bytes.NewReader(writeQuestion(tokens)))
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
	if resp.StatusCode != http.StatusOK {
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxDrain)) // so that the connection can be used again
		// 401 means that our own secret is not accepted: nothing can be said of the tokens.
		return nil, fmt.Errorf("%w: the issuer answered with status %d", ErrUnavailable, resp.StatusCode)
	}
	text, err := readAtMost(resp, maxAnswer)
	if err != nil {
		return nil, fmt.Errorf("%w: read the issuer's answer: %w", ErrUnavailable, err)
	}
	grants, ok := readAnswer(text, r.config.Machine)
	if !ok || len(grants) != len(tokens) {
		return nil, fmt.Errorf("%w: the issuer's answer cannot be read", ErrUnavailable)
	}
	return grants, nil
}

// readAtMost reads an answer of at most limit bytes, into memory of its length if that is known.
func readAtMost(resp *http.Response, limit int64) ([]byte, error) {
	if resp.ContentLength > limit {
		return nil, errors.New("too long")
	}
	var text bytes.Buffer
	if resp.ContentLength > 0 {
		text.Grow(int(resp.ContentLength) + bytes.MinRead) // with room for the read that finds the end
	}
	_, err := text.ReadFrom(io.LimitReader(resp.Body, limit+1))
	if err == nil && int64(text.Len()) > limit {
		err = errors.New("too long")
	}
	return text.Bytes(), err
}
