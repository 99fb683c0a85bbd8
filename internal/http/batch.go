package httpapi

// Cost of a batch: one body, one slice of strings, one call of the service for all tokens, one answer; per token only its string and
// the appends of its object.

import (
	"net/http"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

const (
	batchField = "tokens"
	maxBatch   = 256
)

// verifyBatch is verify for up to 256 tokens and one authentication.
func (a *api) verifyBatch(x *exchange) error {
	credential, err := a.credential(x)
	if err != nil {
		return err
	}
	f, err := x.body(batchCap, batchField)
	if err != nil {
		return err
	}
	f.require(batchField)
	list := f.texts(batchField, nullIsFault)
	if len(f.faults) == 0 && (len(list) < 1 || len(list) > maxBatch) {
		f.faults.add(batchField, m2m.WrongValue, "must hold from 1 to 256 tokens")
	}
	if err := f.err(); err != nil {
		return err
	}
	if err := a.limits.credential(credential, x.start, len(list)-1); err != nil {
		return err
	}
	batch := make([]secret.Text, len(list))
	for i, t := range list {
		batch[i] = secret.Text(t)
	}
	records, err := a.Tokens.VerifyAll(x.ctx(), credential, batch)
	if err != nil {
		return err
	}
	x.quiet = a.QuietVerify
	x.send(http.StatusOK, a.appendResults(records))
	return nil
}

// appendResults writes a token object or the one refusal for each question, in order.
func (a *api) appendResults(records []*m2m.Record) []byte {
	refused := a.answers.of(m2m.ErrRefused).withoutTrace()
	out := []byte(`{"results":[`)
	for i, r := range records {
		if i > 0 {
			out = append(out, ',')
		}
		if r == nil {
			out = append(out, refused...)
			continue
		}
		out = appendToken(out, r, "")
	}
	return append(out, `]}`...)
}
