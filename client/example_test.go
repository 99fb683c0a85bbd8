package client_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/dualmint/dualmint/client"
	"github.com/dualmint/dualmint/verify"
	"github.com/dualmint/dualmint/verify/verifytest"
)

// A service calls another: the token is got, kept, renewed and put on the request.
func ExampleSource_Transport() {
	issuer := verifytest.Start() // in a service: the real one, by its address
	defer issuer.Close()
	source, err := client.New(client.Config{Issuer: issuer.URL, Secret: issuer.CallerSecret(), Claims: map[string]string{"asking": "for orders"}})
	if err != nil {
		fmt.Println(err)
		return
	}

	v, err := verify.New(issuer.Config())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer v.Close()
	orders := httptest.NewServer(v.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		grant, _ := verify.FromContext(r.Context())
		_, _ = fmt.Fprintf(w, "%s says %s", grant.Machine, grant.Claims)
	})))
	defer orders.Close()

	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	answer, err := (&http.Client{Transport: source.Transport(transport)}).Get(orders.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	fmt.Println(answer.StatusCode, string(text), err)
	// Output:
	// 200 mch_verifytestcaller00000000000 says {"asking":"for orders"} <nil>
}
