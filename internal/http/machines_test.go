package httpapi

import (
	"strings"
	"testing"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
)

const (
	scopedB = `{"object":"machine","id":"mch_0ujsswThIGTUYm2K8FjOOfXtY1B","name":"b","instance_id":"ins_0ujsswThIGTUYm2K8FjOOfXtY1K",
		"created_at":1795435200000,"updated_at":1795435200000,"default_token_ttl":null,"default_token_format":"jwt"}`
	machineA = `"object":"machine","id":"mch_0ujsswThIGTUYm2K8FjOOfXtY1A","name":"a","instance_id":"ins_0ujsswThIGTUYm2K8FjOOfXtY1K",
		"created_at":1795435200000,"updated_at":1795435200001,"default_token_ttl":3600,"default_token_format":"opaque","scoped_machines":[` + scopedB + `]`
	pathA = "/v1/machines/mch_0ujsswThIGTUYm2K8FjOOfXtY1A"
)

func TestMachineAnswersHaveTheShapeThatSDKsRead(t *testing.T) {
	w := newWorld(t)
	secretJSON := `{"object":"machine_secret_key","secret":"` + newSecret.Reveal() + `"}`
	scope := `{"object":"machine_scope","from_machine_id":"` + string(idA) + `","to_machine_id":"` + string(idB) + `",`
	for _, c := range [][4]string{
		{"GET", "/v1/machines", "", `{"data":[{` + machineA + `}],"total_count":7}`},
		{"POST", "/v1/machines", `{"name":"a"}`, `{` + machineA + `,"secret_key":"` + newSecret.Reveal() + `"}`},
		{"GET", pathA, "", `{` + machineA + `}`},
		{"PATCH", pathA, "", `{` + machineA + `}`},
		{"DELETE", pathA, "null", `{"object":"machine","id":"` + string(idA) + `","deleted":true}`},
		{"GET", pathA + "/secret_key", "", secretJSON},
		{"POST", pathA + "/secret_key/rotate", `{"previous_token_ttl":60}`, secretJSON},
		{"POST", pathA + "/scopes", `{"to_machine_id":"` + string(idB) + `"}`, scope + `"created_at":1795435200000}`},
		{"DELETE", pathA + "/scopes/" + string(idB), "null", scope + `"deleted":true}`},
	} {
		got := w.call(c[0], c[1], instanceKey, c[2])
		wantJSON(t, got, 200, c[3])
		if got.Header().Get("Cache-Control") != "no-store" || got.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s: headers %v", c[0], c[1], got.Header())
		}
	}
	if got := strings.Join(w.machines.calls, ","); !strings.Contains(got, "rotate 1m0s") {
		t.Errorf("calls %s", got)
	}
}

func TestMachineWithoutScopesHasAnEmptyArray(t *testing.T) {
	w := newWorld(t)
	a := &api{Deps: w.deps}
	if got := a.detail(machines.Detail{}, "").ScopedMachines; got == nil {
		t.Error("scoped_machines would be left out")
	}
	withKey := a.machine(m2m.Machine{PublicJWK: []byte(`{"kty":"OKP"}`)})
	if string(withKey.PublicJWK) != `{"kty":"OKP"}` {
		t.Errorf("public key %s", withKey.PublicJWK)
	}
}

func TestMachineFieldsArriveAsSent(t *testing.T) {
	w := newWorld(t)
	w.call("POST", "/v1/machines", instanceKey, `{"name":"x","scoped_machines":null}`)
	if d := w.machines.draft; d.Name != "x" || d.Scopes != nil || d.Lifetime != nil || d.Format != "" || d.PublicJWK != nil {
		t.Errorf("draft %+v", d)
	}
	w.call("POST", "/v1/machines", instanceKey,
		`{"name":"\u00e9","scoped_machines":["m"],"default_token_ttl":null,"default_token_format":"jwt","public_jwk":{"kty":"OKP"}}`)
	if d := w.machines.draft; d.Name != "é" || len(d.Scopes) != 1 || !d.Lifetime.Endless || d.Format != m2m.JWT || string(d.PublicJWK) != `{"kty":"OKP"}` {
		t.Errorf("draft %+v", d)
	}
	w.call("PATCH", pathA, instanceKey, `{"default_token_ttl":5,"public_jwk":null}`)
	if p := w.machines.patch; p.Name != nil || p.Lifetime.Seconds != 5 || p.Lifetime.Endless || p.Format != nil || p.PublicJWK == nil || *p.PublicJWK != nil {
		t.Errorf("patch %+v", p)
	}
	for _, nothing := range []string{"", "null", "{}", " null\n"} {
		w.call("PATCH", pathA, instanceKey, nothing)
		if w.machines.patch != (machines.Patch{}) {
			t.Errorf("patch of %q: %+v", nothing, w.machines.patch)
		}
	}
}

func TestMachineFaultsNameFieldAndReason(t *testing.T) {
	w := newWorld(t)
	for _, c := range [][5]string{
		{"POST", "/v1/machines", "", "form_param_missing", "name"},
		{"POST", "/v1/machines", `{"name":null}`, "form_param_nil", "name"},
		{"POST", "/v1/machines", `{"name":7}`, "form_param_type_invalid", "name"},
		{"POST", "/v1/machines", `{"name":"a\u0000"}`, "form_param_format_invalid", "name"},
		{"POST", "/v1/machines", `{"name":"a","x":1}`, "form_param_unknown", "x"},
		{"POST", "/v1/machines", `{"name":"a","scoped_machines":"m"}`, "form_param_type_invalid", "scoped_machines"},
		{"POST", "/v1/machines", `{"name":"a","default_token_ttl":0}`, "form_param_value_invalid", "default_token_ttl"},
		{"POST", "/v1/machines", `{"name":"a","default_token_ttl":315360001}`, "form_param_value_invalid", "default_token_ttl"},
		{"POST", "/v1/machines", `{"name":"a","default_token_ttl":"60"}`, "form_param_type_invalid", "default_token_ttl"},
		{"POST", "/v1/machines", `{"name":"a","default_token_ttl":1.5}`, "form_param_type_invalid", "default_token_ttl"},
		{"POST", "/v1/machines", `{"name":"a","default_token_format":"JWT"}`, "form_param_value_invalid", "default_token_format"},
		{"PATCH", pathA, `{"public_jwk":"x"}`, "form_param_type_invalid", "public_jwk"},
		{"PATCH", pathA, `{"name":null}`, "form_param_nil", "name"},
		{"POST", pathA + "/secret_key/rotate", "", "form_param_missing", "previous_token_ttl"},
		{"POST", pathA + "/secret_key/rotate", `{"previous_token_ttl":28801}`, "form_param_value_invalid", "previous_token_ttl"},
		{"POST", pathA + "/secret_key/rotate", `{"previous_token_ttl":-1}`, "form_param_value_invalid", "previous_token_ttl"},
		{"POST", pathA + "/secret_key/rotate", `{"previous_token_ttl":99999999999999999999}`, "form_param_type_invalid", "previous_token_ttl"},
		{"POST", pathA + "/scopes", "", "form_param_missing", "to_machine_id"},
		{"POST", pathA + "/scopes", `{"to_machine_id":null}`, "form_param_nil", "to_machine_id"},
	} {
		wantError(t, w.call(c[0], c[1], instanceKey, c[2]), 422, c[3], c[4])
	}
	if len(w.machines.calls) > 0 {
		t.Errorf("the service was asked: %v", w.machines.calls)
	}
	wantError(t, w.call("POST", "/v1/machines", instanceKey, `{"name":`), 400, "request_body_invalid", "")
	wantError(t, w.call("GET", "/v1/machines/mch_nobody", instanceKey, ""), 404, "machine_not_found", "")
}

func TestFaultsOfOneBodyAreToldTogetherAndBounded(t *testing.T) {
	w := newWorld(t)
	got := w.call("POST", "/v1/machines", instanceKey, `{"default_token_ttl":true,"scoped_machines":1}`)
	for _, name := range []string{`"name"`, `"default_token_ttl"`, `"scoped_machines"`} {
		if !strings.Contains(got.Body.String(), `"param_name":`+name) {
			t.Errorf("%s is not told: %s", name, got.Body)
		}
	}
	var body strings.Builder
	for i := range 150 {
		body.WriteString(`,"` + strings.Repeat("é", i) + `":1`)
	}
	got = w.call("POST", "/v1/machines", instanceKey, `{"name":"a"`+body.String()+`}`)
	wantStatus(t, got, 422)
	if n := strings.Count(got.Body.String(), "param_name"); n != maxFaults || got.Body.Len() > 8<<10 {
		t.Errorf("%d faults in %d bytes", n, got.Body.Len())
	}
}

// R19: order_by, paging and filters come from allow-lists.
func TestListParametersComeFromAllowLists(t *testing.T) {
	w := newWorld(t)
	list := func(query string) {
		t.Helper()
		wantStatus(t, w.call("GET", "/v1/machines?"+query, instanceKey, ""), 200)
	}
	for query, want := range map[string]machines.Query{
		"":                           {Limit: 10},
		"limit=500&offset=3&query=a": {Limit: 500, Offset: 3, Text: "a"},
		"order_by=name":              {Limit: 10, ByName: true, Asc: true},
		"order_by=+name":             {Limit: 10, ByName: true, Asc: true},
		"order_by=%2Bcreated_at":     {Limit: 10, Asc: true},
		"order_by=-created_at":       {Limit: 10},
		"order_by=-name":             {Limit: 10, ByName: true},
		"utm=x&utm=y&query=%25_":     {Limit: 10, Text: "%_"}, // unknown parameters are ignored
	} {
		list(query)
		if w.machines.query != want {
			t.Errorf("%q: %+v, want %+v", query, w.machines.query, want)
		}
	}
	for query, param := range map[string]string{
		"limit=0": "limit", "limit=501": "limit", "limit=-1": "limit", "limit=x": "limit", "limit=": "limit", "limit=+1": "limit", "limit=1e2": "limit",
		"limit=1&limit=2": "limit", "limit=99999999999999999999": "limit", "offset=-1": "offset", "offset=2147483648": "offset",
		"order_by=id": "order_by", "order_by=--name": "order_by", "order_by=name;drop": "", "order_by=Name": "order_by", "order_by=name,created_at": "order_by",
		"query=a%00": "query", "query=%ff": "query", "query=a&query=b": "query", "query=" + strings.Repeat("a", 256): "query", "query=%zz": "",
	} {
		got := w.call("GET", "/v1/machines?"+query, instanceKey, "")
		if param == "" {
			wantError(t, got, 400, "bad_request", "")
			continue
		}
		if wantStatus(t, got, 422); got.Code == 422 {
			if _, gotParam := firstError(t, got); gotParam != param {
				t.Errorf("%q: fault of %q", query, gotParam)
			}
		}
	}
}

// R19
func TestTokenListParametersComeFromAllowLists(t *testing.T) {
	w := newWorld(t)
	base := "/m2m_tokens?subject=" + string(idA)
	wantStatus(t, w.call("GET", base, secretA, ""), 200)
	if q := w.tokens.query; q.Machine != idA || q.IncludeRevoked || q.IncludeExpired || q.Limit != 10 || q.Offset != 0 {
		t.Errorf("query %+v", q)
	}
	wantStatus(t, w.call("GET", base+"&revoked=true&expired=true&limit=100&offset=9&more=1", instanceKey, ""), 200)
	if q := w.tokens.query; !q.IncludeRevoked || !q.IncludeExpired || q.Limit != 100 || q.Offset != 9 {
		t.Errorf("query %+v", q)
	}
	wantError(t, w.call("GET", "/m2m_tokens", secretA, ""), 400, "missing_query_parameter", "subject")
	wantError(t, w.call("GET", "/m2m_tokens?subject=", secretA, ""), 400, "missing_query_parameter", "subject")
	wantError(t, w.call("GET", base, secretB, ""), 403, "authorization_invalid", "")
	for query, param := range map[string]string{
		"&limit=101": "limit", "&limit=0": "limit", "&offset=x": "offset", "&revoked=1": "revoked", "&revoked=": "revoked", "&expired=TRUE": "expired",
		"&revoked=true&revoked=true": "revoked", "&subject=x": "subject",
	} {
		wantError(t, w.call("GET", base+query, secretA, ""), 400, "invalid_query_parameter_value", param)
	}
}
