package verifytest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/dualmint/dualmint/verify"
	"github.com/dualmint/dualmint/verify/verifytest"
)

// What a service's own test looks like: good tokens, bad ones, and an issuer in trouble.
func ExampleIssuer() {
	issuer := verifytest.Start() // in a test: verifytest.NewIssuer(t), which ends with it
	defer issuer.Close()
	v, err := verify.New(issuer.Config())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer v.Close()
	service := v.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	ask := func(token string) int {
		r, w := httptest.NewRequest(http.MethodGet, "/", http.NoBody), httptest.NewRecorder()
		r.Header.Set("Authorization", "Bearer "+token)
		service.ServeHTTP(w, r)
		return w.Code
	}

	token := issuer.Opaque(verifytest.Token{Claims: map[string]string{"role": "reader"}})
	fmt.Println("good:", ask(token), ask(issuer.JWT(verifytest.Token{})))
	fmt.Println("expired:", ask(issuer.Opaque(verifytest.Expired())), ask(issuer.JWT(verifytest.Expired())))
	fmt.Println("for somebody else:", ask(issuer.Opaque(verifytest.ForStranger())), ask(issuer.JWT(verifytest.ForStranger())))
	fmt.Println("forged:", ask(issuer.Forged(verifytest.Token{})))
	issuer.SetDown(true)
	fmt.Println("nobody can tell:", ask(token))
	issuer.SetDown(false)
	issuer.Revoke(token)
	fmt.Println("revoked:", ask(token))
	// Output:
	// good: 200 200
	// expired: 401 401
	// for somebody else: 401 401
	// forged: 401
	// nobody can tell: 503
	// revoked: 401
}
