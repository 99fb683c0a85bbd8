package gateways

import (
	"fmt"
	"testing"
)

func TestNginxKeepsThePromises(t *testing.T) {
	t.Parallel()
	promises(t, func(t *testing.T, w *world) string {
		t.Helper()
		dir, address := t.TempDir(), freeAddress(t)
		secret := write(t, dir, "dualmint-secret.conf", page(t, "nginx.md", "/etc/nginx/dualmint-secret.conf", "ak_...", w.b.SecretKey))
		site := write(t, dir, "orders.conf", page(t, "nginx.md", "/etc/nginx/conf.d/orders.conf",
			"tokens.example.com:443", w.front.host,
			"tokens.example.com", "localhost",
			"listen 8080;", "listen "+address+";",
			"127.0.0.1:9000", w.service.address,
			"/etc/nginx/dualmint-secret.conf", secret,
			"/etc/ssl/certs/ca-certificates.crt", w.front.ca))
		// What Debian's /etc/nginx/nginx.conf does around a site, in the foreground and in a folder of its own.
		main := write(t, dir, "nginx.conf", fmt.Sprintf(`
daemon off;
master_process off;
pid %[1]s/nginx.pid;
events {}
http {
    access_log off;
    client_body_temp_path %[1]s/body;
    proxy_temp_path       %[1]s/proxy;
    fastcgi_temp_path     %[1]s/fastcgi;
    uwsgi_temp_path       %[1]s/uwsgi;
    scgi_temp_path        %[1]s/scgi;
    include %[2]s;
}`, dir, site))
		run(t, dir, address, nil, "nginx", "-e", "stderr", "-p", dir, "-c", main)
		return "http://" + address
	})
}
