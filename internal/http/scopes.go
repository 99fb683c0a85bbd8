package httpapi

import (
	"github.com/dualmint/dualmint/internal/m2m"
)

// scopeObject is one scope on the wire: from may call to.
type scopeObject struct {
	Object        string `json:"object"`
	FromMachineID string `json:"from_machine_id"`
	ToMachineID   string `json:"to_machine_id"`
	CreatedAt     int64  `json:"created_at,omitzero"`
	Deleted       bool   `json:"deleted,omitzero"`
}

func (a *api) addScope(x *exchange, by m2m.Actor) error {
	const field = "to_machine_id"
	f, err := x.body(bodyCap, field)
	if err != nil {
		return err
	}
	f.require(field)
	to := f.text(field, nullIsFault)
	if err := f.err(); err != nil {
		return err
	}
	from := x.c.Param("machine_id")
	at, err := a.Machines.AddScope(x.ctx(), by, from, *to)
	if err != nil {
		return err
	}
	return x.ok(scopeObject{Object: "machine_scope", FromMachineID: from, ToMachineID: *to, CreatedAt: millis(at)})
}

func (a *api) removeScope(x *exchange, by m2m.Actor) error {
	from, to := x.c.Param("machine_id"), x.c.Param("other_machine_id")
	if err := a.Machines.RemoveScope(x.ctx(), by, from, to); err != nil {
		return named(err, errNoScope)
	}
	return x.ok(scopeObject{Object: "machine_scope", FromMachineID: from, ToMachineID: to, Deleted: true})
}
