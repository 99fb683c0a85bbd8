package gateways

import "testing"

func TestCaddyKeepsThePromises(t *testing.T) {
	t.Parallel()
	promises(t, func(t *testing.T, w *world) string {
		t.Helper()
		dir, address := t.TempDir(), freeAddress(t)
		// Without the administration's fixed port and certificates of its own.
		config := write(t, dir, "Caddyfile", "{\n\tadmin off\n\tauto_https off\n}\n"+page(t, "caddy.md", "/etc/caddy/Caddyfile",
			"orders.example.com", "http://"+address,
			"https://tokens.example.com", w.front.url,
			"127.0.0.1:9000", w.service.address))
		env := []string{"SSL_CERT_FILE=" + w.front.ca, "DUALMINT_MACHINE_SECRET=" + w.b.SecretKey, "XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir}
		run(t, dir, address, env, "caddy", "run", "--adapter", "caddyfile", "--config", config)
		return "http://" + address
	})
}
