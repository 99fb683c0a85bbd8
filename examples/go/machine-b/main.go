// Command machine-b is the service that is called: it accepts both kinds of token and says who asked.
//
//	DUALMINT_ISSUER=http://127.0.0.1:8080 MACHINE_B_ID=mch_... MACHINE_B_SECRET=ak_... go run ./examples/go/machine-b
package main

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/dualmint/dualmint/verify"
)

func main() {
	v, err := verify.New(verify.Config{
		Issuer:  os.Getenv("DUALMINT_ISSUER"),
		Machine: os.Getenv("MACHINE_B_ID"),
		Secret:  os.Getenv("MACHINE_B_SECRET"),
	})
	if err != nil {
		slog.Error("machine B cannot verify tokens", "error", err)
		os.Exit(1)
	}
	addr := os.Getenv("MACHINE_B_ADDR")
	if addr == "" {
		addr = "127.0.0.1:8081"
	}
	mux := http.NewServeMux()
	mux.Handle("GET /orders", v.Middleware(http.HandlerFunc(orders)))
	server := &http.Server{Addr: addr, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	slog.Info("machine B listens", "address", addr)
	err = server.ListenAndServe()
	v.Close()
	slog.Error("machine B ended", "error", err)
	os.Exit(1)
}

func orders(w http.ResponseWriter, r *http.Request) {
	grant, _ := verify.FromContext(r.Context())
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"orders": []int{1, 2, 3}, "asked_by": grant.Machine, "claims": grant.Claims})
}
