package openapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dualmint/dualmint/test/harness"
)

const (
	nobodysMachine = "mch_000000000000000000000000000"
	nobodysToken   = "mt_00000000000000000000000000000000"
	ed25519JWK     = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}` // RFC 8037, appendix A.2
)

// Every route is asked for every answer that it is described with, and every exchange is as described.
func TestEveryAnswerIsAsDescribed(t *testing.T) {
	w := newWitness(t)
	w.machines(t)
	w.tokens(t, "/m2m_tokens")
	w.tokens(t, "/v1/m2m_tokens")
	w.oauth(t)
	w.public(t)
	w.keys(t)
	w.reports(t)
	w.refusals(t)

	for name, x := range w.seen {
		if x.Header.Get("Content-Type") == "application/json" {
			w.renames(t, name, x)
		}
	}

	throttled := newWitness(t, "DUALMINT_RATE_PER_ADDRESS=1")
	throttled.limits(t)
	maps.Copy(w.seen, throttled.seen)
	for _, name := range w.unseen() {
		t.Errorf("%s is described, and no exchange had it", name)
	}
}

// machines walks through a machine's life.
func (w *witness) machines(t *testing.T) {
	t.Helper()
	const list = "/v1/machines"
	key := w.InstanceKey
	var a, b harness.Machine
	w.send(t, 200, "POST", list, key, `{"name":"b","default_token_ttl":null,"default_token_format":"jwt","public_jwk":`+ed25519JWK+`}`).Into(t, &b)
	w.send(t, 200, "POST", list, key, `{"name":"a","scoped_machines":["`+b.ID+`"],"default_token_ttl":60}`).Into(t, &a)
	w.send(t, 200, "GET", list, key, "")
	w.send(t, 200, "GET", list+"?limit=1&offset=1&query=a&order_by=%2Bname", key, "")
	w.send(t, 200, "GET", list+"?order_by=+created_at", key, "") // a decoded space
	w.send(t, 200, "GET", list+"/"+b.ID, key, "")
	for _, patch := range []string{"", "null", "{}", `{"name":"aa","default_token_ttl":null,"public_jwk":` + ed25519JWK + `}`, `{"default_token_ttl":1,"public_jwk":null}`} {
		w.send(t, 200, "PATCH", list+"/"+a.ID, key, patch)
	}
	w.send(t, 200, "GET", list+"/"+a.ID+"/secret_key", key, "")
	w.send(t, 200, "POST", list+"/"+a.ID+"/secret_key/rotate", key, `{"previous_token_ttl":28800}`)
	w.send(t, 200, "POST", list+"/"+b.ID+"/scopes", key, `{"to_machine_id":"`+a.ID+`"}`)
	w.send(t, 409, "POST", list+"/"+b.ID+"/scopes", key, `{"to_machine_id":"`+a.ID+`"}`)
	w.send(t, 200, "DELETE", list+"/"+b.ID+"/scopes/"+a.ID, key, "null")
	w.send(t, 200, "DELETE", list+"/"+a.ID, key, "null")
	for _, body := range []string{
		`{}`, `{"name":null}`, `{"name":1}`, `{"name":"\u0001"}`, `{"name":"a","default_token_ttl":0}`, `{"name":"` + strings.Repeat("a", 256) + `"}`,
		`{"name":"a","id":"b"}`, `{"name":"a","scoped_machines":["` + nobodysMachine + `"]}`,
	} {
		w.send(t, 422, "POST", list, key, body)
	}
}

// tokens walks through the lives of tokens of both formats, under one prefix.
func (w *witness) tokens(t *testing.T, prefix string) {
	t.Helper()
	b := w.NewMachine(t, "B")
	a := w.NewMachine(t, "A", b)
	var opaque, jwt harness.Token
	w.send(t, 201, "POST", prefix, a.SecretKey, "")
	w.send(t, 201, "POST", prefix, a.SecretKey, `{"claims":{"role":"x","n":[1,{"y":null}]},"seconds_until_expiration":0.5,"min_remaining_ttl_seconds":0}`)
	w.send(t, 201, "POST", prefix, a.SecretKey, `{"token_format":null,"seconds_until_expiration":null,"claims":null}`).Into(t, &opaque)
	w.send(t, 201, "POST", prefix, a.SecretKey, `{"token_format":"jwt","claims":{}}`).Into(t, &jwt)
	for _, credential := range []string{b.SecretKey, w.InstanceKey} {
		w.send(t, 200, "POST", prefix+"/verify", credential, `{"token":"`+opaque.Token+`"}`)
		w.send(t, 200, "POST", prefix+"/verify", credential, `{"secret":"`+jwt.Token+`"}`)
		w.send(t, 200, "POST", prefix+"/verify_batch", credential, `{"tokens":["`+opaque.Token+`","x","`+jwt.Token+`"]}`)
	}
	w.send(t, 200, "GET", prefix+"?subject="+a.ID+"&limit=2", a.SecretKey, "")
	w.send(t, 200, "POST", prefix+"/"+opaque.ID+"/revoke", a.SecretKey, `{"revocation_reason":"why \"<>"}`)
	w.send(t, 200, "POST", prefix+"/"+jwt.ID+"/revoke", w.InstanceKey, "")
	w.send(t, 200, "GET", prefix+"?revoked=true&expired=true&offset=1&subject="+a.ID, w.InstanceKey, "")

	w.send(t, 403, "GET", prefix+"?subject="+a.ID, b.SecretKey, "")
	w.send(t, 404, "GET", prefix+"?subject="+nobodysMachine, w.InstanceKey, "")
	w.send(t, 404, "POST", prefix+"/verify", b.SecretKey, `{"token":"`+opaque.Token+`"}`)
	w.send(t, 400, "GET", prefix, a.SecretKey, "")
	w.send(t, 400, "GET", prefix+"?limit=0&subject="+a.ID, a.SecretKey, "")
	for _, body := range []string{`{"claims":{"iss":"x"}}`, `{"seconds_until_expiration":-1}`, `{"token_format":"both"}`, `{"subject":"x"}`} {
		w.send(t, 400, "POST", prefix, a.SecretKey, body)
	}
}

func (w *witness) public(t *testing.T) {
	t.Helper()
	for _, path := range []string{"/v1/jwks", "/.well-known/jwks.json"} {
		tag := w.send(t, 200, "GET", path, "", "").Header.Get("ETag")
		for _, method := range []string{"GET", "HEAD"} {
			w.send(t, 200, method, path, "", "")
			r := w.send(t, 304, method, path, "", "", "If-None-Match", tag)
			if len(r.Body) > 0 || r.Header.Get("ETag") != tag || !strings.HasPrefix(r.Header.Get("Cache-Control"), "public, max-age=") {
				t.Errorf("%s %s: 304 with %v %q", method, path, r.Header, r.Body)
			}
		}
	}
	for _, path := range []string{"/", "/healthz", "/readyz", "/openapi.yaml"} {
		w.send(t, 200, "GET", path, "", "")
		w.send(t, 200, "HEAD", path, "", "")
	}
}

// keys lets the operator see and move the signing keys. The announced key is too young for a rotation that breaks nobody.
func (w *witness) keys(t *testing.T) {
	t.Helper()
	const list, rotate = "/v1/keys", "/v1/keys/rotate"
	key := w.InstanceKey
	var ring struct {
		Data []struct{ Kid, State string }
	}
	w.send(t, 200, "GET", list, key, "").Into(t, &ring)
	active := ring.Data[slices.IndexFunc(ring.Data, func(k struct{ Kid, State string }) bool { return k.State == "active" })].Kid
	for _, body := range []string{"", "null", "{}", `{"force":false}`, `{"force":null}`} {
		w.send(t, 409, "POST", rotate, key, body)
	}
	w.send(t, 200, "POST", rotate, key, `{"force":true}`)
	w.send(t, 200, "POST", rotate, key, `{"retire":"`+active+`"}`) // it did already
	w.send(t, 404, "POST", rotate, key, `{"retire":"nobody"}`)
	for _, body := range []string{"", "null", "{}"} {
		w.send(t, 200, "POST", list+"/"+active+"/compromise", key, body)
	}
	w.send(t, 200, "GET", list, key, "")
	w.send(t, 422, "POST", rotate, key, `{"force":1}`)
}

func (w *witness) reports(t *testing.T) {
	t.Helper()
	hour := time.Now().UTC().Truncate(time.Hour)
	span := "?start=" + hour.Add(-time.Hour).Format(time.RFC3339) + "&end=" + hour.Add(2*time.Hour).Format(time.RFC3339)
	m := w.NewMachine(t, "M")
	w.Mint(t, m.SecretKey, nil)
	for _, query := range []string{"", "&interval=hour&group_by=receiver", "&interval=month&group_by=operation,format,machine,receiver"} {
		w.send(t, 200, "GET", "/v1/usage"+span+query, w.InstanceKey, "")
		w.send(t, 200, "GET", "/v1/usage"+span+query, m.SecretKey, "")
		w.send(t, 200, "GET", "/v1/usage"+span+query, w.InstanceKey, "", "Accept", "text/csv")
	}
	for _, query := range []string{"", span + "&interval=week", span + "&group_by=secret", "?start=" + hour.Format(time.RFC3339) + "&end=2020-01-01T00:00:00Z"} {
		w.send(t, 400, "GET", "/v1/usage"+query, w.InstanceKey, "")
	}
	var page struct {
		Next *int64 `json:"next"`
	}
	w.send(t, 200, "GET", "/v1/audit?limit=2", w.InstanceKey, "").Into(t, &page)
	if page.Next == nil {
		t.Fatal("the audit log has one page only")
	}
	w.send(t, 200, "GET", fmt.Sprintf("/v1/audit?before=%d&action=machine.create&target=%s&limit=500", *page.Next+1, m.ID), w.InstanceKey, "")
	w.send(t, 400, "GET", "/v1/audit?limit=0", w.InstanceKey, "")
}

// refusals provokes, on every operation that is described with them, the answers that depend on the operation's kind alone.
func (w *witness) refusals(t *testing.T) {
	t.Helper()
	m := w.NewMachine(t, "refused")
	for _, op := range w.about.Operations() {
		if slices.Contains(op.Tags, "oauth") { // errors of another shape: oauth provokes them
			continue
		}
		path := strings.NewReplacer("{machine_id}", nobodysMachine, "{other_machine_id}", nobodysMachine, "{token_id}", nobodysToken, "{kid}", "kid_0").Replace(op.Path)
		fits := w.InstanceKey // a credential that the operation takes
		if !takes(op, "instanceKey") {
			fits = m.SecretKey
		}
		body := ""
		if op.RequestBody != nil {
			body = exampleBody(op)
		}
		can := func(status int) bool { return op.Responses.Status(status) != nil }
		if can(401) {
			w.send(t, 401, op.Method, path, "", body)
			w.send(t, 401, op.Method, path, "x", body)
			w.send(t, 401, op.Method, path, fits, body, "Authorization", "Basic x")
		}
		if can(403) && !takes(op, "machineSecret") {
			w.send(t, 403, op.Method, path, m.SecretKey, body)
		}
		if can(404) && strings.Contains(path, "_0") {
			w.send(t, 404, op.Method, path, fits, body)
		}
		if can(400) && op.Method == http.MethodGet {
			w.send(t, 400, op.Method, path+"?x=%zz", fits, "")
		}
		if can(422) && op.Method == http.MethodGet {
			w.send(t, 422, op.Method, path+"?limit=0", fits, "")
		}
		if op.RequestBody == nil {
			continue
		}
		if can(422) {
			w.send(t, 422, op.Method, path, fits, `{"no_such_field":1}`)
		}
		w.send(t, 400, op.Method, path, fits, `{"a":1,"a":2}`)
		w.send(t, 413, op.Method, path, fits, `{"a":"`+strings.Repeat("a", 3<<20)+`"}`)
		w.send(t, 415, op.Method, path, fits, body, "Content-Type", "text/plain")
	}
}

func takes(op Operation, scheme string) bool {
	for _, way := range *op.Security {
		if _, ok := way[scheme]; ok {
			return true
		}
	}
	return false
}

// exampleBody is a body that passes the reading of the operation.
func exampleBody(op Operation) string {
	switch name := op.OperationID; {
	case strings.HasPrefix(name, "verifyTokens"):
		return `{"tokens":["x"]}`
	case strings.HasPrefix(name, "verifyToken"):
		return `{"token":"x"}`
	case name == "rotateMachineSecret":
		return `{"previous_token_ttl":0}`
	case name == "addScope":
		return `{"to_machine_id":"` + nobodysMachine + `"}`
	case name == "createMachine":
		return `{"name":"x"}`
	default:
		return `{}`
	}
}

// limits meets the rate limit on every operation that has one. The server allows one request a second.
func (w *witness) limits(t *testing.T) {
	t.Helper()
	for _, op := range w.about.Operations() {
		if op.Responses.Status(http.StatusTooManyRequests) == nil {
			continue
		}
		for range 5 { // a second may pass between two requests, but not five times
			x, r := w.exchange(t, op.Method, op.Path, "x", "")
			if r.Status == http.StatusTooManyRequests {
				w.check(t, x)
				break
			}
		}
	}
}

// renames gives every member of an answer another name, one at a time, and expects the description to notice: whoever renames a
// field of an answer has to say so there.
func (w *witness) renames(t *testing.T, name string, x Exchange) {
	t.Helper()
	var body any
	if err := json.Unmarshal(x.Body, &body); err != nil {
		if x.Method != http.MethodHead {
			t.Errorf("%s: %v", name, err)
		}
		return
	}
	eachMember(body, func(object map[string]any, member string) {
		value := object[member]
		object[member+"_"] = value
		delete(object, member)
		changed, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		other := x
		other.Body = changed
		if err := w.about.Check(t.Context(), other); err == nil {
			t.Errorf("%s: %q under another name is allowed: %s", name, member, changed)
		}
		delete(object, member+"_")
		object[member] = value
	})
}

// eachMember visits every member of every object in a value, but for those whose names are the user's own.
func eachMember(value any, visit func(object map[string]any, member string)) {
	switch v := value.(type) {
	case []any:
		for _, e := range v {
			eachMember(e, visit)
		}
	case map[string]any:
		for _, member := range slices.Sorted(maps.Keys(v)) { // visit may change the object
			visit(v, member)
			if member != "claims" && member != "details" {
				eachMember(v[member], visit)
			}
		}
	}
}
