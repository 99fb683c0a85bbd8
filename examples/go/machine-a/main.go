// Command machine-a is the service that calls: it gets a token, keeps it, and puts it on its requests.
//
//	DUALMINT_ISSUER=http://127.0.0.1:8080 MACHINE_A_SECRET=ak_... TOKEN_FORMAT=jwt go run ./examples/go/machine-a
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/dualmint/dualmint/client"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "machine A:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	source, err := client.New(client.Config{
		Issuer:      os.Getenv("DUALMINT_ISSUER"),
		Secret:      os.Getenv("MACHINE_A_SECRET"),
		TokenFormat: os.Getenv("TOKEN_FORMAT"), // empty: the machine's default
		Claims:      map[string]string{"asking": "for orders"},
	})
	if err != nil {
		return err
	}
	b := &http.Client{Transport: source.Transport(nil), Timeout: 10 * time.Second}
	address := os.Getenv("MACHINE_B_URL")
	if address == "" {
		address = "http://127.0.0.1:8081"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/orders", http.NoBody) //nolint:gosec // G704: whoever runs it says where B is
	if err != nil {
		return err
	}
	resp, err := b.Do(req) //nolint:gosec // G704: likewise
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := fmt.Fprint(out, resp.StatusCode, " "); err != nil {
		return err
	}
	_, err = io.Copy(out, resp.Body)
	return err
}
