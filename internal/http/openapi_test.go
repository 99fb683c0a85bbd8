package httpapi

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/test/openapi"
)

func description(t *testing.T) *openapi.Description {
	t.Helper()
	d, err := openapi.Read(t.Context(), openAPI)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Whoever adds a route describes it, and whoever takes one away takes it out of the description.
func TestEveryRouteIsDescribedAndTheReverse(t *testing.T) {
	engine, ok := newWorld(t).handler.(*gin.Engine)
	if !ok {
		t.Fatalf("the handler is a %T", newWorld(t).handler)
	}
	var routed, described []string
	for _, r := range engine.Routes() {
		if strings.HasPrefix(r.Path, "/v1/forward_auth") && (r.Path != "/v1/forward_auth" || r.Method != "GET" && r.Method != "POST") {
			continue // described in words: TestForwardAuthIsOneQuestionWhateverTheMethodAndThePath
		}
		if r.Method == http.MethodHead && strings.HasPrefix(r.Path, "/.well-known/o") || r.Path == metadataPath+"/*issuer" {
			continue // likewise: TestRFC8414
		}
		routed = append(routed, regexp.MustCompile(`:(\w+)`).ReplaceAllString(r.Path, "{$1}")+" "+r.Method)
	}
	for _, op := range description(t).Operations() {
		described = append(described, op.Name())
	}
	for _, r := range routed {
		if !slices.Contains(described, r) {
			t.Errorf("%s is not described", r)
		}
	}
	for _, r := range described {
		if !slices.Contains(routed, r) {
			t.Errorf("%s is described and not routed", r)
		}
	}
}

// Every code that an error can have stands in the description, and every one there can happen.
func TestEveryErrorCodeIsDescribedAndTheReverse(t *testing.T) {
	can := map[string]bool{}
	for _, a := range newAnswers() {
		if a.status != http.StatusMethodNotAllowed { // answered where there is no operation
			can[regexp.MustCompile(`"code":"(\w+)"`).FindStringSubmatch(string(a.body))[1]] = true
		}
	}
	for _, r := range []m2m.Reason{
		m2m.Missing, m2m.IsNil, m2m.WrongType, m2m.WrongFormat, m2m.WrongValue, m2m.TooLong, m2m.Unknown, m2m.NoSuchThing,
	} {
		can[formCode(r)], can[bodyCode(r)], can[queryCode(r)] = true, true, true
	}
	can[bodyCode(m2m.ReservedName)] = true

	described := map[string]bool{}
	for _, list := range regexp.MustCompile(`code: {enum: \[([^\]]+)\]}`).FindAllStringSubmatch(string(openAPI), -1) {
		for code := range strings.SplitSeq(list[1], ", ") {
			described[code] = true
			if !can[code] {
				t.Errorf("%s is described and cannot happen", code)
			}
		}
	}
	for code := range can {
		if !described[code] {
			t.Errorf("%s is not described", code)
		}
	}
}

// A service in trouble answers as described: 503 when it cannot tell, 500 for what nobody foresaw. Every operation that is described
// with either has given it here; the answers of a healthy service are held against the description in test/openapi.
func TestEveryOperationInTroubleAnswersAsDescribed(t *testing.T) {
	about := description(t)
	seen := map[string]bool{}
	for status, trouble := range map[int]error{503: m2m.ErrUnavailable, 500: errors.New("unforeseen")} {
		w := newWorld(t)
		w.machines.fail, w.tokens.fail, w.usage.fail, w.audit.fail, w.keys.fail = trouble, trouble, trouble, trouble, trouble
		w.ready = trouble
		if status == http.StatusInternalServerError {
			w = newWorld(t, func(d *Deps) { d.Ready = func(context.Context) error { panic(trouble) } })
			w.machines.fail, w.tokens.fail, w.usage.fail, w.audit.fail, w.keys.fail = trouble, trouble, trouble, trouble, trouble
		}
		for _, r := range slices.Concat(adminRoutes(), tokenRoutes(), otherRoutes(), oauthCalls()) {
			who := instanceKey
			if strings.HasSuffix(r[1], "m2m_tokens") {
				who = secretA // the one call that the instance key may not make
			}
			x := exchangeWith(w, r, who)
			if x.Status != status {
				t.Errorf("%s %s: %d %s, want %d", r[0], r[1], x.Status, x.Body, status)
			}
			if err := about.Check(t.Context(), x); err != nil {
				t.Error(err)
			}
			if op, err := about.Of(x); err == nil {
				seen[op.Name()+" "+http.StatusText(x.Status)] = true
			}
		}
	}
	for _, op := range about.Operations() {
		for _, status := range []int{500, 503} {
			if op.Responses.Status(status) != nil && !seen[op.Name()+" "+http.StatusText(status)] {
				t.Errorf("%s is described with %d, and was not asked for it", op.Name(), status)
			}
		}
	}
}

// otherRoutes is every route that is neither the operator's alone nor about tokens, and can fail.
func otherRoutes() [][3]string {
	return [][3]string{
		{"GET", "/v1/usage?start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z", ""},
		{"GET", "/v1/jwks", ""},
		{"HEAD", "/v1/jwks", ""},
		{"GET", "/.well-known/jwks.json", ""},
		{"HEAD", "/.well-known/jwks.json", ""},
		{"GET", "/readyz", ""},
		{"HEAD", "/readyz", ""},
	}
}

func exchangeWith(w *world, route [3]string, who secret.Text) openapi.Exchange {
	x := openapi.Exchange{Method: route[0], URL: route[1], SentBody: []byte(route[2])}
	out := w.call(route[0], route[1], who, route[2], func(r *http.Request) {
		if strings.HasPrefix(route[1], "/oauth2/") {
			r.Header = http.Header{"Content-Type": {formType}}
			basic(idA, secretA)(r)
		}
		if route[1] == "/v1/forward_auth" {
			forReceiver(secretB.Reveal())(r)
		}
		x.Sent = r.Header
	})
	x.Status, x.Header, x.Body = out.Code, out.Result().Header, out.Body.Bytes()
	return x
}
