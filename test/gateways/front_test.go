package gateways

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// front is the TLS-terminating proxy in front of the issuer, as there is one in production. It can be told to answer something else.
type front struct {
	url  string // https://localhost:port
	host string // localhost:port
	ca   string // file with the authority that signed its certificate

	server  *httptest.Server
	behind  atomic.Pointer[url.URL] // the issuer
	instead atomic.Pointer[http.HandlerFunc]
	shown   atomic.Pointer[tls.Certificate] // to whoever connects
	asked   atomic.Int64

	impostors map[string]*tls.Certificate // that it could show instead of its own
}

func newFront(t *testing.T) *front {
	t.Helper()
	f := &front{ca: filepath.Join(t.TempDir(), "ca.pem")}
	ours, unknown := newAuthority(t), newAuthority(t)
	if err := os.WriteFile(f.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ours.certificate.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	names := []string{"localhost", "127.0.0.1"} // HAProxy looks for the address among the names
	f.shown.Store(ours.sign(t, names...))
	f.impostors = map[string]*tls.Certificate{
		"of an authority that nobody knows":  unknown.sign(t, names...),
		"of a name that is not the issuer's": ours.sign(t, "elsewhere.example"),
	}
	quiet := slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // tests cut connections
	pass := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(f.behind.Load()) }, ErrorLog: quiet}
	f.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.asked.Add(1)
		if instead := f.instead.Load(); instead != nil {
			(*instead)(w, r)
			return
		}
		pass.ServeHTTP(w, r)
	}))
	f.server.Config.ErrorLog = quiet
	f.server.TLS = &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return f.shown.Load(), nil }}
	f.server.StartTLS()
	t.Cleanup(f.server.Close)
	f.host = strings.Replace(f.server.Listener.Addr().String(), "127.0.0.1", "localhost", 1)
	f.url = "https://" + f.host
	return f
}

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "an authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{certificate, key}
}

// sign makes a certificate for a server of these names.
func (a authority) sign(t *testing.T, names ...string) *tls.Certificate {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: names[0]}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, DNSNames: names,
		NotBefore: a.certificate.NotBefore, NotAfter: a.certificate.NotAfter,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// trust is for clients of the test's own.
func (f *front) trust(t *testing.T) *tls.Config {
	t.Helper()
	text, err := os.ReadFile(f.ca)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		t.Fatal("the authority is no certificate")
	}
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}
