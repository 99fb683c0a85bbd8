package httpapi

import (
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
	"github.com/dualmint/dualmint/internal/secret"
)

type secretObject struct {
	Object string `json:"object"`
	Secret string `json:"secret"`
}

func (a *api) viewSecret(x *exchange, by m2m.Actor) error {
	plain, err := a.Machines.ViewSecret(x.ctx(), by, x.c.Param("machine_id"))
	if err != nil {
		return err
	}
	return x.okSecret(plain)
}

func (a *api) rotateSecret(x *exchange, by m2m.Actor) error {
	const field = "previous_token_ttl"
	f, err := x.body(bodyCap, field)
	if err != nil {
		return err
	}
	f.require(field)
	seconds := f.integer(field, nullIsFault, 0, int64(machines.MaxOverlap/time.Second))
	if err := f.err(); err != nil {
		return err
	}
	plain, err := a.Machines.RotateSecret(x.ctx(), by, x.c.Param("machine_id"), time.Duration(*seconds)*time.Second)
	if err != nil {
		return err
	}
	return x.okSecret(plain)
}

func (x *exchange) okSecret(plain secret.Text) error {
	return x.ok(secretObject{Object: "machine_secret_key", Secret: plain.Reveal()})
}
