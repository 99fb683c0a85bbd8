package verify_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/labstack/echo/v4"

	"github.com/dualmint/dualmint/verify"
	"github.com/dualmint/dualmint/verify/verifytest"
)

// routers are the usual ones, each with the middleware in its own way before one handler.
func routers(v *verify.Verifier) map[string]http.Handler {
	who := func(w http.ResponseWriter, r *http.Request) {
		g, ok := verify.FromContext(r.Context())
		if !ok {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_, _ = w.Write([]byte(g.Machine))
	}
	mux := http.NewServeMux()
	mux.Handle("GET /who", v.Middleware(http.HandlerFunc(who)))

	gin.SetMode(gin.ReleaseMode)
	g := gin.New()
	g.Use(func(c *gin.Context) { // as the package's comment has it
		good := false
		v.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			good, c.Request = true, r
			c.Next()
		})).ServeHTTP(c.Writer, c.Request)
		if !good {
			c.Abort()
		}
	})
	g.GET("/who", func(c *gin.Context) { who(c.Writer, c.Request) })

	wrapped := gin.New()
	wrapped.GET("/who", gin.WrapH(v.Middleware(http.HandlerFunc(who))))

	c := chi.NewRouter()
	c.Use(v.Middleware)
	c.Get("/who", who)

	e := echo.New()
	e.Use(echo.WrapMiddleware(v.Middleware))
	e.GET("/who", func(c echo.Context) error {
		who(c.Response(), c.Request())
		return nil
	})
	return map[string]http.Handler{"net/http": mux, "gin": g, "gin, one handler": wrapped, "chi": c, "echo": e}
}

// RFC 6750 section 3: whatever router is around it, the middleware answers 200, 401 and 503 as it should, and the handler of a refused
// request does not run.
func TestMiddlewareUnderTheUsualRouters(t *testing.T) {
	issuer := verifytest.NewIssuer(t)
	opaque, jwt, bad := issuer.Opaque(verifytest.Token{}), issuer.JWT(verifytest.Token{}), issuer.Forged(verifytest.Token{})
	for name, router := range routers(open(t, issuer.Config())) {
		server := httptest.NewServer(router)
		ask := func(authorization string, status int, body, challenge string) {
			t.Helper()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/who", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			if authorization != "" {
				r.Header.Set("Authorization", authorization)
			}
			resp, err := server.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			got := make([]byte, 100)
			n, _ := resp.Body.Read(got)
			if resp.StatusCode != status || string(got[:n]) != body || resp.Header.Get("WWW-Authenticate") != challenge {
				t.Errorf("%s, %.20s: %d %q %q", name, authorization, resp.StatusCode, got[:n], resp.Header.Get("WWW-Authenticate"))
			}
			if status == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") == "" {
				t.Errorf("%s: 503 without Retry-After", name)
			}
		}
		ask("Bearer "+opaque, http.StatusOK, verifytest.Caller, "")
		ask("Bearer "+jwt, http.StatusOK, verifytest.Caller, "")
		ask("Bearer "+bad, http.StatusUnauthorized, "unauthorized\n", `Bearer error="invalid_token"`)
		ask("", http.StatusUnauthorized, "unauthorized\n", "Bearer")
		issuer.SetDown(true)
		ask("Bearer "+opaque, http.StatusServiceUnavailable, "service unavailable\n", "")
		issuer.SetDown(false)
		server.Close()
	}
}
