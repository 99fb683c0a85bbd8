package dashboard

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/tokens"
)

const (
	tokensPath    = Root + "/tokens"
	tokensAPage   = 25
	sectionTokens = "Tokens"
)

func (d *dashboard) tokenRoutes(r routes) {
	r.get("/machines/:id/tokens", d.listTokens)
	r.get("/tokens/:id", d.showToken)
}

// tokenList is the page of a machine's tokens, newest first.
type tokenList struct {
	Machine  m2m.Machine
	Living   string
	Tokens   []tokenLine
	Previous string // addresses; empty: none
	Next     string
	Teach    snippets
}

// tokenLine is one of them.
type tokenLine struct {
	m2m.Record
	State tokens.State
}

func (d *dashboard) listTokens(x *exchange) error {
	m, err := d.Machines.Get(x.ctx(), x.c.Param("id"))
	if err != nil {
		return err
	}
	q := tokens.PageQuery{Machine: m.ID, Limit: tokensAPage}
	if from, ok := m2m.ParseTokenID(x.query("before")); ok {
		q.From, q.Back = from, true
	}
	if from, ok := m2m.ParseTokenID(x.query("after")); ok {
		q.From, q.Back = from, false
	}
	found, err := d.Tokens.Page(x.ctx(), q)
	if err != nil {
		return err
	}
	living, err := d.Tokens.Living(x.ctx(), []m2m.MachineID{m.ID})
	if err != nil {
		return err
	}
	v := tokenList{Machine: m.Machine, Living: d.countedOf(m.ID, living[m.ID]), Teach: d.teach(&m.Machine)}
	for _, r := range found.Tokens {
		sight := tokens.Sight{Record: r, MachineLives: true, KeyCompromised: slices.Contains(found.Compromised, r.KeyID)}
		v.Tokens = append(v.Tokens, tokenLine{r, sight.State()})
	}
	if n := len(v.Tokens); n > 0 {
		here := machinePath(m.ID) + "/tokens?"
		if found.Previous {
			v.Previous = here + "before=" + string(v.Tokens[0].ID)
		}
		if found.Next {
			v.Next = here + "after=" + string(v.Tokens[n-1].ID)
		}
	}
	return x.show(http.StatusOK, page{Name: "tokens_machine", Title: "Tokens of " + m.Name, Section: sectionMachines, Body: v})
}

// tokenView is the page of one token.
type tokenView struct {
	tokens.Sight
	State     tokens.State
	Claims    string // indented; empty: none
	Receivers []receiver
}

// receiver is a machine in the scopes of a token's creation.
type receiver struct {
	ID   m2m.MachineID
	Name string // empty: it may not be called any more
	Now  bool   // it may have the token at this moment, by the scope rule
}

func (d *dashboard) showToken(x *exchange) error {
	sight, err := d.Tokens.Look(x.ctx(), x.c.Param("id"))
	if err != nil {
		return err
	}
	v, err := d.viewToken(x, sight)
	if err != nil {
		return err
	}
	return x.show(http.StatusOK, page{Name: "token", Title: "Token " + string(sight.ID), Section: sectionTokens, Body: v})
}

// viewToken finds the names of who may verify a token.
func (d *dashboard) viewToken(x *exchange, sight tokens.Sight) (tokenView, error) {
	v := tokenView{Sight: sight, State: sight.State(), Claims: indented(sight.Claims)}
	names := map[m2m.MachineID]string{}
	if sight.MachineLives {
		m, err := d.Machines.Get(x.ctx(), string(sight.Machine))
		if err != nil {
			return tokenView{}, err
		}
		for _, to := range m.Scoped {
			names[to.ID] = to.Name
		}
	}
	for _, id := range sight.Scopes {
		v.Receivers = append(v.Receivers, receiver{ID: id, Name: names[id], Now: d.Rule == m2m.Snapshot || slices.Contains(sight.ScopesNow, id)})
	}
	return v, nil
}

// indented is JSON for people.
func indented(claims []byte) string {
	if len(claims) == 0 {
		return ""
	}
	var out bytes.Buffer
	if err := json.Indent(&out, claims, "", "  "); err != nil {
		return string(claims)
	}
	return out.String()
}
