package secrets

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/test/harness"
)

// browser is an operator's session in the dashboard.
type browser struct {
	s      *harness.Server
	cookie string
}

func (b *browser) send(t *testing.T, method, path string, form url.Values) harness.Reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, b.s.Base+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("Cookie", b.cookie)
	return b.s.Send(t, req)
}

// inTheBrowser signs in, looks at a secret, has tokens made, pastes them, and puts every credential where it does not belong.
func inTheBrowser(t *testing.T, s *harness.Server, f *finder, a harness.Machine) {
	t.Helper()
	b := &browser{s: s}
	first := secret.New(secret.FirstLink).Reveal()
	f.text("a link of a first start", first)
	b.send(t, http.MethodGet, "/dashboard/first-sign-in?link="+first, nil)
	b.send(t, http.MethodPost, "/dashboard/first-sign-in", url.Values{"link": {first}}).Want(t, http.StatusUnauthorized)
	for _, wrong := range []string{a.SecretKey, s.MasterKey} {
		b.send(t, http.MethodPost, "/dashboard/sign-in", url.Values{"key": {wrong}}).Want(t, http.StatusUnauthorized)
	}
	in := b.send(t, http.MethodPost, "/dashboard/sign-in", url.Values{"key": {s.InstanceKey}}).Want(t, http.StatusSeeOther)
	b.cookie, _, _ = strings.Cut(in.Header.Get("Set-Cookie"), ";")
	_, id, _ := strings.Cut(b.cookie, "=")
	f.text("a session", id)

	page := b.send(t, http.MethodPost, "/dashboard/machines/"+a.ID+"/secret", url.Values{}).Want(t, http.StatusOK)
	if !strings.Contains(string(page.Body), a.SecretKey) {
		t.Error("the page does not show the secret")
	}
	pasted := []string{a.SecretKey, s.InstanceKey, id}
	for _, format := range []string{"opaque", "jwt"} {
		made := b.send(t, http.MethodPost, "/dashboard/machines/"+a.ID+"/new-token", url.Values{"format": {format}, "amount": {""}, "unit": {"60"}, "claims": {""}}).Want(t, http.StatusOK)
		token := regexp.MustCompile(`<code id="token">([^<]+)</code>`).FindSubmatch(made.Body)
		if token == nil {
			t.Fatalf("no token on the page: %s", made.Body)
		}
		text := html.UnescapeString(string(token[1]))
		f.token(format, text)
		pasted = append(pasted, text)
	}
	for _, text := range pasted {
		b.send(t, http.MethodPost, "/dashboard/tokens", url.Values{"token": {text}}).Want(t, http.StatusOK)
		for _, path := range []string{"/dashboard/" + text, "/dashboard/machines?q=" + text, "/dashboard/machines/" + text, "/dashboard/tokens/" + text, "/dashboard/machines?after=" + text} {
			if got := b.send(t, http.MethodGet, path, nil); got.Status >= 500 {
				t.Errorf("%.30s: %d", path, got.Status)
			}
		}
		if got := b.send(t, http.MethodPost, "/dashboard/machines/"+a.ID+"/delete", url.Values{"name": {text}}); got.Status != http.StatusUnprocessableEntity {
			t.Errorf("a credential in the place of a name: %d", got.Status)
		}
	}
	misplace(t, s, id)
	b.send(t, http.MethodPost, "/dashboard/sign-out", url.Values{}).Want(t, http.StatusSeeOther)
}
