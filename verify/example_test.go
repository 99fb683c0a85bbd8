package verify_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/dualmint/dualmint/verify"
	"github.com/dualmint/dualmint/verify/verifytest"
)

// A service accepts both kinds of token with one middleware.
func ExampleVerifier_Middleware() {
	issuer := verifytest.Start() // in a service: the real one, and a verify.Config with its address, the machine's id and secret
	defer issuer.Close()
	v, err := verify.New(issuer.Config())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer v.Close()

	orders := v.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		grant, _ := verify.FromContext(r.Context())
		_, _ = fmt.Fprint(w, "asked by ", grant.Machine)
	}))

	for _, token := range []string{issuer.Opaque(verifytest.Token{}), issuer.JWT(verifytest.Token{}), "nonsense"} {
		request := httptest.NewRequest(http.MethodGet, "/orders", http.NoBody)
		request.Header.Set("Authorization", "Bearer "+token)
		answer := httptest.NewRecorder()
		orders.ServeHTTP(answer, request)
		fmt.Println(answer.Code, answer.Body)
	}
	// Output:
	// 200 asked by mch_verifytestcaller00000000000
	// 200 asked by mch_verifytestcaller00000000000
	// 401 unauthorized
}

// Without HTTP, as in a consumer of a queue: refused and cannot-tell are two things.
func ExampleVerifier_Verify() {
	issuer := verifytest.Start() // in a service: the real one
	defer issuer.Close()
	v, err := verify.New(issuer.Config())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer v.Close()

	for _, token := range []string{issuer.JWT(verifytest.Token{}), issuer.Opaque(verifytest.Expired())} {
		grant, err := v.Verify(context.Background(), token)
		switch {
		case err == nil:
			fmt.Println("from", grant.Machine)
		case errors.Is(err, verify.ErrRefused):
			fmt.Println("drop the message")
		default:
			fmt.Println("put it back and try later")
		}
	}
	// Output:
	// from mch_verifytestcaller00000000000
	// drop the message
}
