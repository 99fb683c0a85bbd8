package machines

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/dualmint/dualmint/internal/m2m"
)

// Lifetime is default_token_ttl: seconds, or endless (null).
type Lifetime struct {
	Seconds int64
	Endless bool
}

// Draft is a machine to be.
type Draft struct {
	Name      string
	Scopes    []string   // ids of the machines that it may call
	Lifetime  *Lifetime  // nil: one hour
	Format    m2m.Format // empty: opaque
	PublicJWK []byte     // a JSON object, or nil
}

// Patch is a change of a machine; what is nil stays.
type Patch struct {
	Name      *string
	Lifetime  *Lifetime
	Format    *m2m.Format
	PublicJWK *[]byte // pointer to nil: take it away
}

// machine checks the draft and makes a machine of it, without id and times.
func (d Draft) machine() (m2m.Machine, error) {
	if d.Lifetime == nil {
		d.Lifetime = &Lifetime{Seconds: int64(m2m.DefaultTTL / time.Second)}
	}
	if d.Format == "" {
		d.Format = m2m.Opaque
	}
	p := Patch{Name: &d.Name, Lifetime: d.Lifetime, Format: &d.Format, PublicJWK: &d.PublicJWK}
	if err := p.check(); err != nil {
		return m2m.Machine{}, err
	}
	scopes, err := checkScopes(d.Scopes)
	if err != nil {
		return m2m.Machine{}, err
	}
	m := m2m.Machine{Scopes: scopes}
	p.apply(&m)
	return m, nil
}

// check looks at every field of the patch, and puts the public key into its canonical form.
func (p *Patch) check() error {
	if p.Name != nil {
		if err := checkName(*p.Name); err != nil {
			return err
		}
	}
	if p.Lifetime != nil && !p.Lifetime.Endless {
		if n := p.Lifetime.Seconds; n < 1 || n > int64(m2m.MaxTTL/time.Second) {
			return fault("default_token_ttl", m2m.WrongValue, "must be from 1 to 315360000 seconds, or null for tokens that do not expire")
		}
	}
	if p.Format != nil {
		if _, ok := m2m.ParseFormat(string(*p.Format)); !ok {
			return fault("default_token_format", m2m.WrongValue, `must be "opaque" or "jwt"`)
		}
	}
	if p.PublicJWK != nil && *p.PublicJWK != nil {
		canonical, err := checkPublicJWK(*p.PublicJWK)
		if err != nil {
			return err
		}
		p.PublicJWK = &canonical
	}
	return nil
}

// apply writes the patch, once checked, into a machine.
func (p *Patch) apply(m *m2m.Machine) {
	if p.Name != nil {
		m.Name = *p.Name
	}
	if p.Lifetime != nil {
		m.Endless = p.Lifetime.Endless
		m.DefaultTTL = 0
		if !m.Endless {
			m.DefaultTTL = time.Duration(p.Lifetime.Seconds) * time.Second
		}
	}
	if p.Format != nil {
		m.DefaultFormat = *p.Format
	}
	if p.PublicJWK != nil {
		m.PublicJWK = *p.PublicJWK
	}
}

// checkName refuses what no screen, log or database can hold; everything else is a name (R49: it is text, never markup).
func checkName(name string) error {
	switch {
	case name == "":
		return fault("name", m2m.Missing, "must have at least one character")
	case utf8.RuneCountInString(name) > m2m.MaxNameLength:
		return fault("name", m2m.TooLong, "must have at most 255 characters")
	case !utf8.ValidString(name) || strings.IndexFunc(name, unicode.IsControl) >= 0:
		return fault("name", m2m.WrongFormat, "must not have control characters")
	default:
		return nil
	}
}

func checkScopes(ids []string) (m2m.Scopes, error) {
	const field = "scoped_machines"
	if len(ids) > m2m.MaxScopes {
		return nil, fault(field, m2m.WrongValue, fmt.Sprintf("must name at most %d machines", m2m.MaxScopes))
	}
	out := make(m2m.Scopes, 0, len(ids))
	for _, id := range ids {
		mid, ok := m2m.ParseMachineID(id)
		if !ok {
			return nil, fault(field, m2m.NoSuchThing, "names a machine that does not exist")
		}
		if slices.Contains(out, mid) {
			return nil, fault(field, m2m.WrongValue, "names a machine twice")
		}
		out = append(out, mid)
	}
	return out, nil
}

func fault(field string, reason m2m.Reason, message string) error {
	return &m2m.FieldError{Field: field, Reason: reason, Message: message}
}
