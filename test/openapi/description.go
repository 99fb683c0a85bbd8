// Package openapi holds real exchanges against the description that the service serves of itself.
//
// It owns one promise: an answer that the description does not allow, down to a surplus field, is an error, and so is a request that
// was served well although the description forbids it. It knows nothing of the service but that description. Start reading here.
package openapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// Description is openapi.yaml, read and found sound.
type Description struct {
	doc    *openapi3.T
	router routers.Router
}

// Operation is one method of one path.
type Operation struct {
	*openapi3.Operation
	Method string
	Path   string // as in the description, with {names}
}

// Exchange is a request and its answer, both read to their ends.
type Exchange struct {
	Method, URL string
	Sent        http.Header
	SentBody    []byte
	Status      int
	Header      http.Header
	Body        []byte
}

// Read parses the description and validates it, its examples too.
func Read(ctx context.Context, text []byte) (*Description, error) {
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, fmt.Errorf("read the description: %w", err)
	}
	if err := doc.Validate(ctx); err != nil {
		return nil, fmt.Errorf("validate the description: %w", err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		return nil, fmt.Errorf("route the description: %w", err)
	}
	return &Description{doc: doc, router: router}, nil
}

// Operations lists everything that is described, by path and method.
func (d *Description) Operations() []Operation {
	var out []Operation
	for path, item := range d.doc.Paths.Map() {
		for method, op := range item.Operations() {
			out = append(out, Operation{Operation: op, Method: method, Path: path})
		}
	}
	slices.SortFunc(out, func(a, b Operation) int { return strings.Compare(a.Name(), b.Name()) })
	return out
}

// Name is the path and the method, such as "/v1/machines GET".
func (o Operation) Name() string { return o.Path + " " + o.Method }

// Of finds the operation that an exchange is one of.
func (d *Description) Of(x Exchange) (Operation, error) {
	route, _, _, err := d.find(x)
	if err != nil {
		return Operation{}, err
	}
	return Operation{Operation: route.Operation, Method: route.Method, Path: route.Path}, nil
}

// Check tells whether the description allows the exchange.
func (d *Description) Check(ctx context.Context, x Exchange) error {
	route, params, req, err := d.find(x)
	if err != nil {
		return err
	}
	in := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route, Options: &openapi3filter.Options{
		IncludeResponseStatus: true,
		SkipSettingDefaults:   true,
		AuthenticationFunc:    bearer,
	}}
	if x.Status < http.StatusBadRequest {
		if err := openapi3filter.ValidateRequest(ctx, in); err != nil {
			return fmt.Errorf("%s: a request that was served: %w", route.Path, err)
		}
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: x.Status, Header: x.Header, Options: in.Options}
	out.SetBodyBytes(x.Body)
	if err := openapi3filter.ValidateResponse(ctx, out); err != nil {
		return fmt.Errorf("%s %s answered %d: %w", route.Method, route.Path, x.Status, err)
	}
	return contentType(x)
}

func (d *Description) find(x Exchange) (*routers.Route, map[string]string, *http.Request, error) {
	req, err := http.NewRequest(x.Method, x.URL, io.NopCloser(bytes.NewReader(x.SentBody))) //nolint:noctx // it is never sent
	if err != nil {
		return nil, nil, nil, fmt.Errorf("rebuild a request: %w", err)
	}
	req.Header = x.Sent
	route, params, err := d.router.FindRoute(req)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("%s %s is not described: %w", x.Method, req.URL.Path, err)
	}
	return route, params, req, nil
}

// bearer is satisfied by any bearer credential: whose it is, the service decides.
func bearer(_ context.Context, in *openapi3filter.AuthenticationInput) error {
	if !strings.HasPrefix(in.RequestValidationInput.Request.Header.Get("Authorization"), "Bearer ") {
		return errors.New("no bearer credential was sent")
	}
	return nil
}

// contentType is exact for JSON: with a charset behind it, an SDK hands back a raw string.
func contentType(x Exchange) error {
	if got := x.Header.Get("Content-Type"); strings.Contains(got, "json") && got != "application/json" {
		return fmt.Errorf("%s %s: content type %q", x.Method, x.URL, got)
	}
	return nil
}
