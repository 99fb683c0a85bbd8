package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// A verification's caller is proven where the log does not see it; that is not the same as nobody.
func TestLogDoesNotCallAPresentedCredentialUnknown(t *testing.T) {
	w := newWorld(t)
	wantStatus(t, w.call("POST", "/m2m_tokens/verify", secretB, `{"token":"`+goodToken.Reveal()+`"}`), 200)
	wantStatus(t, w.call("POST", "/m2m_tokens/verify", "", `{"token":"x"}`), 401)
	if got := w.log.String(); strings.Count(got, `"caller":"unproven"`) != 1 || strings.Count(got, `"caller":"unknown"`) != 1 {
		t.Error(got)
	}
}

// Anybody can hang up, with or without a credential; an operator is called for what is wrong here.
func TestAClientThatHungUpIsNoAlarm(t *testing.T) {
	gone := fmt.Errorf("wait for a batch: %w", context.Canceled)
	for _, c := range []struct {
		err         error
		level, says string
	}{
		{gone, "INFO", `"reason":"the client hung up"`},
		{errors.Join(gone, m2m.ErrUnavailable), "WARN", `"error":`},
		{m2m.ErrBusy, "WARN", `"error":`},
	} {
		w := newWorld(t)
		w.tokens.fail = c.err
		wantStatus(t, w.call("POST", "/m2m_tokens/verify", secretB, `{"token":"`+goodToken.Reveal()+`"}`), 503) // whoever closed one side alone reads it
		if log := w.log.String(); !strings.Contains(log, `"level":"`+c.level+`"`) || !strings.Contains(log, c.says) {
			t.Errorf("%v: %s", c.err, log)
		}
	}
}

// What the answer does not tell a stranger (R17), the log tells the operator, wherever the proxy asks.
func TestLogTellsOfAProxyThatDoesNotSayForWhomItAsks(t *testing.T) {
	for _, path := range []string{"/v1/forward_auth", "/v1/forward_auth/", "/v1/forward_auth/orders/7"} {
		w := newWorld(t)
		wantStatus(t, w.call("GET", path, goodToken, ""), 401)
		wantStatus(t, w.call("GET", path, goodToken, "", forReceiver("x")), 401)
		wantStatus(t, w.call("GET", path, deadToken, "", forReceiver(secretB.Reveal())), 401)
		wantStatus(t, w.call("GET", path, goodToken, "", forReceiver(secret.New(secret.MachineSecret).Reveal())), 401)
		if log := w.log.String(); strings.Count(log, "must send "+receiverHeader) != 1 || strings.Count(log, receiverHeader+" is no machine secret") != 1 ||
			strings.Count(log, receiverHeader+" is the secret of no living machine") != 1 || strings.Count(log, `"reason"`) != 3 {
			t.Errorf("%s: %s", path, log)
		}
	}
}

// R61: no token, secret, cookie, key, Authorization header or body in any log at any level, errors and panics included.
// R62: one request is one line, whatever it holds.
func TestLogsHoldNoSecretAndOneLineARequest(t *testing.T) {
	text := func(d *Deps, w *safeBuffer) {
		d.Logger = slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug - 8, AddSource: true}))
	}
	for name, adjust := range map[string]func(*Deps, *safeBuffer){"json": func(*Deps, *safeBuffer) {}, "text": text} {
		t.Run(name, func(t *testing.T) {
			log := &safeBuffer{}
			w := newWorld(t, func(d *Deps) { adjust(d, log) })
			if name == "json" {
				log = w.log
			}
			requests := abuse(w)
			lines := strings.Split(strings.TrimSuffix(log.String(), "\n"), "\n")
			if len(lines) != requests {
				t.Errorf("%d requests, %d lines", requests, len(lines))
			}
			for _, forbidden := range []string{
				instanceKey.Reveal(), secretA.Reveal(), secretB.Reveal(), newSecret.Reveal(), goodToken.Reveal(), deadToken.Reveal(),
				"canary", "Bearer", "eyJhbGci", "forged",
			} {
				if strings.Contains(log.String(), forbidden) {
					t.Errorf("the log holds %.12s...", forbidden)
				}
			}
		})
	}
}

// abuse sends secrets and line breaks everywhere a client can put them, through every fate a request can have.
func abuse(w *world) (requests int) {
	who := []secret.Text{instanceKey, secretA, secretB, deadToken, ""}
	jwt := "eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJ4In0." + strings.Repeat("A", 86)
	causes := []error{
		nil, m2m.ErrBusy, m2m.ErrNotFound, errors.New("find " + goodToken.Reveal() + " of " + secretB.Reveal() + "\nlevel=ERROR x=\x1b[0m" + jwt),
		errors.New("header was Bearer " + instanceKey.Reveal()), &m2m.FieldError{Field: "canary", Reason: m2m.WrongValue, Message: "canary"},
	}
	header := func(r *http.Request) {
		r.Header.Set("Cookie", "__session=canary")
		r.Header.Set("User-Agent", "canary")
		r.Header.Set("Referer", "canary")
		r.Header.Set("X-Forwarded-For", "canary")
		r.Header.Set("Clerk-Trace-Id", "canary\nforged")
	}
	for _, fail := range causes {
		w.machines.fail, w.tokens.fail, w.audit.fail, w.usage.fail, w.keys.fail, w.ready = fail, fail, fail, fail, fail, fail
		for _, panics := range []any{nil, goodToken.Reveal() + "\nforged"} {
			w.machines.panics, w.tokens.panics = panics, panics
			for _, c := range who {
				for _, r := range append(append(adminRoutes(), tokenRoutes()...), [][3]string{
					{"POST", "/m2m_tokens/verify", `{"token":"` + goodToken.Reveal() + `"}`},
					{"POST", "/v1/m2m_tokens", `{"claims":{"canary":"canary"}}`},
					{"POST", "/canary%0aforged/" + goodToken.Reveal(), "canary"},
					{"FORGED", "/v1/machines", ""},
					{"GET", "/v1/machines/canary%0aforged", ""},
					{"GET", "/v1/machines?query=canary%0aforged&limit=canary", ""},
					{"POST", "/v1/machines", `{"canary\nforged":"canary"}`},
					{"GET", "/v1/usage?start=canary", ""},
					{"GET", "/v1/jwks", ""},
					{"GET", "/readyz", ""},
				}...) {
					w.call(r[0], r[1], c, r[2], header)
					requests++
				}
			}
		}
	}
	return requests
}

func TestRequestLineSaysWhoWhatAndHowItWent(t *testing.T) {
	w := newWorld(t)
	got := w.call("GET", "/v1/usage?start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z", secretA, "")
	var line map[string]any
	if err := json.Unmarshal([]byte(w.log.String()), &line); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"level": "INFO", "msg": "request", "method": "GET", "route": "/v1/usage", "status": 200.0, "duration": 0.0, "bytes": float64(got.Body.Len()),
		"trace_id": got.Header().Get("Clerk-Trace-Id"), "caller": "machine", "machine_id": string(idA), "address": "192.0.2.1",
	} {
		if line[name] != want {
			t.Errorf("%s = %v, want %v", name, line[name], want)
		}
	}
	if len(line) != 12 {
		t.Errorf("%d members: %v", len(line), line)
	}
}
