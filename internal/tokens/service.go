package tokens

import (
	"context"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// Deps is what a Service is joined from.
type Deps struct {
	Store     Store
	Hot       HotStore // Store itself, or what groups calls to it
	Finder    Finder   // for RevokeBearer
	Desk      Desk     // for the operator
	Opaque    m2m.Mode
	JWT       m2m.Mode
	Sealer    *secret.Sealer
	Now       func() time.Time
	JWTMaxTTL time.Duration
	// RefreshKeys makes the JWT mode see the signing keys as they are now. It is called when the key that signed turned out to be
	// no longer the active one.
	RefreshKeys func(context.Context) error
}

// Service issues, verifies, lists and revokes tokens. Safe for concurrent use.
type Service struct {
	Deps
}

// New makes a Service.
func New(d Deps) *Service { return &Service{Deps: d} }

// mode gives the mode of a format, or nil for what is no format.
func (s *Service) mode(f m2m.Format) m2m.Mode {
	switch f {
	case m2m.Opaque:
		return s.Opaque
	case m2m.JWT:
		return s.JWT
	default:
		return nil
	}
}

func fault(field string, reason m2m.Reason, message string) error {
	return &m2m.FieldError{Field: field, Reason: reason, Message: message}
}
