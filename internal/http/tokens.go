package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/tokens"
)

// createToken passes the credential on: who may create is decided where the token is recorded.
func (a *api) createToken(x *exchange) error {
	credential, err := a.credential(x)
	if err != nil {
		return err
	}
	x.machineOnly = true
	f, err := x.body(bodyCap, "token_format", "seconds_until_expiration", "claims", "min_remaining_ttl_seconds")
	if err != nil {
		return err
	}
	r := tokens.Request{ // SDKs send null for what was not asked for
		Format:       f.format("token_format", nullIsAbsent),
		Seconds:      f.number("seconds_until_expiration", nullIsAbsent),
		Claims:       f.objectText("claims", nullIsAbsent),
		MinRemaining: f.integer("min_remaining_ttl_seconds", nullIsAbsent, 0, int64(m2m.MaxTTL/time.Second)),
	}
	if err := f.err(); err != nil {
		return err
	}
	issued, err := a.Tokens.Issue(x.ctx(), credential, r)
	if err != nil {
		return err
	}
	x.kind, x.machine = m2m.MachineHolder, issued.Record.Machine
	x.send(http.StatusCreated, appendToken(nil, &issued.Record, issued.Bearer))
	return nil
}

func (a *api) listTokens(x *exchange) error {
	caller, err := a.caller(x)
	if err != nil {
		return err
	}
	p, err := x.params()
	if err != nil {
		return err
	}
	const subject = "subject"
	q := tokens.ListQuery{
		Machine:        m2m.MachineID(p.id(subject)),
		IncludeRevoked: p.flag("revoked"),
		IncludeExpired: p.flag("expired"),
	}
	at := readPage(p, 10, 100)
	q.Limit, q.Offset = at.limit, at.offset
	if q.Machine == "" && len(p.faults) == 0 {
		p.faults.add(subject, m2m.Missing, "is required")
	}
	if err := p.err(); err != nil {
		return err
	}
	found, total, err := a.Tokens.List(x.ctx(), caller, q)
	if err != nil {
		return err
	}
	out := []byte(`{"m2m_tokens":[`)
	for i := range found {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendToken(out, &found[i], "")
	}
	out = strconv.AppendInt(append(out, `],"total_count":`...), total, 10)
	x.send(http.StatusOK, append(out, '}'))
	return nil
}

func (a *api) revokeToken(x *exchange) error {
	caller, err := a.caller(x)
	if err != nil {
		return err
	}
	const field = "revocation_reason"
	f, err := x.body(bodyCap, field)
	if err != nil {
		return err
	}
	reason := f.text(field, nullIsAbsent)
	if err := f.err(); err != nil {
		return err
	}
	record, err := a.Tokens.Revoke(x.ctx(), caller, x.actor(caller), x.c.Param("token_id"), reason)
	if err != nil {
		return named(err, errNoToken)
	}
	x.send(http.StatusOK, appendToken(nil, &record, ""))
	return nil
}
