package gateways

import (
	"crypto/ed25519"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dualmint/dualmint/test/harness"
)

// What a receiver says of a token that is not good, and of one about which it cannot tell; of a good one it says who calls.
const (
	refused = "refused"
	unclear = "unclear"
)

// receiver tells what the service that a page shows makes of tokens. Each call is a process of its own, which has no keys yet.
type receiver func(t *testing.T, tokens ...string) []string

// receives holds a receiver to the promises of both formats, or of those that it takes. In doubt it says what its page says that it says,
// and never that a token is good (I6).
func receives(t *testing.T, w *world, ask receiver, inDoubt string, formats ...string) {
	t.Helper()
	good, bad := map[string]string{}, map[string]string{"nothing": "", "a.b.c": "a.b.c", "a machine secret": w.a.SecretKey, "not a token": "Bearer x"}
	for _, format := range formats {
		w.tokensOf(t, format, good, bad)
	}
	judge := func(want string, set map[string]string) {
		t.Helper()
		names := slices.Sorted(maps.Keys(set))
		tokens := make([]string, 0, 2*len(names))
		for _, name := range append(names, names...) { // twice: none does harm to those after it
			tokens = append(tokens, set[name])
		}
		for i, got := range ask(t, tokens...) {
			if got != want {
				t.Errorf("%s: %q, want %q", names[i%len(names)], got, want)
			}
		}
	}
	judge(w.a.ID, good)
	judge(refused, bad)
	trouble := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	w.front.instead.Store(&trouble)
	judge(inDoubt, good)
	w.front.instead.Store(nil)
}

// tokensOf collects tokens of a format that are good for b, and what looks like them and is not.
func (w *world) tokensOf(t *testing.T, format string, good, bad map[string]string) {
	t.Helper()
	one := w.mint(t, format, harness.Fields{"order": 42}).Token
	good["a good "+format] = one
	expired := w.Mint(t, w.a.SecretKey, harness.Fields{"token_format": format, "seconds_until_expiration": 1}).Token
	gateway{world: w}.untilRefused(t, expired)
	foreign := w.MachineWith(t, harness.Fields{"name": "for another receiver", "scoped_machines": []string{w.stranger.ID}})
	bad[format+" expired"] = expired
	bad[format+" shortened"] = one[:len(one)-2]
	bad[format+" of another issuer"] = newWorld(t).mint(t, format, nil).Token
	bad[format+" for another receiver"] = w.Mint(t, foreign.SecretKey, harness.Fields{"token_format": format}).Token
	if format == "opaque" {
		revoked := w.mint(t, format, nil)
		w.Revoke(t, w.a.SecretKey, revoked.ID).Want(t, http.StatusOK)
		bad["opaque revoked"] = revoked.Token
		return
	}
	good["an OAuth client's jwt"] = w.issued(t) // it is no other
	_, forger, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	bad["jwt signed by another key"] = resigned(t, one, nil, forger)
	bad["jwt signed by an unknown key"] = resigned(t, one, map[string]any{"kid": "none-such"}, forger)
	bad["jwt bringing its own key"] = resigned(t, one, map[string]any{"jwk": publicJWK(forger), "kid": nil}, forger)
	bad["jwt signed by nobody"] = unsigned(t, one)
	bad["jwt with other claims"] = altered(t, one, w.a.ID, w.b.ID)
}

// scripted is a receiver in a language that reads tokens as JSON from its input, and writes its verdicts as JSON.
func scripted(w *world, dir, name string, args ...string) receiver {
	return func(t *testing.T, tokens ...string) []string {
		t.Helper()
		in, err := json.Marshal(tokens)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir, cmd.Stdin, cmd.Stderr = dir, strings.NewReader(string(in)), os.Stderr
		cmd.Env = append(w.settings(), "PATH="+os.Getenv("PATH"), "HOME="+dir)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		var said []string
		if err := json.Unmarshal(out, &said); err != nil || len(said) != len(tokens) {
			t.Fatalf("%s said %s", name, out)
		}
		return said
	}
}

// settings is the environment of a service behind no gateway.
func (w *world) settings() []string {
	return []string{
		"DUALMINT_ISSUER=" + w.front.url, "MACHINE_ID=" + w.b.ID, "MACHINE_SECRET=" + w.b.SecretKey,
		"SSL_CERT_FILE=" + w.front.ca, "NODE_EXTRA_CA_CERTS=" + w.front.ca,
	}
}

func TestThePythonPageReceivesBothFormats(t *testing.T) {
	t.Parallel()
	w, dir := newWorld(t), t.TempDir()
	write(t, dir, "receiver.py", page(t, "python.md", "receiver.py"))
	write(t, dir, "client.py", page(t, "python.md", "client.py"))
	const python = "/usr/bin/python3" // Debian's, which has Debian's PyJWT
	receives(t, w, scripted(w, dir, python, "-c", `
import json, sys
from receiver import caller, Refused
said = []
for token in json.load(sys.stdin):
    try:
        said.append(caller(token)[0])
    except Refused:
        said.append("refused")
    except Exception:
        said.append("unclear")
print(json.dumps(said))`), unclear, "jwt", "opaque")

	issued := scripted(w, dir, python, "-c", `
import json, os, sys, client
machine, secret, receiver = json.load(sys.stdin)
jwt, good_for = client.token(os.environ["DUALMINT_ISSUER"], machine, secret, resource=receiver, token_format="jwt")
opaque, _ = client.token(os.environ["DUALMINT_ISSUER"], machine, secret)
print(json.dumps([jwt, opaque, str(good_for)]))`)(t, w.a.ID, w.a.SecretKey, w.b.ID)
	for _, token := range issued[:2] {
		w.Verify(t, w.b.SecretKey, token).Want(t, http.StatusOK)
	}
	if issued[2] != "3600" || w.Verify(t, w.stranger.SecretKey, issued[0]).Status != http.StatusNotFound {
		t.Errorf("the JWT is good for %s seconds, or for more than its resource", issued[2])
	}
}

// node runs a script in a folder that has the packages of test/sdk.
func node(t *testing.T, w *world, script string, pages ...string) receiver {
	t.Helper()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(root, "test", "sdk", "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	for _, name := range pages {
		write(t, dir, name, page(t, "node.md", name))
	}
	write(t, dir, "ask.mjs", script)
	return scripted(w, dir, "node", "ask.mjs")
}

const asksInNode = `
import { text } from 'node:stream/consumers';
const said = [];
for (const token of JSON.parse(await text(process.stdin))) {
  try { said.push(await verdict(token)); } catch (error) { said.push(isRefusal(error) ? 'refused' : 'unclear'); }
}
console.log(JSON.stringify(said));`

func TestTheNodePageReceivesBothFormats(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	receives(t, w, node(t, w, `import { caller, Refused } from './receiver.mjs';
const verdict = async token => (await caller(token))[0], isRefusal = error => error instanceof Refused;`+asksInNode, "receiver.mjs"), unclear, "jwt", "opaque")
}

func TestTheNodePageReceivesWithClerksSDK(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	receives(t, w, node(t, w, `import { caller } from './clerk.mjs';
const verdict = caller, isRefusal = error => error.status === 404 || error.status === 400;`+asksInNode, "clerk.mjs"), unclear, "opaque")
}

// built is a Go program of the page, as a reader builds it.
func built(t *testing.T, file string) string {
	t.Helper()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, "main.go", page(t, "go.md", file))
	out := filepath.Join(dir, "program")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-tags", "nomsgpack", "-o", out, filepath.Join(dir, "main.go"))
	cmd.Dir = root
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	return out
}

// served starts a Go program of the page, and gives a receiver that asks it over HTTP.
func served(w *world, program string) receiver {
	return func(t *testing.T, tokens ...string) []string {
		t.Helper()
		address := freeAddress(t)
		run(t, t.TempDir(), address, append(w.settings(), "ADDR="+address), program)
		g := gateway{w, "http://" + address}
		said := make([]string, 0, len(tokens))
		for _, token := range tokens {
			got := g.send(t, "GET", "/orders", "", "Authorization", "Bearer "+token)
			switch got.Status {
			case http.StatusOK:
				said = append(said, strings.TrimPrefix(string(got.Body), "orders for "))
			case http.StatusUnauthorized:
				said = append(said, refused)
			case http.StatusServiceUnavailable:
				said = append(said, unclear)
			default:
				t.Fatalf("status %d: %s", got.Status, got.Body)
			}
		}
		return said
	}
}

func TestTheGoPageReceivesBothFormatsAndCalls(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	program, caller := built(t, "receiver/main.go"), built(t, "caller/main.go")
	receives(t, w, served(w, program), unclear, "jwt", "opaque")

	address := freeAddress(t)
	run(t, t.TempDir(), address, append(w.settings(), "ADDR="+address), program)
	cmd := exec.CommandContext(t.Context(), caller)
	cmd.Env = []string{"DUALMINT_ISSUER=" + w.front.url, "SSL_CERT_FILE=" + w.front.ca, "MACHINE_SECRET=" + w.a.SecretKey, "ORDERS_URL=http://" + address + "/orders"}
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "orders for "+w.a.ID {
		t.Errorf("the caller printed %q: %v", out, err)
	}
}

func TestTheGoPageReceivesJWTsWithKeyfunc(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	program := built(t, "keyfunc/main.go")
	receives(t, w, served(w, program), refused, "jwt")
}
