package dashboard

import (
	"net/http"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/tokens"
)

func (d *dashboard) tokenNewRoutes(r routes) {
	r.get("/machines/:id/new-token", d.newTokenPage)
	r.post("/machines/:id/new-token", d.newToken)
}

// newTokenView is the page on which the operator has a token made for a machine.
type newTokenView struct {
	Machine m2m.Machine
	Format  field
	Amount  field
	Unit    field
	Claims  field
	Silent  bool // the machine may call nobody: its tokens are good nowhere
}

func (d *dashboard) newTokenPage(x *exchange) error {
	m, err := d.Machines.Get(x.ctx(), x.c.Param("id"))
	if err != nil {
		return err
	}
	f := emptyForm()
	f.values.Set("format", string(m.DefaultFormat))
	f.values.Set("unit", "60")
	return x.showNewToken(http.StatusOK, f, m.Machine)
}

func (x *exchange) showNewToken(status int, f *form, m m2m.Machine) error {
	shared := newMachineForm(f)
	v := newTokenView{Machine: m, Format: shared.Format, Amount: shared.Amount, Unit: shared.Unit, Silent: len(m.Scopes) == 0, Claims: field{
		Name: "claims", Label: "Claims", Value: f.text("claims"), Error: f.faults["claims"], Rows: 5, Mono: true,
		Hint: `A JSON object of at most 4 KiB, such as {"order": 42}. Receivers see it.`,
	}}
	v.Format.Label, v.Amount.Label = "Format", "Lifetime"
	return x.show(status, page{
		Name: "token_new", Title: "Generate a token", Section: sectionMachines, Body: v, Back: machinePath(m.ID) + "/new-token",
	})
}

// madeView shows a token, the one time.
type madeView struct {
	Machine m2m.Machine
	Record  m2m.Record
	Token   string
	Verify  string
}

func (d *dashboard) newToken(x *exchange) error {
	f, err := x.form("format", "amount", "unit", "claims")
	if err != nil {
		return err
	}
	m, err := d.Machines.Get(x.ctx(), x.c.Param("id"))
	if err != nil {
		return err
	}
	r := tokens.Request{Format: m2m.Format(f.text("format"))}
	if f.text("amount") != "" {
		if l := f.readLifetime(); l != nil {
			seconds := float64(l.Seconds)
			r.Seconds = &seconds
		}
	}
	if claims := f.text("claims"); claims != "" {
		r.Claims = []byte(claims)
	}
	if len(f.faults) == 0 {
		made, err := d.Tokens.IssueAs(x.ctx(), x.actor(), m.Machine, r)
		if err == nil {
			v := madeView{Machine: m.Machine, Record: made.Record, Token: made.Bearer.Reveal(), Verify: d.teach(&m.Machine).Verify}
			return x.show(http.StatusOK, page{Name: "token_made", Title: "A new token", Section: sectionMachines, Body: v, Once: true})
		}
		if err := f.take(err, map[string]string{"seconds_until_expiration": "amount", "claims": "claims", "token_format": "format"}); err != nil {
			return err
		}
	}
	return x.showNewToken(http.StatusUnprocessableEntity, f, m.Machine)
}
