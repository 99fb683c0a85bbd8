package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/dualmint/dualmint/internal/secret"
)

const (
	callTimeout = 60 * time.Second
	maxAnswer   = 64 << 20
)

// api speaks the wire contract to one instance, as one credential or as nobody.
type api struct {
	base       string
	credential secret.Text
	http       *http.Client
}

func newAPI(base string, credential secret.Text) *api {
	return &api{base: base, credential: credential, http: &http.Client{
		Timeout: callTimeout,
		// A credential goes to the configured address and to no other.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// as is the same instance under another credential.
func (a *api) as(credential secret.Text) *api {
	return &api{base: a.base, credential: credential, http: a.http}
}

// operator acts with the instance key.
func (p *program) operator() (*api, error) {
	c, err := p.client()
	if err != nil {
		return nil, err
	}
	if c.SecretKey == "" {
		if c.NoSecretKey != nil {
			return nil, usageError(fmt.Errorf("DUALMINT_SECRET_KEY is not set, and the key of the local instance cannot be read: it %w", c.NoSecretKey))
		}
		return nil, usageError(errors.New("DUALMINT_SECRET_KEY is not set, and no local instance has left its key here"))
	}
	return newAPI(c.URL, c.SecretKey), nil
}

// machine acts with a machine's secret.
func (p *program) machine() (*api, error) {
	c, err := p.client()
	if err != nil {
		return nil, err
	}
	if c.MachineSecretKey == "" {
		return nil, usageError(errors.New("DUALMINT_MACHINE_SECRET_KEY is not set: it says which machine to act as"))
	}
	return newAPI(c.URL, c.MachineSecretKey), nil
}

// apiError is an answer that is not 2xx.
type apiError struct {
	Status  int
	Faults  []apiFault `json:"errors"`
	TraceID string     `json:"clerk_trace_id"`
}

type apiFault struct {
	Code        string `json:"code"`
	Message     string `json:"message"`
	LongMessage string `json:"long_message"`
	Meta        struct {
		ParamName string `json:"param_name"`
	} `json:"meta"`
}

// Error says what the server said, and its trace id, under which the server's log has more.
func (e *apiError) Error() string {
	var said []string
	for _, f := range e.Faults {
		text := f.LongMessage
		if text == "" {
			text = f.Message
		}
		if f.Meta.ParamName != "" && !strings.Contains(text, f.Meta.ParamName) {
			text = f.Meta.ParamName + ": " + text
		}
		said = append(said, printable(text))
	}
	if len(said) == 0 {
		said = []string{http.StatusText(e.Status)}
	}
	text := fmt.Sprintf("%s (%d", strings.Join(said, "; "), e.Status)
	if e.TraceID != "" {
		text += ", trace " + printable(e.TraceID)
	}
	return text + ")"
}

// call makes one request and gives the body of a 2xx. Other answers are *apiError.
func (a *api) call(ctx context.Context, method, path string, query url.Values, in any) (json.RawMessage, error) {
	return a.callFor(ctx, "application/json", method, path, query, in)
}

func (a *api) callFor(ctx context.Context, accept, method, path string, query url.Values, in any) (json.RawMessage, error) {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(text)
	}
	target := a.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Accept", accept)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if a.credential != "" {
		req.Header.Set("Authorization", "Bearer "+a.credential.Reveal())
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", a.base, err)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", a.base, err)
	}
	if resp.StatusCode/100 != 2 {
		e := &apiError{Status: resp.StatusCode}
		_ = json.Unmarshal(text, e) // a proxy on the way may answer in another shape: the status is enough
		return nil, e
	}
	return text, nil
}

// get and post decode the answer too.
func (a *api) get(ctx context.Context, path string, query url.Values, out any) (json.RawMessage, error) {
	text, err := a.call(ctx, http.MethodGet, path, query, nil)
	return decoded(text, err, out)
}

func (a *api) post(ctx context.Context, path string, in, out any) (json.RawMessage, error) {
	text, err := a.call(ctx, http.MethodPost, path, nil, in)
	return decoded(text, err, out)
}

func decoded(text json.RawMessage, err error, out any) (json.RawMessage, error) {
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, out); err != nil {
		return nil, fmt.Errorf("the answer is not what the contract says: %w", err)
	}
	return text, nil
}
