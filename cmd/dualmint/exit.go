package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/dualmint/dualmint/internal/config"
)

// The exit codes that the help of the root command promises.
const (
	exitFailed  = 1
	exitUsage   = 2
	exitRefused = 3
	exitDenied  = 4
	exitExists  = 5
)

// exitError is an error with an exit code of its own.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func usageError(err error) error { return &exitError{exitUsage, err} }

// report writes what went wrong, if anything, and gives the exit code.
func report(stderr io.Writer, err error) int {
	if err == nil {
		return 0
	}
	_, _ = fmt.Fprintln(stderr, "dualmint:", err) // nowhere else to tell
	return codeOf(err)
}

func codeOf(err error) int {
	var coded *exitError
	var answer *apiError
	var settings config.SettingsError
	switch {
	case errors.As(err, &coded):
		return coded.code
	case errors.As(err, &answer) && len(answer.Faults) > 0 && answer.Faults[0].Code == "rotation_too_soon":
		return exitRefused
	case errors.As(err, &answer):
		return codeOfStatus(answer.Status)
	case errors.As(err, &settings):
		return exitUsage
	default:
		return exitFailed
	}
}

// codeOfStatus tells scripts what kind of no the server said. What is not clearly a no counts as "cannot tell".
func codeOfStatus(status int) int {
	switch status {
	case http.StatusNotFound:
		return exitRefused
	case http.StatusUnauthorized, http.StatusForbidden:
		return exitDenied
	case http.StatusConflict:
		return exitExists
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge:
		return exitUsage
	default:
		return exitFailed
	}
}
