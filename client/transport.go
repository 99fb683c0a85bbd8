package client

import (
	"fmt"
	"io"
	"net/http"
)

// maxDrain is how much of a refused answer is read so that its connection can be used again.
const maxDrain = 64 << 10

// Transport is a http.RoundTripper that puts the machine's token on every request. An answer of 401 makes it get a new token and ask
// once more, if the body can be sent again. base sends the requests; nil: http.DefaultTransport. Use it only for the services that
// the token is meant for: it goes wherever the request goes, redirects included.
func (s *Source) Transport(base http.RoundTripper) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	return &transport{source: s, base: base}
}

type transport struct {
	source *Source
	base   http.RoundTripper
}

// RoundTrip sends a copy of the request with the token on it.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, bearer, err := t.send(r)
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	again, ok := rewound(r)
	if !ok {
		return resp, nil
	}
	t.source.Discard(bearer)
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxDrain))
	_ = resp.Body.Close()
	resp, _, err = t.send(again)
	return resp, err
}

func (t *transport) send(r *http.Request) (*http.Response, string, error) {
	bearer, err := t.source.Token(r.Context())
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // a RoundTripper always closes it
		}
		return nil, "", fmt.Errorf("get a token: %w", err)
	}
	out := r.Clone(r.Context())
	out.Header.Set("Authorization", "Bearer "+bearer)
	resp, err := t.base.RoundTrip(out)
	return resp, bearer, err
}

// rewound is the request with its body from the beginning, if that can be had.
func rewound(r *http.Request) (*http.Request, bool) {
	if r.Body == nil || r.Body == http.NoBody {
		return r, true
	}
	if r.GetBody == nil {
		return nil, false
	}
	body, err := r.GetBody()
	if err != nil {
		return nil, false
	}
	out := r.Clone(r.Context())
	out.Body = body
	return out, true
}
