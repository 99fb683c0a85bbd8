package verify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Middleware lets requests through that carry a good token as "Authorization: Bearer ..." (RFC 6750 section 2.1), with the Grant in their
// context, and answers the others: 401 without or with a bad token, 503 when it cannot be told now. The caller learns nothing else.
func (v *Verifier) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g, err := v.VerifyAuthorization(r.Context(), r.Header.Values("Authorization"))
		switch {
		case err == nil && g != nil:
			next.ServeHTTP(w, r.WithContext(NewContext(r.Context(), g)))
		case errors.Is(err, ErrNoToken):
			unauthorized(w, "Bearer") // no error code without a token: RFC 6750 section 3.1
		case errors.Is(err, ErrRefused):
			unauthorized(w, `Bearer error="invalid_token"`)
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
				unauthorized(w, "Bearer")
			case !g.HasScope(machine):
				w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope"`)
				http.Error(w, "forbidden", http.StatusForbidden)
			default:
				next.ServeHTTP(w, r)
			}
		})
	}
}

func unauthorized(w http.ResponseWriter, challenge string) {
	w.Header().Set("WWW-Authenticate", challenge)
	http.Error(w, "unauthorized", http.StatusUnauthorized)
}

type grantKey struct{}

// FromContext gives the Grant of a request that Middleware let through.
func FromContext(ctx context.Context) (*Grant, bool) {
	g, ok := ctx.Value(grantKey{}).(*Grant)
	return g, ok && g != nil
}

// NewContext gives a context in which FromContext finds this Grant: for adapters to other transports, and for tests of handlers.
func NewContext(ctx context.Context, g *Grant) context.Context {
	return context.WithValue(ctx, grantKey{}, g)
}

// ErrNoToken means that there was no token to look at: no Authorization field, several, or one of another scheme. It is ErrRefused too.
var ErrNoToken = fmt.Errorf("%w: none was sent", ErrRefused)

// VerifyAuthorization is Verify for the values of a request's Authorization field, of which there must be one, "Bearer" and a token.
// Beside Verify's errors there is ErrNoToken. Middleware is made of it, and adapters to other transports should be.
func (v *Verifier) VerifyAuthorization(ctx context.Context, values []string) (*Grant, error) {
	token, ok := bearer(values)
	if !ok {
		return nil, ErrNoToken
	}
	return v.Verify(ctx, token)
}

// bearer takes the one credential of the field; the scheme's case does not matter (RFC 9110 section 11.1).
func bearer(values []string) (string, bool) {
	if len(values) != 1 {
		return "", false
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	return token, ok && strings.EqualFold(scheme, "Bearer") && token != ""
}
