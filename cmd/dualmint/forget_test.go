package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// forgetting answers with one of these after the other, then with nothing.
type forgetting struct {
	answers []int64 // below zero: an error
	calls   int
}

func (f *forgetting) ForgetExpired(_ context.Context, most int) (int64, error) {
	f.calls++
	if f.calls > len(f.answers) {
		return 0, nil
	}
	if n := f.answers[f.calls-1]; n >= 0 {
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
		for round, want := range []int{3, 4, 5, 6} { // at once as long as there is more; then every so often, trouble or not
			if db.calls != want {
				t.Errorf("round %d: %d calls, want %d", round, db.calls, want)
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
