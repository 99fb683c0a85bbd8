package access

import (
	"context"
	"encoding/csv"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/test/harness"
)

// billedRow is what one line of the finest report says, in the default prices.
type billedRow struct{ machine, receiver, format, operation string }

func counts(u harness.Usage) map[billedRow]int64 {
	out := map[billedRow]int64{}
	for _, d := range u.Data {
		out[billedRow{d.Machine, d.Receiver, d.Format, d.Operation}] += d.Total
	}
	return out
}

// R12, R27: each creation and each successful verification is counted once, and nothing else is.
func TestTheMeterCountsWhatHappenedAndNothingElse(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		began := now()
		want := map[billedRow]int64{}
		for _, format := range formats {
			token := w.mint(t, format)
			want[billedRow{w.a.ID, "", format, "create"}]++
			for range 3 {
				w.Verify(t, w.b.SecretKey, token.Token).Want(t, http.StatusOK)
				want[billedRow{w.a.ID, w.b.ID, format, "verify"}]++
			}
			w.Verify(t, w.InstanceKey, token.Token).Want(t, http.StatusOK)
			want[billedRow{w.a.ID, "", format, "verify"}]++

			// A batch: the same token twice counts twice, a bad one not at all.
			bad := secret.New(secret.OpaqueToken).Reveal()
			w.verifyBatch(t, w.b.SecretKey, []string{token.Token, bad, token.Token, ""})
			want[billedRow{w.a.ID, w.b.ID, format, "verify"}] += 2

			// At once, through as many connections.
			var wg sync.WaitGroup
			for range 40 {
				wg.Go(func() { w.Verify(t, w.b.SecretKey, token.Token).Want(t, http.StatusOK) })
			}
			wg.Wait()
			want[billedRow{w.a.ID, w.b.ID, format, "verify"}] += 40

			// Refusals and faults cost nothing.
			w.Verify(t, w.c.SecretKey, token.Token).Want(t, http.StatusNotFound)
			w.Verify(t, "", token.Token).Want(t, http.StatusUnauthorized)
			w.Verify(t, w.b.SecretKey, bad).Want(t, http.StatusNotFound)
			w.Call(t, http.MethodPost, "/m2m_tokens", w.a.SecretKey, harness.Fields{"token_format": format, "claims": harness.Fields{"sub": 1}}).
				Want(t, http.StatusBadRequest)
			w.Call(t, http.MethodPost, "/m2m_tokens", w.InstanceKey, harness.Fields{"token_format": format}).Want(t, http.StatusUnauthorized)
			w.Revoke(t, w.a.SecretKey, token.ID).Want(t, http.StatusOK)
			w.Verify(t, w.b.SecretKey, token.Token).Want(t, http.StatusNotFound)
		}
		got := w.UsageOf(t, w.InstanceKey, began, now())
		if !maps.Equal(counts(got), want) {
			t.Errorf("counted %v, want %v", counts(got), want)
		}

		// The default prices: $0.001 a creation, $0.0001 a verification of an opaque token, nothing for a JWT's.
		var total, billable, amount int64
		for row, n := range want {
			total += n
			switch {
			case row.operation == "create":
				billable, amount = billable+n, amount+n*1_000_000
			case row.format == "opaque":
				billable, amount = billable+n, amount+n*100_000
			}
		}
		if got.Total != total || got.Billable != billable || got.Amount != amount {
			t.Errorf("totals %d, %d, %d; want %d, %d, %d", got.Total, got.Billable, got.Amount, total, billable, amount)
		}
		checkCSV(t, w, began, total)
	})
}

// checkCSV holds the CSV form to the same total.
func checkCSV(t *testing.T, w world, began time.Time, total int64) {
	t.Helper()
	span := "start=" + began.UTC().Truncate(time.Hour).Format(time.RFC3339) + "&end=" + now().UTC().Truncate(time.Hour).Add(time.Hour).Format(time.RFC3339)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.Base+"/v1/usage?"+span, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+w.InstanceKey)
	req.Header.Set("Accept", "text/csv")
	lines, err := csv.NewReader(strings.NewReader(string(w.Send(t, req).Want(t, http.StatusOK).Body))).ReadAll()
	if err != nil || len(lines) < 2 {
		t.Fatalf("CSV of %d lines: %v", len(lines), err)
	}
	var sum int64
	for _, line := range lines[1:] {
		n, err := strconv.ParseInt(line[5], 10, 64)
		if err != nil {
			t.Fatalf("%v: %v", line, err)
		}
		sum += n
	}
	if lines[0][5] != "total_usage" || sum != total {
		t.Errorf("the CSV counts %d, want %d", sum, total)
	}
}

// Who hangs up before its batch begins is not asked for, and not billed.
func TestWhoHangsUpWhileItWaitsIsNotBilled(t *testing.T) {
	t.Parallel()
	d := harness.New(t, harness.Postgres(t), "DUALMINT_WRITERS=1")
	w := newWorld(t, d.Start(t))
	began := now()
	token := w.mint(t, "opaque")
	w.Verify(t, w.b.SecretKey, token.Token).Want(t, http.StatusOK)

	release, held := holdWriters(t, d)
	var first sync.WaitGroup
	first.Go(func() { w.Verify(t, w.b.SecretKey, token.Token).Want(t, http.StatusOK) })
	for end := time.Now().Add(10 * time.Second); !held(); time.Sleep(time.Millisecond) { // until its batch is under way
		if time.Now().After(end) {
			t.Fatal("nothing is held up")
		}
	}
	impatient, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(w.Base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	body := `{"token":"` + token.Token + `"}`
	_, err = fmt.Fprintf(impatient, "POST /v1/m2m_tokens/verify HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		w.b.SecretKey, len(body), body)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond) // it waits for the next batch
	if err := impatient.Close(); err != nil {
		t.Fatal(err)
	}
	release()
	first.Wait()
	w.Verify(t, w.b.SecretKey, token.Token).Want(t, http.StatusOK)
	if got := w.UsageOf(t, w.InstanceKey, began, now()); got.Total != 1+3 {
		t.Errorf("%d counted, want the creation and three verifications", got.Total)
	}
}

// holdWriters holds up every commit that counts something, until it is released; held tells whether one waits.
func holdWriters(t *testing.T, d *harness.Deployment) (release func(), held func() bool) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), d.Database)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "BEGIN; SELECT 1 FROM writers FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	release = func() {
		if err := conn.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}
	held = func() bool {
		var waits bool
		err := conn.QueryRow(t.Context(), "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))").Scan(&waits)
		if err != nil {
			t.Fatal(err)
		}
		return waits
	}
	return release, held
}

// Another public price list: a monthly allowance is used up before anything is billed.
func TestTheAllowanceIsFreeAndTheRestIsNot(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		began := now()
		token := w.mint(t, "opaque")
		for range 4 {
			w.mint(t, "jwt")
		}
		for range 7 {
			w.Verify(t, w.b.SecretKey, token.Token).Want(t, http.StatusOK)
		}
		got := w.UsageOf(t, w.InstanceKey, began, now())
		if got.Total != 12 || got.Billable != 5 || got.Amount != 3*1_000_000+2*10_000 {
			t.Errorf("totals %d, %d, %d", got.Total, got.Billable, got.Amount)
		}
	}, "DUALMINT_PRICES=create=0.001 verify=0.00001", "DUALMINT_ALLOWANCES=create=2 verify=5")
}

// Two processes count into one account.
func TestReplicasCountTogether(t *testing.T) {
	t.Parallel()
	replicas := harness.OnPostgres(t, 2)
	w := newWorld(t, replicas[0])
	began := now()
	token := w.mint(t, "opaque")
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() { replicas[i%2].Verify(t, w.b.SecretKey, token.Token).Want(t, http.StatusOK) })
	}
	wg.Wait()
	for _, s := range replicas {
		if got := s.UsageOf(t, s.InstanceKey, began, now()); got.Total != 201 || got.Amount != 1_000_000+200*100_000 {
			t.Errorf("%d counted for %d", got.Total, got.Amount)
		}
	}
}

// What was counted survives the end of the process, whether it was told to stop or killed.
func TestWhatWasAnsweredStaysCountedAfterARestart(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]func(testing.TB) string{"sqlite": harness.SQLite, "postgres": harness.Postgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := harness.New(t, database(t))
			w := newWorld(t, d.Start(t))
			began := now()
			token := w.mint(t, "opaque")
			for range 50 {
				w.Verify(t, w.b.SecretKey, token.Token).Want(t, http.StatusOK)
			}
			w.Kill()
			w.Server = d.Start(t)
			w.Verify(t, w.b.SecretKey, token.Token).Want(t, http.StatusOK)
			if got := w.UsageOf(t, w.InstanceKey, began, now()); got.Total != 52 {
				t.Errorf("%d counted, want 52", got.Total)
			}
		})
	}
}
