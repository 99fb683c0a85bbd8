package httpapi

import (
	"encoding/json"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
	"github.com/dualmint/dualmint/internal/secret"
)

// machineObject is a machine on the wire. ScopedMachines is nil, and left out, inside another machine.
type machineObject struct {
	Object          string          `json:"object"`
	ID              m2m.MachineID   `json:"id"`
	Name            string          `json:"name"`
	InstanceID      m2m.InstanceID  `json:"instance_id"`
	CreatedAt       int64           `json:"created_at"`
	UpdatedAt       int64           `json:"updated_at"`
	DefaultTokenTTL *int64          `json:"default_token_ttl"` // seconds; null: opaque tokens do not expire
	DefaultFormat   m2m.Format      `json:"default_token_format"`
	PublicJWK       json.RawMessage `json:"public_jwk,omitempty"`
	ScopedMachines  []machineObject `json:"scoped_machines,omitzero"`
	SecretKey       string          `json:"secret_key,omitempty"` // in the answer to create alone
}

type machineList struct {
	Data       []machineObject `json:"data"`
	TotalCount int64           `json:"total_count"`
}

type deletedObject struct {
	Object  string `json:"object"`
	ID      string `json:"id"`
	Deleted bool   `json:"deleted"`
}

func (a *api) listMachines(x *exchange, _ m2m.Actor) error {
	p, err := x.params()
	if err != nil {
		return err
	}
	at := readPage(p, 10, 500)
	q := machines.Query{Text: p.text("query"), Limit: at.limit, Offset: at.offset}
	q.ByName, q.Asc = readOrder(p)
	if err := p.err(); err != nil {
		return err
	}
	found, total, err := a.Machines.List(x.ctx(), q)
	if err != nil {
		return err
	}
	out := machineList{Data: make([]machineObject, len(found)), TotalCount: total}
	for i, d := range found {
		out.Data[i] = a.detail(d, "")
	}
	return x.ok(out)
}

// readOrder knows two columns and two directions (R19). In a query string an unescaped + is a space.
func readOrder(p *params) (byName, asc bool) {
	const name = "order_by"
	switch p.text(name) {
	case "", "-created_at":
		return false, false
	case "created_at", "+created_at", " created_at":
		return false, true
	case "name", "+name", " name":
		return true, true
	case "-name":
		return true, false
	default:
		p.faults.add(name, m2m.WrongValue, "must be name or created_at, with + or - before it")
		return false, false
	}
}

func (a *api) createMachine(x *exchange, by m2m.Actor) error {
	f, err := x.body(bodyCap, "name", "scoped_machines", "default_token_ttl", "default_token_format", "public_jwk")
	if err != nil {
		return err
	}
	f.require("name")
	d := machines.Draft{
		Scopes:    f.texts("scoped_machines", nullIsAbsent),
		Lifetime:  readLifetime(f),
		Format:    f.format("default_token_format", nullIsFault),
		PublicJWK: f.objectText("public_jwk", nullIsAbsent),
	}
	if name := f.text("name", nullIsFault); name != nil {
		d.Name = *name
	}
	if err := f.err(); err != nil {
		return err
	}
	made, plain, err := a.Machines.Create(x.ctx(), by, d)
	if err != nil {
		return err
	}
	return x.ok(a.detail(made, plain))
}

func (a *api) getMachine(x *exchange, _ m2m.Actor) error {
	d, err := a.Machines.Get(x.ctx(), x.c.Param("machine_id"))
	if err != nil {
		return err
	}
	return x.ok(a.detail(d, ""))
}

func (a *api) updateMachine(x *exchange, by m2m.Actor) error {
	f, err := x.body(bodyCap, "name", "default_token_ttl", "default_token_format", "public_jwk")
	if err != nil {
		return err
	}
	p := machines.Patch{Name: f.text("name", nullIsFault), Lifetime: readLifetime(f)}
	if format := f.format("default_token_format", nullIsFault); format != "" {
		p.Format = &format
	}
	if jwk := f.objectText("public_jwk", nullIsAbsent); jwk != nil || f.isNull("public_jwk") {
		p.PublicJWK = &jwk
	}
	if err := f.err(); err != nil {
		return err
	}
	d, err := a.Machines.Update(x.ctx(), by, x.c.Param("machine_id"), p)
	if err != nil {
		return err
	}
	return x.ok(a.detail(d, ""))
}

func (a *api) deleteMachine(x *exchange, by m2m.Actor) error {
	id := x.c.Param("machine_id")
	if err := a.Machines.Delete(x.ctx(), by, id); err != nil {
		return err
	}
	return x.ok(deletedObject{Object: "machine", ID: id, Deleted: true})
}

// readLifetime tells a null, which is endless, from an absent field, which is nil.
func readLifetime(f *fields) *machines.Lifetime {
	const name = "default_token_ttl"
	if f.isNull(name) {
		return &machines.Lifetime{Endless: true}
	}
	n := f.integer(name, nullIsAbsent, 1, int64(m2m.MaxTTL/time.Second))
	if n == nil {
		return nil
	}
	return &machines.Lifetime{Seconds: *n}
}

// detail is a machine with the machines that it may call.
func (a *api) detail(d machines.Detail, plain secret.Text) machineObject {
	out := a.machine(d.Machine)
	out.SecretKey = plain.Reveal()
	out.ScopedMachines = make([]machineObject, len(d.Scoped))
	for i, m := range d.Scoped {
		out.ScopedMachines[i] = a.machine(m)
	}
	return out
}

func (a *api) machine(m m2m.Machine) machineObject {
	out := machineObject{
		Object: "machine", ID: m.ID, Name: m.Name, InstanceID: a.Instance, CreatedAt: millis(m.CreatedAt), UpdatedAt: millis(m.UpdatedAt),
		DefaultFormat: m.DefaultFormat, PublicJWK: m.PublicJWK,
	}
	if !m.Endless {
		seconds := int64(m.DefaultTTL / time.Second)
		out.DefaultTokenTTL = &seconds
	}
	return out
}
