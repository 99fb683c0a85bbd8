package access

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/test/harness"
)

// R17: every refusal of a token is one and the same answer, for both formats, on both prefixes.
func TestRefusalsCannotBeToldApart(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		bad := map[string]string{
			"malformed":     "mt_x",
			"no prefix":     "hello",
			"empty":         "",
			"token id":      string(m2m.NewTokenID()),
			"bad checksum":  breakChecksum(secret.New(secret.OpaqueToken).Reveal()),
			"over-long":     "mt_" + strings.Repeat("a", 9<<10),
			"three dots":    "a.b.c.d",
			"empty JWT":     "..",
			"nonsense JWT":  "a.b.c",
			"NUL":           "mt_\x00",
			"not ASCII":     "mt_ü",
			"machine id":    w.a.ID,
			"another's key": w.c.SecretKey,
		}
		short := harness.Fields{"seconds_until_expiration": 1}
		for _, format := range formats {
			revoked := w.mint(t, format)
			w.Revoke(t, w.a.SecretKey, revoked.ID).Want(t, http.StatusOK)
			short["token_format"] = format
			doomed := w.NewMachine(t, "doomed", w.b)
			bad[format+" revoked"] = revoked.Token
			bad[format+" expired"] = w.Mint(t, w.a.SecretKey, short).Token
			bad[format+" not for you"] = w.Mint(t, w.c.SecretKey, harness.Fields{"token_format": format}).Token
			bad[format+" of a deleted machine"] = w.Mint(t, doomed.SecretKey, harness.Fields{"token_format": format}).Token
			w.Call(t, http.MethodDelete, "/v1/machines/"+doomed.ID, w.InstanceKey, nil).Want(t, http.StatusOK)
		}
		jwt := w.mint(t, "jwt").Token
		bad["JWT with another signature"] = jwt[:len(jwt)-20] + strings.Repeat("A", 20)
		bad["JWT of alg none"] = forge(jwt, `{"alg":"none","typ":"at+jwt"}`)
		bad["JWT of alg HS256"] = forge(jwt, `{"alg":"HS256","typ":"at+jwt","kid":"`+strings.Repeat("k", 43)+`"}`)
		time.Sleep(2 * time.Second) // the clock of the database decides what is expired, and it has no hand to turn

		want := w.Verify(t, w.b.SecretKey, secret.New(secret.OpaqueToken).Reveal())
		refused(t, want, "unknown")
		for what, token := range bad {
			same(t, what, want, w.Verify(t, w.b.SecretKey, token))
			same(t, what+" on the other prefix", want,
				w.Call(t, http.MethodPost, "/m2m_tokens/verify", w.b.SecretKey, harness.Fields{"token": token}))
			same(t, what+" under the alias", want,
				w.Call(t, http.MethodPost, "/m2m_tokens/verify", w.b.SecretKey, harness.Fields{"secret": token}))
		}
	})
}

// R4: a broken token is no way around authentication.
func TestABadTokenDoesNotHideABadCaller(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		good := w.Verify(t, "", w.mint(t, "opaque").Token)
		if good.Status != http.StatusUnauthorized {
			t.Fatalf("nobody: %d", good.Status)
		}
		for _, token := range []string{"", "x", "a.b.c", secret.New(secret.OpaqueToken).Reveal()} {
			same(t, token, good, w.Verify(t, "", token))
			if got := w.Verify(t, secret.New(secret.MachineSecret).Reveal(), token); got.Status != http.StatusUnauthorized {
				t.Errorf("%q as a stranger: %d %s", token, got.Status, got.Body)
			}
		}
	})
}

// R11: what cannot be a credential is refused before anybody looks for it.
func TestCredentialsThatCannotBeAreRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		for _, header := range []string{
			"Bearer", "Bearer ", "Basic " + w.InstanceKey, w.InstanceKey, "Bearer " + strings.Repeat("a", 8<<10), "Bearer \xff\xfe",
			"Bearer  " + w.InstanceKey, "Bearer " + w.InstanceKey + " " + w.InstanceKey, "Bearer " + w.InstanceKey + ",",
			"Bearerx " + w.InstanceKey,
		} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.Base+"/v1/machines", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", header)
			if got := w.Send(t, req); got.Status != http.StatusUnauthorized {
				t.Errorf("%.30q: %d %s", header, got.Status, got.Body)
			} else {
				got.Fault(t)
			}
		}
		twice, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.Base+"/v1/machines", nil)
		if err != nil {
			t.Fatal(err)
		}
		twice.Header["Authorization"] = []string{"Bearer " + w.InstanceKey, "Bearer " + w.a.SecretKey}
		if got := w.Send(t, twice); got.Status != http.StatusUnauthorized {
			t.Errorf("two headers: %d %s", got.Status, got.Body)
		}
	})
}

// R6: a credential in a URL opens nothing.
func TestACredentialInAURLOpensNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		for _, name := range []string{"token", "access_token", "secret", "secret_key", "authorization", "key"} {
			got := w.Call(t, http.MethodGet, "/v1/machines?"+name+"="+w.InstanceKey, "", nil)
			if got.Status != http.StatusUnauthorized {
				t.Errorf("%s: %d %s", name, got.Status, got.Body)
			}
		}
	})
}

func breakChecksum(token string) string {
	return token[:len(token)-1] + string(another(token[len(token)-1]))
}

// forge puts another header before a JWT's claims and signature.
func forge(jwt, header string) string {
	_, rest, _ := strings.Cut(jwt, ".")
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + rest
}
