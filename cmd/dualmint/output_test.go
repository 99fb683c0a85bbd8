package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/dualmint/dualmint/internal/config"
)

func TestDollarsAreExact(t *testing.T) {
	for nano, want := range map[int64]string{
		0: "$0.00", 1: "$0.000000001", 100_000: "$0.0001", 10_000_000: "$0.01", 1_500_000_000: "$1.50", 9_223_372_036_854_775_807: "$9223372036.854775807",
	} {
		if got := dollars(nano); got != want {
			t.Errorf("%d: %s, want %s", nano, got, want)
		}
	}
}

// R49, R62: a machine's name cannot steer the operator's terminal.
func TestTextFromOutsideCannotSteerTheTerminal(t *testing.T) {
	var b strings.Builder
	o := &output{w: &b}
	if err := o.sheet([2]string{"name", "a\x1b[2Jb\nc\u202ed"}); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b\u202e") || strings.Count(b.String(), "\n") != 1 {
		t.Errorf("%q", b.String())
	}
	e := &apiError{Status: 404, Faults: []apiFault{{LongMessage: "\x1b[2J"}}, TraceID: "\x1b"}
	if strings.Contains(e.Error(), "\x1b") {
		t.Errorf("%q", e.Error())
	}
}

func TestCredentialIsNotSentWhereARedirectPoints(t *testing.T) {
	var seen bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { seen = true }))
	defer elsewhere.Close()
	here := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer here.Close()
	_, err := newAPI(here.URL, "sk_secret").call(t.Context(), http.MethodGet, machinesPath, nil, nil)
	var answer *apiError
	if !errors.As(err, &answer) || answer.Status != http.StatusTemporaryRedirect || seen {
		t.Errorf("%v, followed: %v", err, seen)
	}
}

func TestExitCodesTellRefusedFromCannotTell(t *testing.T) {
	for status, want := range map[int]int{
		400: exitUsage, 401: exitDenied, 403: exitDenied, 404: exitRefused, 409: exitExists, 422: exitUsage, 429: exitFailed, 500: exitFailed, 503: exitFailed, 307: exitFailed,
	} {
		if got := codeOf(&apiError{Status: status}); got != want {
			t.Errorf("%d: %d, want %d", status, got, want)
		}
	}
	if codeOf(errors.New("no route to host")) != exitFailed || codeOf(config.SettingsError{}) != exitUsage {
		t.Error("other errors")
	}
}
