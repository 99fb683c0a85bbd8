package gateways

import "testing"

func TestHAProxyKeepsThePromises(t *testing.T) {
	t.Parallel()
	promises(t, func(t *testing.T, w *world) string {
		t.Helper()
		dir, address := t.TempDir(), freeAddress(t)
		script := write(t, dir, "dualmint.lua", page(t, "haproxy.md", "/etc/haproxy/dualmint.lua"))
		secret := write(t, dir, "machine-secret", w.b.SecretKey+"\n")
		config := write(t, dir, "haproxy.cfg", page(t, "haproxy.md", "/etc/haproxy/haproxy.cfg",
			"https://tokens.example.com", "https://"+w.front.server.Listener.Addr().String(),
			"/etc/ssl/certs/ca-certificates.crt", w.front.ca,
			"/etc/haproxy/dualmint.lua", script,
			"/etc/haproxy/machine-secret", secret,
			"bind :8080", "bind "+address,
			"127.0.0.1:9000", w.service.address))
		run(t, dir, address, nil, "haproxy", "-db", "-f", config)
		return "http://" + address
	})
}
