package machines

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// fakeStore keeps one machine and its secret.
type fakeStore struct {
	Store
	machine m2m.Machine
	secret  SecretRow
	overlap time.Duration
}

func (f *fakeStore) CreateMachine(_ context.Context, _ m2m.Actor, m m2m.Machine, s SecretRow) (Detail, error) {
	f.machine, f.secret = m, s
	return Detail{Machine: m}, nil
}

func (f *fakeStore) UpdateMachine(_ context.Context, _ m2m.Actor, _ m2m.MachineID, change func(*m2m.Machine) error) (Detail, error) {
	err := change(&f.machine)
	return Detail{Machine: f.machine}, err
}

func (f *fakeStore) ViewSecret(context.Context, m2m.Actor, m2m.MachineID) (SecretRow, error) {
	return f.secret, nil
}

func (f *fakeStore) RotateSecret(_ context.Context, _ m2m.Actor, _ m2m.MachineID, next SecretRow, overlap time.Duration) error {
	f.secret, f.overlap = next, overlap
	return nil
}

func (f *fakeStore) PreviousSecretEnds(context.Context, m2m.MachineID) (time.Time, error) {
	return time.Time{}, nil
}

func (f *fakeStore) CurrentSecret(context.Context, m2m.MachineID) (secret.Hash, error) {
	return f.secret.Hash, nil
}

func (f *fakeStore) Callers(_ context.Context, hashes []secret.Hash) ([]m2m.Caller, error) {
	if hashes[0] == f.secret.Hash {
		return []m2m.Caller{{Machine: &f.machine}}, nil
	}
	return []m2m.Caller{{}}, nil
}

func newService(t *testing.T) (*Service, *fakeStore) {
	t.Helper()
	sealer, err := secret.NewSealer("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeStore{}
	now := time.Date(2026, 5, 1, 0, 0, 0, 123456789, time.UTC)
	return New(f, sealer, func() time.Time { return now }), f
}

func faultOf(err error) m2m.FieldError {
	if f, ok := errors.AsType[*m2m.FieldError](err); ok {
		return *f
	}
	return m2m.FieldError{}
}

func TestCreateFillsInTheDefaults(t *testing.T) {
	s, f := newService(t)
	d, plain, err := s.Create(t.Context(), m2m.Actor{}, Draft{Name: "A"})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := m2m.ParseMachineID(string(d.ID)); !ok || d.DefaultTTL != time.Hour || d.Endless || d.DefaultFormat != m2m.Opaque || len(d.Scopes) != 0 {
		t.Errorf("created %+v", d.Machine)
	}
	if d.CreatedAt.Nanosecond() != 123e6 || !d.UpdatedAt.Equal(d.CreatedAt) {
		t.Errorf("created at %v", d.CreatedAt)
	}
	if !secret.WellFormed(secret.MachineSecret, plain.Reveal()) || f.secret.Hash != secret.HashOf(plain) {
		t.Error("the secret given is not the secret kept")
	}
	if strings.Contains(string(f.secret.Sealed.Bytes), plain.Reveal()) { // R7
		t.Error("the secret is kept in the clear")
	}
}

func TestFaultsOfADraftNameTheirField(t *testing.T) {
	s, _ := newService(t)
	id := "mch_" + strings.Repeat("0", 27)
	for _, c := range []struct {
		d      Draft
		field  string
		reason m2m.Reason
	}{
		{Draft{}, "name", m2m.Missing},
		{Draft{Name: strings.Repeat("é", 256)}, "name", m2m.TooLong},
		{Draft{Name: "a\x00"}, "name", m2m.WrongFormat},
		{Draft{Name: "a\nb"}, "name", m2m.WrongFormat},
		{Draft{Name: "a", Lifetime: &Lifetime{}}, "default_token_ttl", m2m.WrongValue},
		{Draft{Name: "a", Lifetime: &Lifetime{Seconds: -1}}, "default_token_ttl", m2m.WrongValue},
		{Draft{Name: "a", Lifetime: &Lifetime{Seconds: 315360001}}, "default_token_ttl", m2m.WrongValue},
		{Draft{Name: "a", Format: "JWT"}, "default_token_format", m2m.WrongValue},
		{Draft{Name: "a", Scopes: []string{"x"}}, "scoped_machines", m2m.NoSuchThing},
		{Draft{Name: "a", Scopes: []string{id, id}}, "scoped_machines", m2m.WrongValue},
		{Draft{Name: "a", Scopes: make([]string, 151)}, "scoped_machines", m2m.WrongValue},
	} {
		_, _, err := s.Create(t.Context(), m2m.Actor{}, c.d)
		if f := faultOf(err); f.Field != c.field || f.Reason != c.reason {
			t.Errorf("Create(%.80v) = %v, want %s %s", c.d, err, c.field, c.reason)
		}
	}
	if _, _, err := s.Create(t.Context(), m2m.Actor{}, Draft{Name: strings.Repeat("é", 255), Scopes: []string{id}}); err != nil {
		t.Errorf("the longest name: %v", err)
	}
}

func TestUpdateChangesWhatThePatchNames(t *testing.T) {
	s, f := newService(t)
	id := "mch_" + strings.Repeat("0", 27)
	f.machine = m2m.Machine{Name: "A", DefaultTTL: time.Hour, DefaultFormat: m2m.JWT}
	if d, err := s.Update(t.Context(), m2m.Actor{}, id, Patch{}); err != nil || d.Name != "A" || d.DefaultTTL != time.Hour || d.DefaultFormat != m2m.JWT {
		t.Errorf("an empty patch gave %+v, %v", d, err)
	}
	if d, err := s.Update(t.Context(), m2m.Actor{}, id, Patch{Name: new("B"), Lifetime: &Lifetime{Endless: true}}); err != nil || d.Name != "B" || !d.Endless || d.DefaultTTL != 0 {
		t.Errorf("a patch gave %+v, %v", d, err)
	}
	if _, err := s.Update(t.Context(), m2m.Actor{}, "nonsense", Patch{}); !errors.Is(err, m2m.ErrMachineNotFound) {
		t.Errorf("nonsense as id: %v", err)
	}
}

func TestPublicKeysArePublicAndKnown(t *testing.T) {
	ed := `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`                                                // RFC 8037 appendix A
	ec := `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}` // RFC 7515 appendix A.3
	for _, good := range []string{ed, ec, strings.Replace(ec, `{`, `{"alg":"ES256","use":"sig","kid":"1",`, 1)} {
		if _, err := checkPublicJWK([]byte(good)); err != nil {
			t.Errorf("checkPublicJWK(%s): %v", good, err)
		}
	}
	for _, bad := range []string{
		`{}`, `[]`, `{"kty":"oct","k":"AAAA"}`, strings.Replace(ed, `}`, `,"d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}`, 1),
		strings.Replace(ed, "Ed25519", "X25519", 1), strings.Replace(ed, "cHURo", "cHUR", 1), strings.Replace(ed, "cHURo", "cHURp", 1),
		strings.Replace(ec, "5a0", "5a4", 1), strings.Replace(ec, "P-256", "P-384", 1), strings.Replace(ed, "{", `{"alg":"ES256",`, 1),
		strings.Replace(ed, "{", `{"use":"enc",`, 1), strings.Replace(ed, "{", `{"kid":1,`, 1), strings.Replace(ed, "{", `{"x5u":"a",`, 1),
		strings.Replace(ed, "{", `{"kty":"OKP",`, 1), strings.Replace(ed, "{", `{"kid":"`+strings.Repeat("a", 1024)+`",`, 1),
	} {
		if got, err := checkPublicJWK([]byte(bad)); faultOf(err).Field != "public_jwk" {
			t.Errorf("checkPublicJWK(%.80s) = %s, %v", bad, got, err)
		}
	}
}

// R20: the overlap is what was asked for, in bounds.
func TestRotateAndViewSecret(t *testing.T) {
	s, f := newService(t)
	d, first, err := s.Create(t.Context(), m2m.Actor{}, Draft{Name: "A"})
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.RotateSecret(t.Context(), m2m.Actor{}, string(d.ID), 28800*time.Second)
	if err != nil || f.overlap != 8*time.Hour || second == first {
		t.Errorf("rotated with %v, %v", f.overlap, err)
	}
	mark, err := s.CurrentSecret(t.Context(), string(d.ID))
	if err != nil || mark != SecretMark(f.secret.Hash) || strings.Contains(fmt.Sprintf("%x", f.secret.Hash), mark) {
		t.Errorf("the mark of the current secret is %q, %v", mark, err)
	}
	if _, err := s.ReplaceSecret(t.Context(), m2m.Actor{}, string(d.ID), mark, 0); err != nil || f.secret.Replaces != mark {
		t.Errorf("replaced %q, %v", f.secret.Replaces, err)
	}
	if second, err = s.RotateSecret(t.Context(), m2m.Actor{}, string(d.ID), 0); err != nil || f.secret.Replaces != "" {
		t.Errorf("replaced %q, %v", f.secret.Replaces, err)
	}
	if seen, err := s.ViewSecret(t.Context(), m2m.Actor{}, string(d.ID)); err != nil || seen != second {
		t.Errorf("viewed another secret: %v", err)
	}
	if c, err := s.Authenticate(t.Context(), second); err != nil || c.MachineID() != d.ID {
		t.Errorf("Authenticate = %+v, %v", c, err)
	}
	if _, err := s.Authenticate(t.Context(), first); !errors.Is(err, m2m.ErrUnauthenticated) {
		t.Errorf("an unknown secret: %v", err)
	}
	for _, overlap := range []time.Duration{-time.Second, 28801 * time.Second} {
		if _, err := s.RotateSecret(t.Context(), m2m.Actor{}, string(d.ID), overlap); faultOf(err).Field != "previous_token_ttl" {
			t.Errorf("overlap %v: %v", overlap, err)
		}
	}
}
