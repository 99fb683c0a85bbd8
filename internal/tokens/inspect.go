package tokens

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/strictjson"
)

// Kind is what a text turned out to be.
type Kind string

// The kinds of text that people paste.
//
//nolint:gosec // G101: names of kinds
const (
	OpaqueToken   Kind = "opaque token"
	SignedToken   Kind = "JWT"
	IDOfToken     Kind = "token id"
	MachineSecret Kind = "machine secret"
	InstanceKey   Kind = "instance secret key"
	MachineIDText Kind = "machine id"
	NoToken       Kind = "no token"
)

// Inspection is what the operator learns of a text, and nobody else may (R17).
type Inspection struct {
	Kind    Kind
	Refused string // why the text is no good token by itself: the step at which the mode refuses it; empty: it is one
	Sight   *Sight // nil: none is found, or it is not known which to look for
	Header  string // of a JWT, decoded; not verified when Refused says so
	Payload string
}

// Good tells whether an online check would accept it, from a receiver that its scopes name.
func (i Inspection) Good() bool {
	return i.Refused == "" && i.Sight != nil && i.Sight.State() == Living
}

// Inspect tells what a text is, whether it is good, and if not why. It counts nothing and is no use of the token. An error means "cannot
// tell now".
func (s *Service) Inspect(ctx context.Context, text secret.Text) (Inspection, error) {
	kind := kindOf(text.Reveal())
	out := Inspection{Kind: kind}
	var id m2m.TokenID
	var signer m2m.KeyID
	switch kind {
	case IDOfToken:
		id = m2m.TokenID(text.Reveal())
	case OpaqueToken, SignedToken:
		presented, err := s.mode(m2m.ShapeOf(text)).Read(ctx, text, s.Now())
		if out.Refused, err = stepOf(err); err != nil {
			return Inspection{}, fmt.Errorf("read token: %w", err)
		}
		signer = presented.KeyID
		if id, err = s.named(ctx, text, presented, &out); err != nil {
			return Inspection{}, err
		}
	case MachineSecret, InstanceKey, MachineIDText, NoToken:
		return out, nil
	}
	if id == "" {
		return out, nil
	}
	sight, err := s.Desk.Token(ctx, id)
	if errors.Is(err, m2m.ErrNotFound) {
		return out, nil
	}
	if err != nil {
		return Inspection{}, fmt.Errorf("look at token: %w", err)
	}
	// Every online check asks for both, the id and the key.
	if kind == SignedToken && out.Refused == "" && sight.KeyID != signer {
		out.Refused = "key"
	}
	out.Sight = &sight
	return out, nil
}

// named gives the id of the token that a text stands for, or none.
func (s *Service) named(ctx context.Context, text secret.Text, p Token, out *Inspection) (m2m.TokenID, error) {
	if out.Kind == SignedToken {
		parts := strings.Split(text.Reveal(), ".")
		out.Header, out.Payload = decoded(parts[0]), decoded(parts[1])
		if out.Refused == "" {
			return p.ID, nil
		}
		if out.Refused == stepTime { // the last step: the signature held
			return jtiOf(out.Payload), nil
		}
		return "", nil
	}
	if out.Refused != "" {
		return "", nil
	}
	id, err := s.Finder.TokenID(ctx, p.Hash)
	if errors.Is(err, m2m.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("find token: %w", err)
	}
	return id, nil
}

func kindOf(text string) Kind {
	_, isID := m2m.ParseTokenID(text)
	_, isMachine := m2m.ParseMachineID(text)
	switch shape := m2m.ShapeOf(secret.Text(text)); {
	case isID:
		return IDOfToken
	case isMachine:
		return MachineIDText
	case strings.HasPrefix(text, string(secret.MachineSecret)):
		return MachineSecret
	case strings.HasPrefix(text, string(secret.InstanceKey)):
		return InstanceKey
	case shape == m2m.JWT:
		return SignedToken
	case shape == m2m.Opaque:
		return OpaqueToken
	default:
		return NoToken
	}
}

// stepTime is the last step of a mode.
const stepTime = "time"

// stepOf gives the step at which a mode refused a token. Any error that is no refusal is given back.
func stepOf(err error) (string, error) {
	if !errors.Is(err, m2m.ErrRefused) {
		return "", err
	}
	if at, ok := errors.AsType[interface {
		error
		Step() string
	}](err); ok {
		return at.Step(), nil
	}
	return "checksum", nil
}

// decoded is a part of a JWT as text, or empty when it is none.
func decoded(part string) string {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return ""
	}
	return strings.ToValidUTF8(string(text), "\uFFFD")
}

func jtiOf(payload string) m2m.TokenID {
	id, _ := m2m.ParseTokenID(member(payload, "jti"))
	return id
}

// member gives a text of a JSON object, or empty.
func member(object, name string) string {
	const depth = 16
	o, err := strictjson.Parse([]byte(object), depth)
	if err != nil {
		return ""
	}
	for _, m := range o {
		if m.Name == name {
			text, _ := m.Value.String()
			return text
		}
	}
	return ""
}
