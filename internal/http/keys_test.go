package httpapi

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/internal/m2m"
)

const pathKeyA = "/v1/keys/" + string(kidA)

func TestTheRingIsShownWithDatesPastAndToCome(t *testing.T) {
	const noon = 1795435200000
	want := fmt.Sprintf(`{"object":"signing_keys","safe_to_rotate_from":%d,
		"bounds":{"max_age":600,"announced":1890,"retiring":86520,"forgotten":630,"forgotten_by_laggards":1830,"forgotten_by_cut_off":86430},"data":[
		{"object":"signing_key","kid":"%s","state":"compromised","announced_at":%d,"activated_at":%d,"retired_at":null,"removed_at":null,
		"compromised_at":%d,"active_from":null,"active_until":null,"removable_from":null,"living_tokens":7,"living_tokens_may_be_more":false,
		"last_token_expires_at":%d},
		{"object":"signing_key","kid":"%s","state":"active","announced_at":%d,"activated_at":%d,"retired_at":null,"removed_at":null,
		"compromised_at":null,"active_from":null,"active_until":%d,"removable_from":%d,"living_tokens":10000,"living_tokens_may_be_more":true,
		"last_token_expires_at":%d}]}`,
		noon+60_000, kidA, noon, noon+3_600_000, noon+7_200_000, noon+10_800_000, kidB, noon, noon+7_200_000, noon+14_400_000, noon+18_000_000, noon)
	w := newWorld(t)
	wantJSON(t, w.call("GET", "/v1/keys", instanceKey, ""), 200, want)
	// A rotation is answered from the ring: nothing is counted that could fail or take long after it is done.
	want = regexp.MustCompile(`"living_tokens":\d+,"living_tokens_may_be_more":(true|false),\s*"last_token_expires_at":\d+`).
		ReplaceAllString(want, `"living_tokens":null,"living_tokens_may_be_more":false,"last_token_expires_at":null`)
	w.keys.slow = m2m.ErrUnavailable
	wantError(t, w.call("GET", "/v1/keys", instanceKey, ""), 503, "service_unavailable", "")
	for _, body := range []string{"", "null", "{}", `{"force":null}`, `{"force":false}`, `{"force":true}`} {
		wantJSON(t, w.call("POST", "/v1/keys/rotate", instanceKey, body), 200, want)
	}
	tame, forced := "rotate false instance_key", "rotate true instance_key"
	wantJSON(t, w.call("POST", "/v1/keys/rotate", instanceKey, `{"retire":"x"}`), 200, want)
	if !slices.Equal(w.keys.did, []string{tame, tame, tame, tame, tame, forced, "rotate false xinstance_key"}) {
		t.Error(w.keys.did)
	}
	wantError(t, w.call("POST", "/v1/keys/rotate", instanceKey, `{"force":"true"}`), 422, "form_param_type_invalid", "force")
	wantError(t, w.call("POST", "/v1/keys/rotate", instanceKey, `{"forced":true}`), 422, "form_param_unknown", "forced")
}

// R39: a step that would break verifiers is refused with the date from which it is safe.
func TestATooEarlyRotationIsRefusedWithTheSafeDate(t *testing.T) {
	w := newWorld(t)
	w.keys.fail = &keys.TooSoonError{SafeFrom: noon.Add(31 * time.Minute), Why: "the next key is not with every verifier yet"}
	got := w.call("POST", "/v1/keys/rotate", instanceKey, "")
	wantError(t, got, 409, "rotation_too_soon", "")
	wantJSON(t, got, 409, `{"errors":[{"code":"rotation_too_soon","message":"Rotation too soon","long_message":"The next key is not with every verifier yet: `+
		`rotating is safe from 2026-11-23T12:31:00Z. With force it is done now, and verifiers may meet a key that they do not have.",`+
		`"meta":{"safe_from":1795437060000}}],"clerk_trace_id":"`+got.Header().Get("Clerk-Trace-Id")+`"}`)
	w.keys.fail = &keys.TooSoonError{SafeFrom: noon.Add(31 * time.Minute), Why: "the key set would hold 21 keys", Firm: true}
	got = w.call("POST", "/v1/keys/rotate", instanceKey, `{"force":true}`)
	wantError(t, got, 409, "rotation_too_soon", "")
	wantJSON(t, got, 409, `{"errors":[{"code":"rotation_too_soon","message":"Rotation too soon","long_message":"The key set would hold 21 keys: `+
		`rotating is safe from 2026-11-23T12:31:00Z. Force does not change that.","meta":{"safe_from":1795437060000}}],`+
		`"clerk_trace_id":"`+got.Header().Get("Clerk-Trace-Id")+`"}`)
	w.keys.fail = fmt.Errorf("others were first: %w: %w", m2m.ErrUnavailable, m2m.ErrConflict)
	wantError(t, w.call("POST", "/v1/keys/rotate", instanceKey, ""), 503, "service_unavailable", "")
}

// R9: a key that does not open here is not made to sign; the answer names it and the version of the master key that is missing.
func TestAKeyThatDoesNotOpenIsNamed(t *testing.T) {
	w := newWorld(t)
	w.keys.fail = fmt.Errorf("rotate: %w", &keys.SealedError{Key: kidB, State: keys.Announced, Version: "0011223344556677"})
	got := w.call("POST", "/v1/keys/rotate", instanceKey, "")
	wantError(t, got, 409, "signing_key_sealed", "")
	for _, part := range []string{string(kidB), `0011223344556677`, "DUALMINT_MASTER_KEY", "Nothing was changed."} {
		if !strings.Contains(got.Body.String(), part) {
			t.Errorf("%s is not in %s", part, got.Body)
		}
	}
	w.keys.fail = fmt.Errorf("no signing key: %w: %w", m2m.ErrUnavailable, w.keys.fail)
	wantError(t, w.call("GET", "/v1/jwks", "", ""), 503, "service_unavailable", "")
	if !strings.Contains(w.log.String(), "0011223344556677") {
		t.Errorf("the cause is not in the log: %s", w.log)
	}
}

// R41: the bounds for those who verify offline are stated.
func TestACompromiseIsAnsweredWithTheBoundForOfflineVerifiers(t *testing.T) {
	w := newWorld(t)
	const at = 1795435200000 + 7_200_000
	w.keys.slow = m2m.ErrUnavailable // the counts of a key list are no part of the answer
	want := fmt.Sprintf(`{"object":"signing_key_compromised","kid":"%s","compromised_at":%d,"signing_kid":"%s",
		"forgotten_at":%d,"forgotten_by_laggards_at":%d,"forgotten_by_cut_off_at":%d}`, kidA, at, kidB, at+630_000, at+1_830_000, at+86_430_000)
	for _, body := range []string{"", "{}"} {
		wantJSON(t, w.call("POST", pathKeyA+"/compromise", instanceKey, body), 200, want)
	}
	wantError(t, w.call("POST", "/v1/keys/nobody/compromise", instanceKey, ""), 404, "resource_not_found", "")
	wantError(t, w.call("POST", pathKeyA+"/compromise", instanceKey, `{"force":true}`), 422, "form_param_unknown", "force")
}
