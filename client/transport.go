package client

import (
	"fmt"
	"io"
	"net/http"
)

// maxDrain is how much of a refused answer is read so that its connection can be used again.
const maxDrain = 64 << 10

// Transport is a http.RoundTripper that puts the machine's token on every request. An answer of 401 makes it get a new token and ask
// once more, if the body can be sent again; a receiver that refuses everything is shown a new token every ten seconds at most. base sends
// the requests; nil: http.DefaultTransport. Use it only for the services that the token is meant for. A request that was redirected to
// another host goes there without it.
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
	if sentElsewhere(r) {
		return t.base.RoundTrip(r)
	}
	resp, bearer, err := t.send(r)
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	if !t.source.giveUp(bearer) {
		return resp, nil
	}
	again, ok := rewound(r)
	if !ok { // the next request will have a new token
		return resp, nil
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxDrain))
	_ = resp.Body.Close()
	resp, _, err = t.send(again)
	return resp, err
}

// sentElsewhere tells whether a redirect leads this request away from where its first one went: what net/http takes its own credentials
// from as well.
func sentElsewhere(r *http.Request) bool {
	first := r
	for first.Response != nil && first.Response.Request != nil {
		first = first.Response.Request
	}
	return r.URL.Host != first.URL.Host || r.URL.Scheme != first.URL.Scheme && r.URL.Scheme != "https"
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
