package verify

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	issuerkeys "github.com/dualmint/dualmint/internal/keys"
)

const jwksPath = "/.well-known/jwks.json"

// fetch gets the key set from the one configured address, with a conditional request if there is one already. What is not a sound set is
// refused whole, and the last good one stays (R32). Every error is ErrUnavailable.
func (k *keySet) fetch(ctx context.Context, held *keys) (*keys, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, k.config.address(jwksPath), http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	req.Header.Set("Accept", "application/json")
	if held != nil && held.etag != "" {
		req.Header.Set("If-None-Match", held.etag)
	}
	resp, err := k.config.HTTPClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: fetch the key set: %w", ErrUnavailable, err)
	}
	defer func() { _ = resp.Body.Close() }()
	now := k.config.Now()
	if resp.StatusCode == http.StatusNotModified && held != nil {
		again := *held
		again.at, again.freshIn = now, freshFor(resp.Header)
		return &again, nil
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: fetch the key set: status %d", ErrUnavailable, resp.StatusCode)
	}
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || kind != "application/json" && kind != "application/jwk-set+json" {
		return nil, fmt.Errorf("%w: the key set is not JSON", ErrUnavailable)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, issuerkeys.MaxSetLength+1))
	if err != nil {
		return nil, fmt.Errorf("%w: read the key set: %w", ErrUnavailable, err)
	}
	byID, err := issuerkeys.ParseSet(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return &keys{byID: byID, etag: resp.Header.Get("ETag"), at: now, freshIn: freshFor(resp.Header)}, nil
}

// freshFor reads max-age, less what a cache on the way has used up of it (RFC 9111 sections 5.2.2.1 and 5.1), within bounds.
func freshFor(h http.Header) time.Duration {
	for directive := range strings.SplitSeq(h.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		if seconds, err := strconv.Atoi(value); strings.EqualFold(name, "max-age") && err == nil {
			age, err := strconv.Atoi(h.Get("Age"))
			if err != nil || age < 0 {
				age = 0
			}
			return min(max(time.Duration(seconds-min(age, seconds))*time.Second, minFresh), maxFresh)
		}
	}
	return minFresh
}
