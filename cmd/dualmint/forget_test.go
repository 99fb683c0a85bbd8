package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// forgetting answers with one of these after the other, then with nothing.
type forgetting struct {
	answers    []int64 // below zero: an error
	calls      atomic.Int64
	assertions atomic.Int64 // calls for them; the first two have as many as were asked for
}

func (f *forgetting) ForgetAssertions(_ context.Context, most int) (int64, error) {
	if f.assertions.Add(1) <= 2 {
		return int64(most), nil
	}
	return 0, nil
}

func (f *forgetting) ForgetExpired(_ context.Context, most int) (int64, error) {
	call := int(f.calls.Add(1))
	if call > len(f.answers) {
		return 0, nil
	}
	if n := f.answers[call-1]; n >= 0 {
		return min(n, int64(most)), nil
	}
	return 0, errors.New("no database")
}

func TestExpiredTokensAreForgottenRoundAfterRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var log bytes.Buffer
		db := &forgetting{answers: []int64{forgetMost, forgetMost, 3, -1, 5}}
		ended := make(chan error)
		go func() { ended <- forgetExpired(ctx, db, slog.New(slog.NewTextHandler(&log, nil))) }()
		synctest.Wait()
		for round, want := range []int64{3, 4, 5, 6} { // at once as long as there is more; then every so often, trouble or not
			if got := db.calls.Load(); got != want {
				t.Errorf("round %d: %d calls, want %d", round, got, want)
			}
			if got := db.assertions.Load(); got != int64(round)+3 {
				t.Errorf("round %d: %d calls for assertions, want %d", round, got, round+3)
			}
			<-time.After(forgetEvery)
			synctest.Wait()
		}
		stop()
		if err := <-ended; err != nil || strings.Count(log.String(), "no database") != 1 {
			t.Errorf("%v, log: %s", err, log.String())
		}
	})
}
