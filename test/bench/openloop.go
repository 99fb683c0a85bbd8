package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// openLoop sends verifications at a constant rate, whether earlier ones are answered or not: a stall of the server is seen by all that
// arrive during it, which a closed loop hides. The rate is a share of what the closed loop reached, because the client costs several
// times as much of the machine that it shares with the server.
func (a *arena) openLoop(ctx context.Context, closed []result, out, progress io.Writer) error {
	const share = 4
	perSecond := max(int(medianOf(closed, rate))/share, 100)
	_, _ = fmt.Fprintf(progress, "open loop, %d a second for %v\n", perSecond, a.o.open)
	metrics, err := a.attack(ctx, perSecond)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprint(out, "\n| open loop: asked for | sent | p50 | p99 | p99.9 | longest |\n|---|---|---|---|---|---|\n")
	_, _ = fmt.Fprintf(out, "| %d a second for %v | %.0f a second | %s | %s | %s | %s |\n", perSecond, a.o.open, metrics.rate,
		short(metrics.p50), short(metrics.p99), short(metrics.p999), short(metrics.longest))
	return nil
}

func (a *arena) attack(ctx context.Context, perSecond int) (result, error) {
	targets := make([]vegeta.Target, a.o.busy)
	for i := range targets {
		targets[i] = vegeta.Target{
			Method: http.MethodPost, URL: "http://" + a.servers[grouped].addr + "/v1/m2m_tokens/verify",
			Header: http.Header{"Authorization": {"Bearer " + a.postgres.receiver(i).Reveal()}, "Content-Type": {"application/json"}},
			Body:   fmt.Appendf(nil, `{"token":%q}`, a.postgres.token(i).Reveal()),
		}
	}
	var next atomic.Int64
	targeter := func(t *vegeta.Target) error {
		*t = targets[int(next.Add(1))%len(targets)]
		return nil
	}
	attacker := vegeta.NewAttacker(vegeta.Connections(256), vegeta.MaxWorkers(512), vegeta.KeepAlive(true), vegeta.Timeout(10*time.Second))
	stop := context.AfterFunc(ctx, func() { attacker.Stop() })
	defer stop()
	var all histogram
	var failed string
	began := time.Now()
	for r := range attacker.Attack(targeter, vegeta.Rate{Freq: perSecond, Per: time.Second}, a.o.open, "verify") {
		if r.Code != http.StatusOK {
			failed = fmt.Sprintf("status %d %s: %s", r.Code, r.Error, r.Body)
		}
		all.add(r.Latency)
	}
	if failed != "" {
		return result{}, fmt.Errorf("open loop: %s", failed)
	}
	return resultOf(&all, time.Since(began), 1), ctx.Err()
}
