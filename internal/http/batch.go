package httpapi

// Cost of a batch: one body, one slice of strings, one call of the service for all tokens; per token only its string and
// the appends of its object. Before a large body is read or many signatures are checked, the caller is looked up: that work is for
// those who may ask.

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

const (
	batchField = "tokens"
	maxBatch   = 256

	smallBatch    = 16 << 10               // a body that anybody may send, as of a verification
	fewJWTs       = 4                      // signatures that are checked for anybody, in one request
	batchMemory   = 64 << 20               // bodies of batches that are in this process at a time
	answerKept    = 256 << 10              // memory of an answer that is kept for the next one: 256 tokens of 1 KiB each
	batchPatience = 700 * time.Millisecond // waiting for room; with it, "come back later" is said within a second
)

// batchRoom is the memory for bodies of batches.
type batchRoom struct{ room *semaphore.Weighted }

func newBatchRoom(bytes int64) batchRoom { return batchRoom{semaphore.NewWeighted(bytes)} }

// take waits for room for n bytes until they are given back. m2m.ErrBusy: there was none in time.
func (b batchRoom) take(ctx context.Context, n int64) (giveBack func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, batchPatience)
	defer cancel()
	if err := b.room.Acquire(ctx, n); err != nil {
		return nil, fmt.Errorf("%w: too many batches are being read: %w", m2m.ErrBusy, err)
	}
	return func() { b.room.Release(n) }, nil
}

// verifyBatch is verify for up to 256 tokens and one authentication.
func (a *api) verifyBatch(x *exchange) error {
	credential, err := a.credential(x)
	if err != nil {
		return err
	}
	size := x.c.Request.ContentLength
	if size < 0 {
		size = batchCap
	}
	if size > smallBatch && size <= batchCap { // what is larger is refused unread
		if _, err := a.prove(x); err != nil {
			return err
		}
		giveBack, err := a.batches.take(x.ctx(), size)
		if err != nil {
			return err
		}
		defer giveBack()
	}
	batch, err := readBatch(x)
	if err != nil {
		return err
	}
	if err := a.limits.moreOfCredential(credential, x.start, len(batch)-1); err != nil {
		return err
	}
	if x.unproven != "" && jwts(batch) > fewJWTs {
		if _, err := a.prove(x); err != nil {
			return err
		}
	}
	if x.unproven != "" { // any credential will do to get here, but not any number of addresses
		if err := a.limits.moreOfAddress(x.address, x.start, len(batch)-1); err != nil {
			return err
		}
	}
	records, err := a.Tokens.VerifyAll(x.ctx(), credential, batch)
	if err != nil {
		return err
	}
	answer, _ := a.batchAnswers.Get().(*[]byte)
	*answer = a.appendResults((*answer)[:0], records)
	x.send(http.StatusOK, *answer)
	a.keepAnswer(answer)
	return nil
}

// keepAnswer keeps the memory of an answer for the next one, unless it is a lot. Nobody reads it any more once it has been sent: that holds of
// HTTP/1, which is all that is spoken here.
func (a *api) keepAnswer(answer *[]byte) {
	if cap(*answer) <= answerKept {
		a.batchAnswers.Put(answer)
	}
}

// readBatch takes the strings of the body, whatever they hold.
func readBatch(x *exchange) ([]secret.Text, error) {
	f, err := x.body(batchCap, batchField)
	if err != nil {
		return nil, err
	}
	f.require(batchField)
	list := f.texts(batchField, nullIsFault)
	if len(f.faults) == 0 && (len(list) < 1 || len(list) > maxBatch) {
		f.faults.add(batchField, m2m.WrongValue, "must hold from 1 to 256 tokens")
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	batch := make([]secret.Text, len(list))
	for i, t := range list {
		batch[i] = secret.Text(t)
	}
	return batch, nil
}

func jwts(batch []secret.Text) int {
	n := 0
	for _, t := range batch {
		if m2m.ShapeOf(t) == m2m.JWT {
			n++
		}
	}
	return n
}

// appendResults writes a token object or the one refusal for each question, in order.
func (a *api) appendResults(out []byte, records []*m2m.Record) []byte {
	refused := a.answers.of(m2m.ErrRefused).withoutTrace()
	out = append(slices.Grow(out, sizeOf(records, len(refused))), `{"results":[`...)
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

// sizeOf is about how long the answer will be: growing it bit by bit would copy it several times.
func sizeOf(records []*m2m.Record, refusal int) int {
	const (
		object = 416 // without what varies
		scope  = len(`"mch_000000000000000000000000000",`)
	)
	size := 0
	for _, r := range records {
		if r == nil {
			size += refusal + 1
			continue
		}
		size += object + scope*len(r.Scopes) + len(r.Claims)
	}
	return size
}
