package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strconv"
	"time"
)

const (
	firstPause = 100 * time.Millisecond
	maxPause   = 5 * time.Second
	maxAnswer  = 64 << 10
)

// fetch asks for a token, and again after a pause while the issuer is in trouble (network, 429, 5xx). It never asks earlier than the
// issuer says; if that is too long for whoever waits here, wait is how long it is.
func (s *Source) fetch(ctx context.Context) (t token, wait time.Duration, err error) {
	body, err := s.body()
	if err != nil {
		return token{}, 0, err
	}
	pause := firstPause
	for attempt := 1; ; attempt++ {
		t, wait, err := s.ask(ctx, body)
		if err == nil || errors.Is(err, ErrRejected) || attempt >= s.config.Attempts || wait > maxPause {
			return t, wait, err
		}
		if err := sleep(ctx, wait+jitter(pause)); err != nil {
			return token{}, 0, err
		}
		pause = min(2*pause, maxPause)
	}
}

func (s *Source) body() ([]byte, error) {
	fields := map[string]any{}
	if s.config.TokenFormat != "" {
		fields["token_format"] = s.config.TokenFormat
	}
	if s.config.Life > 0 {
		fields["seconds_until_expiration"] = s.config.Life.Seconds()
	}
	if s.config.Claims != nil {
		fields["claims"] = s.config.Claims
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("encode the claims: %w", err)
	}
	return body, nil
}

// ask sends one request. wait is what the issuer says with Retry-After.
func (s *Source) ask(ctx context.Context, body []byte) (t token, wait time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.address, bytes.NewReader(body))
	if err != nil {
		return token{}, 0, fmt.Errorf("ask for a token: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+s.config.Secret)
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.config.HTTPClient.Do(req)
	if err != nil {
		return token{}, 0, fmt.Errorf("ask for a token: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return token{}, 0, fmt.Errorf("read the issuer's answer: %w", err)
	}
	if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= http.StatusInternalServerError {
		return token{}, s.retryAfter(resp.Header), fmt.Errorf("ask for a token: status %d", resp.StatusCode)
	}
	if resp.StatusCode != http.StatusCreated {
		return token{}, 0, fmt.Errorf("%w: status %d %s", ErrRejected, resp.StatusCode, code(text))
	}
	t, err = s.read(text)
	return t, 0, err
}

// retryAfter reads when to come back (RFC 9110 section 10.2.3), seconds or a date, a day at most. 0: it does not say.
func (s *Source) retryAfter(h http.Header) time.Duration {
	const most = 24 * time.Hour
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, most)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(s.config.Now()), 0), most)
}

func (s *Source) read(text []byte) (token, error) {
	var answer struct {
		Token      string `json:"token"`
		CreatedAt  int64  `json:"created_at"`
		Expiration *int64 `json:"expiration"`
	}
	if err := json.Unmarshal(text, &answer); err != nil || answer.Token == "" {
		return token{}, errors.New("the issuer's answer cannot be read")
	}
	t := token{bearer: answer.Token}
	if answer.Expiration != nil {
		// By the issuer's clock it lives so long; by ours it ends so long from now.
		life := time.Duration(*answer.Expiration-answer.CreatedAt) * time.Millisecond
		now := s.config.Now()
		t.ends = now.Add(life)
		t.renewAt = t.ends.Add(-min(life/renewFraction, maxEarly))
	}
	return t, nil
}

// code is the first error code of an answer in the issuer's shape, for the message.
func code(text []byte) string {
	var answer struct {
		Errors []struct {
			Code string `json:"code"`
		} `json:"errors"`
	}
	if json.Unmarshal(text, &answer) != nil || len(answer.Errors) == 0 {
		return ""
	}
	return answer.Errors[0].Code
}

// jitter is between half of d and d, so that clients that failed together do not come back together.
func jitter(d time.Duration) time.Duration {
	n, err := rand.Int(rand.Reader, big.NewInt(int64(d/2)))
	if err != nil { // crypto/rand ends the process instead
		return d
	}
	return d/2 + time.Duration(n.Int64())
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the issuer: %w", ctx.Err())
	}
}
