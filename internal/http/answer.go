package httpapi

// Cost: one pass of appends over the record, no reflection and, into a buffer that has room, no allocation. A revocation reason is
// the one text that needs encoding/json; what else stands here is made of letters, digits and _, or is canonical JSON already.

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// appendToken writes the token object. The bearer string is in the answer to create alone; everywhere else it is empty.
func appendToken(b []byte, r *m2m.Record, bearer secret.Text) []byte {
	b = append(b, `{"object":"machine_to_machine_token","id":"`...)
	b = append(b, r.ID...)
	b = append(b, `","subject":"`...)
	b = append(b, r.Machine...)
	b = append(b, `","claims":`...)
	if r.Claims == nil {
		b = append(b, `null`...)
	}
	b = append(b, r.Claims...)
	b = append(b, `,"scopes":[`...)
	for i, id := range r.Scopes {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, id...)
		b = append(b, '"')
	}
	b = append(b, `],"revoked":`...)
	b = strconv.AppendBool(b, r.Revoked())
	b = append(b, `,"revocation_reason":`...)
	b = appendReason(b, r.RevocationReason)
	b = append(b, `,"expired":`...)
	b = strconv.AppendBool(b, r.Dead)
	b = append(b, `,"expiration":`...)
	b = appendTime(b, r.ExpiresAt)
	b = append(b, `,"last_used_at":`...)
	b = appendTime(b, r.LastUsedAt)
	b = append(b, `,"created_at":`...)
	b = appendTime(b, r.CreatedAt)
	b = append(b, `,"updated_at":`...)
	b = appendTime(b, r.UpdatedAt)
	b = append(b, `,"token_format":"`...)
	b = append(b, r.Format...)
	if bearer != "" {
		b = append(b, `","token":"`...)
		b = append(b, bearer.Reveal()...)
	}
	return append(b, `"}`...)
}

// appendTime writes milliseconds, or null for the zero time.
func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, `null`...)
	}
	return strconv.AppendInt(b, millis(t), 10)
}

func appendReason(b []byte, reason *string) []byte {
	if reason == nil {
		return append(b, `null`...)
	}
	text, err := json.Marshal(reason)
	if err != nil {
		return append(b, `null`...)
	}
	return append(b, text...)
}
