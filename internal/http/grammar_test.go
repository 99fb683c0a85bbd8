package httpapi

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/tokens"
)

// texts is JSON values written from the grammar of RFC 8259, and its usual violations.
func texts() []string {
	out := []string{ // section 3: values; section 2: tokens and space
		``, ` `, "\t\r\n", `null`, `true`, `false`, `nul`, `NULL`, `True`, `nulll`, `undefined`, `None`, `NaN`, `-NaN`, `Infinity`, `-Infinity`, `nan`,
		"\u00a0null", "\u2028", "\ufeffnull", "null\x00", "\x00", "\x0bnull", "\x0cnull", `//x`, `/**/null`, `#x`, `null null`, `null,`, `,null`, `;`, `*`, `\`,
		// section 6: numbers
		`0`, `-0`, `1`, `-1`, `-`, `+1`, `--1`, `01`, `-01`, `00`, `1.`, `.1`, `1.0`, `-1.5`, `1e`, `1e+`, `1e1`, `1E+2`, `1e-2`, `1e400`, `-1e400`, `1e-400`, `1.e1`, `0x1`,
		`0b1`, `1_000`, `1,000`, `1d`, `9007199254740993`, `99999999999999999999`, `1e99999999999999999999`, `0.1000000000000000055511151231257827`, `60`, `1e308`, `٣`,
		`123456789012345678901234567890`, `0e0`, `1a`, `1 2`, strings.Repeat("9", 400), "0." + strings.Repeat("0", 400) + "1",
		// section 7: strings
		`""`, `"a"`, `"`, `"a`, `a"`, `'a'`, "`a`", `"\"`, `"\\"`, `"\/"`, `"\b\f\n\r\t"`, `"\a"`, `"\x41"`, `"\u"`, `"\u12"`, `"\u12g4"`, `"\U00000041"`, `"\u0000"`, `"\u0041"`,
		`"\ud800"`, `"\udc00"`, `"\ud83d\ude00"`, `"\ude00\ud83d"`, `"\ud800x"`, `"\uD800\uD800"`, `"\ufffe\uffff"`, "\"\x00\"", "\"\n\"", "\"\t\"", "\"\x1f\"", "\"\x7f\"",
		"\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xe2\x82\"", "\"\u2028\u202e\u200b\"", `"é"`, `"😀"`, `"a" "b"`, `"a"b`, `"` + strings.Repeat("a", 300) + `"`,
		`"` + strings.Repeat(`\u0000`, 100) + `"`, `"'; DROP TABLE machines; --"`, `"%00%0a"`, `"<script>"`, `"=1+1"`, `"` + string(idB) + `"`, `"` + string(tokenID) + `"`,
		// section 5: arrays
		`[]`, `[`, `]`, `[,]`, `[1,]`, `[,1]`, `[1 2]`, `[1,,2]`, `[null]`, `[[]]`, `[1`, `[1}`, `[}`, `["a",1,null,true,{},[]]`, `[:]`, `[1:2]`, `["` + string(idB) + `"]`,
		`["` + string(idB) + `","` + string(idB) + `"]`, `[""]`, `["\u0000"]`, `[` + strings.Repeat(`"x",`, 300) + `"x"]`, strings.Repeat("[", 31) + strings.Repeat("]", 31),
		strings.Repeat("[", 5000), strings.Repeat("[", 5000) + strings.Repeat("]", 5000), strings.Repeat(`{"a":`, 3000),
		// section 4: objects
		`{}`, `{`, `}`, `{,}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,"a":1}`, `{"a":1 "b":2}`, `{"a",1}`, `{"a"::1}`, `{a:1}`, `{'a':1}`, `{1:1}`, `{null:1}`, `{"a":1}}`, `{"a":1]`, `{{}}`, `{[]:1}`,
		`{"a":1,"a":1}`, `{"a":1,"\u0061":2}`, `{"a":{"b":1,"b":2}}`, `{"":1}`, `{"\u0000":1}`, `{"\ud800":1}`, "{\"\xff\":1}", "{\"a\nb\":1}", `{"__proto__":{}}`, `{"a":1}{"b":2}`, `{"a":1};`,
		`{"a":1}//`, `{"a":1}/**/`, `{"a":1} x`, "{\"a\":1}\x00", `{"iss":"x"}`, `{"\u017fub":"x"}`, `{"SCOPE":"x"}`, `{"kty":"OKP","crv":"Ed25519","x":"A"}`,
		`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"x"}`,
	}
	return out
}

// bodies puts every text where a body can hold one.
func bodies() []string {
	out := texts()
	for _, v := range texts() {
		for _, field := range []string{
			"claims", "name", "token", "tokens", "secret", "scoped_machines", "default_token_ttl", "default_token_format", "public_jwk",
			"previous_token_ttl", "to_machine_id", "token_format", "seconds_until_expiration", "min_remaining_ttl_seconds", "revocation_reason",
		} {
			out = append(out, `{"`+field+`":`+v+`}`)
		}
		out = append(out, `{"claims":{"a":`+v+`}}`, `{"claims":{"a":[`+v+`]}}`, `{"claims":{`+v+`:1}}`, `{`+v+`:1}`, `[`+v+`]`, `{"tokens":[`+v+`]}`,
			`{"name":"a","scoped_machines":[`+v+`]}`, `{"name":"a","public_jwk":{"kty":`+v+`}}`, `{"claims":{"a":`+v+`},"min_remaining_ttl_seconds":1}`,
			`{"token_format":"jwt","claims":{"a":`+v+`}}`, `{"name":"a","default_token_ttl":`+v+`}`)
	}
	return out
}

// R56: no input yields a 5xx, as bodies and as claims on every route that reads one, with the real rules of machines and tokens behind
// it and a store that, like PostgreSQL, takes no NUL and nothing but UTF-8.
func TestNoBodyCausesAServerError(t *testing.T) {
	sealer, err := secret.NewSealer(secret.Text(base64.StdEncoding.EncodeToString(make([]byte, 32))))
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(d *Deps) {
		d.Machines = machines.New(pickyMachines{}, sealer, d.Now)
		d.Tokens = tokens.New(tokens.Deps{
			Store: pickyTokens{}, Hot: pickyTokens{}, Opaque: plainMode{}, JWT: plainMode{}, Sealer: sealer, Now: d.Now, JWTMaxTTL: 24 * time.Hour,
		})
	})
	all := bodies()
	if len(all) < 300 {
		t.Fatalf("only %d bodies", len(all))
	}
	good := 0
	for _, body := range all {
		for _, r := range append(adminRoutes(), tokenRoutes()[:5]...) {
			if r[0] != "POST" && r[0] != "PATCH" {
				continue
			}
			who := secretA
			if strings.HasPrefix(r[1], "/v1/machines") {
				who = instanceKey
			}
			got := w.call(r[0], r[1], who, body)
			if got.Code >= 500 || got.Code < 200 {
				t.Fatalf("%s %s with %.200q: %d\n%s", r[0], r[1], body, got.Code, w.log.String()[max(0, len(w.log.String())-800):])
			}
			if got.Code < 300 {
				good++
			}
			if got.Header().Get("Content-Type") != "application/json" {
				t.Fatalf("%.200q: %v", body, got.Header())
			}
		}
	}
	if good < 100 {
		t.Errorf("only %d of the requests went well: do they reach the services?", good)
	}
	t.Logf("%d bodies on 8 routes, %d answered with 2xx", len(all), good)
}

// pickyMachines is a store that takes what PostgreSQL takes. What it lacks is never called here: a call would be a nil panic.
type pickyMachines struct{ machines.Store }

func picky(values ...string) error {
	for _, v := range values {
		if strings.ContainsRune(v, 0) || strings.ToValidUTF8(v, "") != v {
			return errors.New("invalid byte sequence for encoding UTF8")
		}
	}
	return nil
}

func (pickyMachines) Callers(ctx context.Context, hashes []secret.Hash) ([]m2m.Caller, error) {
	return pickyTokens{}.Callers(ctx, hashes)
}

func (pickyMachines) CreateMachine(_ context.Context, _ m2m.Actor, m m2m.Machine, _ machines.SecretRow) (machines.Detail, error) {
	return machines.Detail{Machine: m}, picky(m.Name, string(m.PublicJWK), m.Scopes.String())
}

func (pickyMachines) UpdateMachine(_ context.Context, _ m2m.Actor, id m2m.MachineID, change func(*m2m.Machine) error) (machines.Detail, error) {
	m := m2m.Machine{ID: id}
	if err := change(&m); err != nil {
		return machines.Detail{}, err
	}
	return machines.Detail{Machine: m}, picky(m.Name, string(m.PublicJWK))
}

func (pickyMachines) AddScope(_ context.Context, _ m2m.Actor, _, to m2m.MachineID, _ time.Time) error {
	return picky(string(to))
}

func (pickyMachines) RotateSecret(context.Context, m2m.Actor, m2m.MachineID, machines.SecretRow, time.Duration) error {
	return nil
}

type pickyTokens struct{ tokens.Store }

func (pickyTokens) Callers(_ context.Context, hashes []secret.Hash) ([]m2m.Caller, error) {
	out := make([]m2m.Caller, len(hashes))
	for i, h := range hashes {
		switch h {
		case secret.HashOf(instanceKey):
			out[i].Instance = true
		case secret.HashOf(secretA):
			out[i].Machine = &m2m.Machine{ID: idA, DefaultTTL: time.Hour, DefaultFormat: m2m.Opaque, Scopes: m2m.Scopes{idB}}
		}
	}
	return out, nil
}

func (pickyTokens) RecordTokens(_ context.Context, list []tokens.NewRecord) ([]error, error) {
	for _, r := range list {
		if err := picky(string(r.Grant.Claims), strings.ReplaceAll(string(r.Grant.Claims), `\u0000`, "\x00")); err != nil {
			return nil, err // jsonb takes no escaped NUL either
		}
	}
	return make([]error, len(list)), nil
}

func (p pickyTokens) ReuseToken(ctx context.Context, _ secret.Hash, _ time.Duration, mint func(context.Context) (tokens.NewRecord, error)) (m2m.Record, secret.Sealed, bool, error) {
	r, err := mint(ctx)
	if err != nil {
		return m2m.Record{}, secret.Sealed{}, false, err
	}
	_, err = p.RecordTokens(ctx, []tokens.NewRecord{r})
	return m2m.Record{Grant: r.Grant, Format: r.Format}, r.Reuse.Sealed, true, err
}

func (pickyTokens) CheckTokens(_ context.Context, checks []tokens.Check) ([]tokens.Verdict, error) {
	out := make([]tokens.Verdict, len(checks))
	for i := range out {
		out[i].CallerKnown = true
	}
	return out, nil
}

func (pickyTokens) RevokeToken(_ context.Context, _ m2m.Actor, id m2m.TokenID, _ m2m.MachineID, reason *string) (m2m.Record, error) {
	r := m2m.Record{Grant: m2m.Grant{ID: id, Machine: idA}, Format: m2m.Opaque, RevocationReason: reason}
	if reason == nil {
		return r, nil
	}
	return r, picky(*reason)
}

// plainMode is a mode that reads nothing as good.
type plainMode struct{}

func (plainMode) Mint(_ context.Context, g m2m.Grant) (m2m.Minted, error) {
	if len(g.Claims) > 6000 {
		return m2m.Minted{}, fmt.Errorf("mint: %w", m2m.ErrTooLarge)
	}
	return m2m.Minted{Bearer: goodToken, Hash: secret.HashOf(goodToken)}, nil
}

func (plainMode) Read(context.Context, secret.Text, time.Time) (m2m.Presented, error) {
	return m2m.Presented{}, m2m.ErrRefused
}
