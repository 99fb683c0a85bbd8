package main

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// running is a server of this process, and what it printed.
type running struct {
	base string
	log  *shared
	stop func()
}

// serveIn starts a server on the database in dir and waits until it serves.
func serveIn(t *testing.T, dir string, terminal bool, environ ...string) running {
	t.Helper()
	addr := freeAddress(t)
	ctx, cancel := context.WithCancel(t.Context())
	log := new(shared)
	p := &program{
		environ: append([]string{"DUALMINT_ADDR=" + addr, "DUALMINT_ISSUER=http://127.0.0.1:1"}, environ...), dir: dir,
		in: strings.NewReader(""), out: log, err: log, now: time.Now, terminal: terminal,
	}
	ended := make(chan error, 1)
	go func() { ended <- p.run(ctx, []string{"serve"}) }()
	r := running{base: "http://" + addr, log: log}
	r.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("stopped with %v", err)
		}
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if resp, err := http.Get(r.base + "/readyz"); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK && strings.Contains(log.String(), "msg=ready") {
				return r
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("not ready:\n%s", log)
		}
	}
}

// ask makes a request as a browser does and gives status, the path it ended on, and the page.
func ask(t *testing.T, c *http.Client, method, address string, form url.Values) (int, string, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Request.URL.Path, string(body)
}

// R6: the link of the first start is on the terminal, signs in once by a POST, and is nowhere else.
func TestTheFirstStartPrintsALinkThatSignsInOnce(t *testing.T) {
	dir := t.TempDir()
	s := serveIn(t, dir, true)
	defer func() { s.stop() }()
	link := regexp.MustCompile(`http://\S+/dashboard/first-sign-in\?link=fl_\w+`).FindString(s.log.String())
	if !strings.HasPrefix(link, s.base) {
		t.Fatalf("no link to this server:\n%s", s.log)
	}
	credential := link[strings.Index(link, "fl_"):]
	for range 2 { // looking at it uses nothing up: what previews links looks at them
		if status, _, body := ask(t, http.DefaultClient, http.MethodGet, link, nil); status != http.StatusOK || !strings.Contains(body, credential) {
			t.Fatalf("%d %s", status, body)
		}
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	operator := &http.Client{Jar: jar}
	use := url.Values{"link": {credential}}
	if status, path, _ := ask(t, operator, http.MethodPost, s.base+"/dashboard/first-sign-in", use); status != http.StatusOK || strings.Contains(path, "sign-in") {
		t.Errorf("the link led to %d %s", status, path)
	}
	if status, _, body := ask(t, http.DefaultClient, http.MethodPost, s.base+"/dashboard/first-sign-in", use); status != http.StatusUnauthorized || !strings.Contains(body, "opens nothing") {
		t.Errorf("once more: %d", status)
	}
	if n := strings.Count(s.log.String(), credential); n != 1 { // R61
		t.Errorf("the link is printed %d times", n)
	}
	s.stop()
	s = serveIn(t, dir, true)
	if strings.Contains(s.log.String(), "fl_") || !strings.Contains(s.log.String(), "dashboard: "+s.base+"/dashboard") {
		t.Errorf("the second start:\n%s", s.log)
	}
}

// R61: what goes to a file or a collector of logs holds no credential.
func TestNoTerminalNoLink(t *testing.T) {
	s := serveIn(t, t.TempDir(), false)
	defer s.stop()
	if strings.Contains(s.log.String(), "first-sign-in") {
		t.Errorf("a link without a terminal:\n%s", s.log)
	}
	if status, path, body := ask(t, http.DefaultClient, http.MethodGet, s.base+"/", nil); status != http.StatusOK || path != "/dashboard/sign-in" || !strings.Contains(body, "Instance secret key") {
		t.Errorf("a browser that asks for / got to %d %s", status, path)
	}
}

func TestTheDashboardCanBeLeftOut(t *testing.T) {
	s := serveIn(t, t.TempDir(), true, "DUALMINT_DASHBOARD=off")
	defer s.stop()
	for _, path := range []string{"/dashboard", "/dashboard/sign-in", "/dashboardx"} {
		if status, _, body := ask(t, http.DefaultClient, http.MethodGet, s.base+path, nil); status != http.StatusNotFound || !strings.HasPrefix(body, "{") {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if strings.Contains(s.log.String(), "first-sign-in") {
		t.Errorf("a link to nothing:\n%s", s.log)
	}
}
