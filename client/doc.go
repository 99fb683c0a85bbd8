// Package client is for the services that call: it gets a machine's token from a Dualmint issuer, keeps it, renews it before it expires,
// and puts it on requests.
//
//	source, err := client.New(client.Config{Issuer: "https://tokens.example.com", Secret: os.Getenv("MACHINE_SECRET")})
//	...
//	orders := &http.Client{Transport: source.Transport(nil)}
//
// It owns one token at a time, in the machine's default format unless told otherwise. However many callers wait, one request to the
// issuer is under way. It refuses to know what the token says. Start reading at source.go.
package client
