package store

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/tokens"
)

// tokenRow is a token as it is read. Hash, sealed form and reuse key never leave the database with it.
type tokenRow struct {
	ID, Format, MachineID, Scopes string
	Claims, KeyID                 sql.NullString
	IssuedAt                      int64
	ExpiresAt                     sql.NullInt64
	CreatedAt, UpdatedAt          int64
	LastUsedAt, RevokedAt         sql.NullInt64
	RevocationReason              *string
}

// tokenColumns are the columns that make a tokenRow.
//
//nolint:gosec // G101: names of columns
const tokenColumns = `t.id, t.format, t.machine_id, t.scopes, t.claims, t.key_id, t.issued_at, t.expires_at, t.created_at, t.updated_at,
       t.last_used_at, t.revoked_at, t.revocation_reason`

// errUnreadable: a row says something that was never written by us. It is never good.
var errUnreadable = errors.New("unreadable token row")

// record turns the row into words of the domain, at the time now of the database's clock. errUnreadable: something in it is not what this
// service writes.
func (r *tokenRow) record(now int64) (out m2m.Record, err error) {
	if err := r.write(&out, now); err != nil {
		return m2m.Record{}, err
	}
	return out, nil
}

// write is record into memory that is there already. After an error that memory says nothing.
func (r *tokenRow) write(out *m2m.Record, now int64) error {
	id, okID := m2m.ParseTokenID(r.ID)
	machine, okMachine := m2m.ParseMachineID(r.MachineID)
	format, okFormat := m2m.ParseFormat(r.Format)
	scopes, okScopes := m2m.ParseScopes(r.Scopes)
	if !okID || !okMachine || !okFormat || !okScopes {
		return errUnreadable
	}
	*out = m2m.Record{
		Grant: m2m.Grant{
			ID: id, Machine: machine, Scopes: scopes,
			IssuedAt: fromMillis(r.IssuedAt), ExpiresAt: fromNull(r.ExpiresAt),
		},
		Format: format, CreatedAt: fromMillis(r.CreatedAt), UpdatedAt: fromMillis(r.UpdatedAt),
		LastUsedAt: fromNull(r.LastUsedAt), RevokedAt: fromNull(r.RevokedAt),
		RevocationReason: r.RevocationReason, Dead: r.ExpiresAt.Valid && r.ExpiresAt.Int64 <= now,
	}
	if r.Claims.Valid {
		out.Claims = m2m.Claims(r.Claims.String)
		if !strings.HasPrefix(r.Claims.String, "{") || !json.Valid(out.Claims) {
			return errUnreadable
		}
	}
	out.KeyID = m2m.KeyID(r.KeyID.String)
	if (format == m2m.JWT) != m2m.IsKeyID(out.KeyID) || format == m2m.JWT && !r.ExpiresAt.Valid {
		return errUnreadable
	}
	return nil
}

// touch moves last_used_at of a token that is being verified, once a minute at most, and tells whether it did.
func (r *tokenRow) touch(now int64) bool {
	if r.LastUsedAt.Valid && r.LastUsedAt.Int64 > now-coarseMillis {
		return false
	}
	r.LastUsedAt, r.UpdatedAt = sql.NullInt64{Int64: now, Valid: true}, now
	return true
}

const coarseMillis = 60_000

// recordable tells whether a new token can be written as it is. It stands before the statement because there one bad token would fail
// all that travel with it.
func recordable(n *tokens.NewRecord) error {
	_, okID := m2m.ParseTokenID(string(n.Grant.ID))
	_, okMachine := m2m.ParseMachineID(string(n.Grant.Machine))
	_, okScopes := m2m.ParseScopes(n.Grant.Scopes.String())
	_, okFormat := m2m.ParseFormat(string(n.Format))
	jwt := n.Format == m2m.JWT
	switch {
	case !okID || !okMachine || !okScopes || !okFormat:
		return fmt.Errorf("record token: %w", errUnreadable)
	case jwt != m2m.IsKeyID(n.KeyID) || jwt == (n.Hash != secret.Hash{}) || jwt && n.Grant.ExpiresAt.IsZero():
		return fmt.Errorf("record token: %w: not a %s token", errUnreadable, n.Format)
	case n.Grant.Claims != nil && (!bytes.HasPrefix(n.Grant.Claims, []byte("{")) || !json.Valid(n.Grant.Claims) || !isText(string(n.Grant.Claims))):
		return fmt.Errorf("record token: %w: claims", errUnreadable)
	case n.Reuse != nil && (len(n.Reuse.Sealed.Bytes) == 0 || n.Reuse.Sealed.Version == "" || !isText(n.Reuse.Sealed.Version)):
		return fmt.Errorf("record token: %w: sealed form", errUnreadable)
	}
	return nil
}

// recorded is the record of a token that has just been written.
func recorded(n *tokens.NewRecord) m2m.Record {
	at := fromMillis(millis(n.CreatedAt))
	return m2m.Record{Grant: n.Grant, Format: n.Format, KeyID: n.KeyID, CreatedAt: at, UpdatedAt: at}
}

// isText tells whether PostgreSQL takes s as text: it refuses a NUL and anything that is not UTF-8.
func isText(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

func bytesOrNil(h *secret.Hash) []byte {
	if *h == (secret.Hash{}) {
		return nil
	}
	return h[:]
}
