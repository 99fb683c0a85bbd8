package dashboard

import (
	"fmt"
	"net/http"

	"github.com/dualmint/dualmint/internal/m2m"
)

const maxReason = 500 // characters, from the wire contract

func (d *dashboard) tokenRevokeRoutes(r routes) {
	r.get("/tokens/:id/revoke", d.revokePage)
	r.post("/tokens/:id/revoke", d.revoke)
	r.get("/machines/:id/revoke-tokens", d.revokeAllPage)
	r.post("/machines/:id/revoke-tokens", d.revokeAll)
}

// revokeView is the page on which tokens end: one, or all of a machine.
type revokeView struct {
	ID      m2m.TokenID // one
	Machine m2m.Machine // all of it
	Living  string
	Reason  field
}

func reasonField(f *form) field {
	return field{
		Name: "reason", Label: "Reason", Value: f.text("reason"), Error: f.faults["reason"], MaxLength: maxReason,
		Hint: "Kept with the token, and shown to whoever may list it. It cannot be changed afterwards.",
	}
}

// reason gives what was typed, or nil for nothing.
func (f *form) reason() *string {
	if text := f.text("reason"); text != "" {
		return &text
	}
	return nil
}

// reasonFields translates the name of the wire.
func reasonFields() map[string]string { return map[string]string{"revocation_reason": "reason"} }

func (d *dashboard) revokePage(x *exchange) error {
	sight, err := d.Tokens.Look(x.ctx(), x.c.Param("id"))
	if err != nil {
		return err
	}
	return x.showRevoke(http.StatusOK, sight.ID, emptyForm())
}

func (x *exchange) showRevoke(status int, id m2m.TokenID, f *form) error {
	return x.show(status, page{
		Name: "token_revoke", Title: "Revoke a token", Section: sectionTokens, Body: revokeView{ID: id, Reason: reasonField(f)},
		Back: tokensPath + "/" + string(id) + "/revoke",
	})
}

func (d *dashboard) revoke(x *exchange) error {
	f, err := x.form("reason")
	if err != nil {
		return err
	}
	id, ok := m2m.ParseTokenID(x.c.Param("id"))
	if !ok {
		return m2m.ErrNotFound
	}
	before, err := d.Tokens.Look(x.ctx(), string(id))
	if err != nil {
		return err
	}
	if before.Revoked() {
		text := "The token was revoked already, at " + moment(before.RevokedAt) + "; what was written down then stays"
		if before.RevocationReason != nil {
			text += ": “" + *before.RevocationReason + "”"
		}
		return x.done(notice{Text: text + "."}, tokensPath+"/"+string(id))
	}
	_, err = d.Tokens.Revoke(x.ctx(), m2m.Caller{Instance: true}, x.actor(), string(id), f.reason())
	if err == nil {
		return x.done(notice{
			Text: "The token is revoked: nobody who asks this server accepts it from now on. This cannot be undone; its machine can ask for another.",
		}, tokensPath+"/"+string(id))
	}
	if err := f.take(err, reasonFields()); err != nil {
		return err
	}
	return x.showRevoke(http.StatusUnprocessableEntity, id, f)
}

func (d *dashboard) revokeAllPage(x *exchange) error {
	m, err := d.Machines.Get(x.ctx(), x.c.Param("id"))
	if err != nil {
		return err
	}
	return d.showRevokeAll(x, http.StatusOK, m.Machine, emptyForm())
}

func (d *dashboard) showRevokeAll(x *exchange, status int, m m2m.Machine, f *form) error {
	living, err := d.Tokens.Living(x.ctx(), []m2m.MachineID{m.ID})
	if err != nil {
		return err
	}
	return x.show(status, page{
		Name: "tokens_revoke", Title: "Revoke all tokens of " + m.Name, Section: sectionMachines, Back: machinePath(m.ID) + "/revoke-tokens",
		Body: revokeView{Machine: m, Living: d.countedOf(m.ID, living[m.ID]), Reason: reasonField(f)},
	})
}

func (d *dashboard) revokeAll(x *exchange) error {
	f, err := x.form("reason")
	if err != nil {
		return err
	}
	m, err := d.Machines.Get(x.ctx(), x.c.Param("id"))
	if err != nil {
		return err
	}
	n, err := d.Tokens.RevokeAll(x.ctx(), x.actor(), string(m.ID), f.reason())
	if err == nil {
		return x.done(notice{
			Text: fmt.Sprintf("%s revoked, of “%s”. Its secret still works: it can ask for new ones.", was(int(n), "token"), m.Name),
		}, machinePath(m.ID)+"/tokens")
	}
	if err := f.take(err, reasonFields()); err != nil {
		return err
	}
	return d.showRevokeAll(x, http.StatusUnprocessableEntity, m.Machine, f)
}

func was(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " was"
	}
	return plural(n, noun) + " were"
}
