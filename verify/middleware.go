package verify

import (
	"context"
	"errors"
	"net/http"
	"strings"
)

// Middleware lets requests through that carry a good token as "Authorization: Bearer ..." (RFC 6750 section 2.1), with the Grant in their
// context, and answers the others: 401 without or with a bad token, 503 when it cannot be told now. The caller learns nothing else.
func (v *Verifier) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := bearer(r.Header)
		if !ok {
			w.Header().Set("WWW-Authenticate", "Bearer") // no error code without a token: RFC 6750 section 3.1
			http.Error(w, "unauthorized", http.StatusUnauthorized)
			return
		}
		g, err := v.Verify(r.Context(), token)
		switch {
		case err == nil && g != nil:
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), grantKey{}, g)))
		case errors.Is(err, ErrRefused):
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			http.Error(w, "unauthorized", http.StatusUnauthorized)
		default:
			w.Header().Set("Retry-After", "1")
			http.Error(w, "service unavailable", http.StatusServiceUnavailable)
		}
	})
}

// RequireScope lets requests through whose token's machine may call this machine too. It stands behind Middleware; without a Grant it
// answers 401, and without the scope 403 (RFC 6750 section 3.1).
func RequireScope(machine string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			g, ok := FromContext(r.Context())
			switch {
			case !ok:
				w.Header().Set("WWW-Authenticate", "Bearer")
				http.Error(w, "unauthorized", http.StatusUnauthorized)
			case !g.HasScope(machine):
				w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope"`)
				http.Error(w, "forbidden", http.StatusForbidden)
			default:
				next.ServeHTTP(w, r)
			}
		})
	}
}

type grantKey struct{}

// FromContext gives the Grant of a request that Middleware let through.
func FromContext(ctx context.Context) (*Grant, bool) {
	g, ok := ctx.Value(grantKey{}).(*Grant)
	return g, ok && g != nil
}

// bearer takes the one credential of the header; the scheme's case does not matter (RFC 9110 section 11.1).
func bearer(h http.Header) (string, bool) {
	values := h.Values("Authorization")
	if len(values) != 1 {
		return "", false
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	return token, ok && strings.EqualFold(scheme, "Bearer") && token != ""
}
