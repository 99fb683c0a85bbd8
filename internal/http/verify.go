package httpapi

// Cost of a verification here: one pooled exchange, one pooled buffer for body and answer, one call of the service. Nothing
// is logged beyond the request's own line; a refusal is a body built once plus its trace id.

import (
	"bytes"
	"net/http"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

const (
	tokenField = "token"
	aliasField = "secret" // the name that the Python SDK sends
)

// verify passes the caller's credential on, which is authenticated in the transaction that checks the token. Every refusal of the
// token is one answer (R17).
func (a *api) verify(x *exchange) error {
	credential, err := a.credential(x)
	if err != nil {
		return err
	}
	ctx := a.unwatched(x)
	defer x.watch()
	buffer, _ := a.buffers.Get().(*bytes.Buffer)
	defer a.giveBack(buffer)
	buffer.Reset()
	if err := readBody(buffer, x.c.Request, verifyCap); err != nil {
		return err
	}
	token, err := readToken(buffer.Bytes())
	if err != nil {
		return err
	}
	record, err := a.Tokens.Verify(ctx, credential, token)
	if err != nil {
		return err
	}
	buffer.Reset() // the token's characters are a copy by now
	x.send(http.StatusOK, appendToken(buffer.AvailableBuffer(), &record, ""))
	x.over = true
	return nil
}

// giveBack keeps a buffer for the next verification, unless a large body made it large.
func (a *api) giveBack(b *bytes.Buffer) {
	if b.Cap() <= 4*bufferSize {
		a.buffers.Put(b)
	}
}

// readToken takes the one string of the body, whatever it holds: what is no token is refused like an unknown one, not as bad input.
func readToken(body []byte) (secret.Text, error) {
	if token, ok := plainToken(body); ok {
		return token, nil
	}
	return parsedToken(body)
}

func parsedToken(body []byte) (secret.Text, error) {
	f, err := parseFields(body, tokenField, aliasField)
	if err != nil {
		return "", err
	}
	name := tokenField
	if _, ok := f.object.Get(aliasField); ok {
		name = aliasField
		if len(f.object) > 1 {
			f.faults.add(aliasField, m2m.Unknown, "stands for token and must be the only field")
		}
	}
	f.require(name)
	v, _ := f.value(name, nullIsFault)
	text, ok := v.String()
	if !ok && len(f.faults) == 0 {
		f.faults.add(name, m2m.WrongType, "must be a string")
	}
	return secret.Text(text), f.err()
}

// plainToken finds the token in the body that most SDKs send, without a parser: the one field, no white space, nothing escaped. What
// it takes is a strict object (R54) and reads the same with one.
func plainToken(body []byte) (secret.Text, bool) {
	const before, after = `{"` + tokenField + `":"`, `"}`
	if len(body) < len(before)+len(after) || string(body[:len(before)]) != before || string(body[len(body)-len(after):]) != after {
		return "", false
	}
	text := body[len(before) : len(body)-len(after)]
	for _, c := range text {
		if c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return "", false
		}
	}
	return secret.Text(text), true
}
