package httpapi

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/dualmint/dualmint/internal/audit"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/usage"
)

func TestKeySetMayBeKeptAndAskedForAgain(t *testing.T) {
	for _, path := range []string{"/v1/jwks", "/.well-known/jwks.json"} {
		w := newWorld(t)
		got := w.call("GET", path, "", "")
		wantJSON(t, got, 200, `{"keys":[]}`)
		if got.Header().Get("Cache-Control") != "public, max-age=60" || got.Header().Get("ETag") != `"one"` {
			t.Errorf("headers %v", got.Header())
		}
		for tag, want := range map[string]int{`"one"`: 304, `W/"one"`: 304, `"two", "one"`: 304, `*`: 304, `"two"`: 200, `one`: 200, ``: 200} {
			got := w.call("GET", path, "", "", func(r *http.Request) { r.Header.Set("If-None-Match", tag) })
			wantStatus(t, got, want)
			if want == 304 && (got.Body.Len() > 0 || got.Header().Get("ETag") != `"one"`) {
				t.Errorf("304 with %q and %v", got.Body, got.Header())
			}
		}
		wantStatus(t, w.call("HEAD", path, "", ""), 200)
		w.keys.fail = m2m.ErrUnavailable
		got = w.call("GET", path, "", "")
		wantError(t, got, 503, "service_unavailable", "")
		if got.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("an error may be kept: %v", got.Header())
		}
	}
}

func TestHealthIsAliveAndReadinessIsHonest(t *testing.T) {
	w := newWorld(t)
	wantJSON(t, w.call("GET", "/healthz", "", ""), 200, `{"status":"ok"}`)
	wantJSON(t, w.call("GET", "/readyz", "", ""), 200, `{"status":"ready"}`)
	w.ready = errors.New("database is at 10.0.0.1")
	got := w.call("GET", "/readyz", "", "")
	wantError(t, got, 503, "service_unavailable", "")
	if strings.Contains(got.Body.String(), "10.0.0.1") || !strings.Contains(w.log.String(), "10.0.0.1") {
		t.Errorf("the cause belongs into the log alone: %s", got.Body)
	}
	wantStatus(t, w.call("GET", "/healthz", "", ""), 200)
}

// Monitors and balancers ask with HEAD, too.
func TestWhatIsPublicAnswersHEADAsItAnswersGET(t *testing.T) {
	for _, path := range []string{"/", "/healthz", "/readyz", "/openapi.yaml"} {
		w := newWorld(t)
		get, head := w.call("GET", path, "", ""), w.call("HEAD", path, "", "")
		if head.Code != 200 || get.Code != 200 || head.Header().Get("Content-Type") != get.Header().Get("Content-Type") { // length: TestEveryAnswerTellsItsLength
			t.Errorf("%s: %d %v, and for GET %d %v", path, head.Code, head.Header(), get.Code, get.Header())
		}
	}
	w := newWorld(t)
	w.ready = errors.New("no")
	wantStatus(t, w.call("HEAD", "/readyz", "", ""), 503)
}

// Who opens the address in a browser learns where to look, in words.
func TestRootIsASignpost(t *testing.T) {
	got := newWorld(t).call("GET", "/", "", "")
	if got.Header().Get("Content-Type") != "text/plain; charset=utf-8" || !strings.Contains(got.Body.String(), "/openapi.yaml") ||
		!strings.Contains(got.Body.String(), "/healthz") {
		t.Errorf("%v %s", got.Header(), got.Body)
	}
}

func TestDescriptionIsServed(t *testing.T) {
	got := newWorld(t).call("GET", "/openapi.yaml", "", "")
	if got.Code != 200 || got.Header().Get("Content-Type") != "application/yaml" || !strings.Contains(got.Body.String(), "openapi: 3") {
		t.Errorf("%d %v %.40s", got.Code, got.Header(), got.Body)
	}
	other := newWorld(t, func(d *Deps) { d.OpenAPI = []byte("x") }).call("GET", "/openapi.yaml", "", "")
	if other.Body.String() != "x" {
		t.Errorf("%.40s", other.Body)
	}
}

const usagePath = "/v1/usage?start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z"

func usageWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.usage.report = usage.Report{
		Lines: []usage.Line{{Start: noon, Group: usage.Group{Machine: idA, Operation: m2m.OpCreate}, Amounts: usage.Amounts{Usage: 3, Billable: 2, NanoDollars: 9007199254740993}}},
		Total: usage.Amounts{Usage: 3, Billable: 2, NanoDollars: 9007199254740993},
	}
	return w
}

func TestUsageHasExactIntegersAndTheGroupsAskedFor(t *testing.T) {
	w := usageWorld(t)
	got := w.call("GET", usagePath+"&interval=hour&group_by=machine,receiver,operation", instanceKey, "")
	wantJSON(t, got, 200, `{"object":"usage","start":"2026-01-01T00:00:00Z","end":"2026-01-02T00:00:00Z","interval":"hour","data":[
		{"start":"2026-11-23T12:00:00Z","machine_id":"`+string(idA)+`","receiver_id":null,"operation":"create","total_usage":3,"total_billable_usage":2,
		"amount_nanodollars":9007199254740993}],"total_usage":3,"total_billable_usage":2,"amount_nanodollars":9007199254740993}`)
	if !strings.Contains(got.Body.String(), "9007199254740993") {
		t.Errorf("the amount is not exact: %s", got.Body)
	}
	if !w.usage.caller.Instance {
		t.Error("the caller did not arrive")
	}
	w.call("GET", usagePath, secretA, "")
	if w.usage.caller.MachineID() != idA {
		t.Error("the machine did not arrive")
	}
	wantStatus(t, w.call("GET", usagePath, "", ""), 401)
}

func TestUsageIsCSVForWhoeverPrefersIt(t *testing.T) {
	w := usageWorld(t)
	for accept, want := range map[string]string{
		"text/csv": "text/csv; charset=utf-8", "text/csv, */*;q=0.1": "text/csv; charset=utf-8", "text/csv;q=0.9, application/json;q=0.5": "text/csv; charset=utf-8",
		"": "application/json", "*/*": "application/json", "application/json, text/csv": "application/json", "text/csv;q=0": "application/json", "text/csv;q=x": "application/json",
		";;,,text": "application/json",
	} {
		got := w.call("GET", usagePath+"&group_by=machine", instanceKey, "", func(r *http.Request) { r.Header.Set("Accept", accept) })
		if got.Code != 200 || got.Header().Get("Content-Type") != want || got.Header().Get("Vary") != "Accept" {
			t.Errorf("%q: %d %v", accept, got.Code, got.Header())
		}
		if want != "application/json" && !strings.Contains(got.Body.String(), string(idA)) {
			t.Errorf("%q: %s", accept, got.Body)
		}
	}
}

func TestUsageRefusesBadBounds(t *testing.T) {
	w := usageWorld(t)
	wantError(t, w.call("GET", "/v1/usage", instanceKey, ""), 400, "missing_query_parameter", "start")
	for query, param := range map[string]string{
		"&interval=week": "interval", "&group_by=name": "group_by", "&interval=hour&interval=day": "interval", "&start=x": "start", "&group_by=machine%00": "group_by",
	} {
		wantError(t, w.call("GET", usagePath+query, instanceKey, ""), 400, "invalid_query_parameter_value", param)
	}
	wantError(t, w.call("GET", "/v1/usage?start=2026-01-01T00:30:00Z&end=2026-01-02T00:00:00Z", instanceKey, ""), 400, "invalid_query_parameter_value", "start")
}

func TestAuditIsPagedFromTheNewest(t *testing.T) {
	w := newWorld(t)
	w.audit.entries = []audit.Entry{
		{ID: 9, At: noon, Actor: m2m.Actor{Kind: m2m.Operator, Address: "::1", TraceID: "t"}, Action: "machine.create", Target: string(idA), Details: map[string]string{"name": "a"}},
		{ID: 8, At: noon, Actor: m2m.Actor{Kind: m2m.MachineHolder, Machine: idA}, Action: "token.revoke", Target: "x"},
	}
	first := `{"object":"audit_entry","id":9,"created_at":1795435200000,"actor":{"kind":"instance_key","machine_id":null,"address":"::1","trace_id":"t"},
		"action":"machine.create","target":"` + string(idA) + `","details":{"name":"a"}}`
	second := `{"object":"audit_entry","id":8,"created_at":1795435200000,"actor":{"kind":"machine","machine_id":"` + string(idA) + `","address":null,"trace_id":null},
		"action":"token.revoke","target":"x","details":{}}`
	wantJSON(t, w.call("GET", "/v1/audit", instanceKey, ""), 200, `{"object":"audit_log","data":[`+first+`,`+second+`],"next":null}`)
	if w.audit.query.Limit != 51 || w.audit.query.Before != 0 {
		t.Errorf("query %+v", w.audit.query)
	}
	wantJSON(t, w.call("GET", "/v1/audit?limit=1&before=10&action=machine.create&target=x", instanceKey, ""), 200,
		`{"object":"audit_log","data":[`+first+`],"next":9}`)
	if want := (audit.Query{Before: 10, Action: "machine.create", Target: "x", Limit: 2}); w.audit.query != want {
		t.Errorf("query %+v", w.audit.query)
	}
	for _, bad := range []string{"limit=0", "limit=501", "before=0", "before=x", "action=%00", "target=a&target=b"} {
		param, _, _ := strings.Cut(bad, "=")
		wantError(t, w.call("GET", "/v1/audit?"+bad, instanceKey, ""), 400, "invalid_query_parameter_value", param)
	}
}
