package gateways

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
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

	server   *httptest.Server
	instead  atomic.Pointer[http.HandlerFunc]
	impostor atomic.Bool // shows a certificate of an authority that nobody knows
	asked    atomic.Int64
}

func newFront(t *testing.T, issuer string) *front {
	t.Helper()
	f := &front{ca: filepath.Join(t.TempDir(), "ca.pem")}
	good, authority := certificate(t)
	foreign, _ := certificate(t)
	if err := os.WriteFile(f.ca, authority, 0o600); err != nil {
		t.Fatal(err)
	}
	behind, err := url.Parse(issuer)
	if err != nil {
		t.Fatal(err)
	}
	pass := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(behind) }, ErrorLog: quiet()}
	f.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.asked.Add(1)
		if instead := f.instead.Load(); instead != nil {
			(*instead)(w, r)
			return
		}
		pass.ServeHTTP(w, r)
	}))
	f.server.Config.ErrorLog = quiet()
	f.server.TLS = &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		if f.impostor.Load() {
			return &foreign, nil
		}
		return &good, nil
	}}
	f.server.StartTLS()
	t.Cleanup(f.server.Close)
	f.host = strings.Replace(f.server.Listener.Addr().String(), "127.0.0.1", "localhost", 1)
	f.url = "https://" + f.host
	return f
}

// certificate makes an authority and a certificate for localhost, under every name that a gateway might check.
func certificate(t *testing.T) (leaf tls.Certificate, authority []byte) {
	t.Helper()
	now := time.Now()
	sign := func(template, parent *x509.Certificate, public *ecdsa.PublicKey, by *ecdsa.PrivateKey) []byte {
		template.NotBefore, template.NotAfter = now.Add(-time.Hour), now.Add(time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, template, parent, public, by)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	root, caKey := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "an authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
	}, newKey(t)
	rootDER := sign(root, root, &caKey.PublicKey, caKey)
	root, err := x509.ParseCertificate(rootDER)
	if err != nil {
		t.Fatal(err)
	}
	key := newKey(t)
	der := sign(&x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, DNSNames: []string{"localhost", "127.0.0.1"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}, root, &key.PublicKey, caKey)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootDER})
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
