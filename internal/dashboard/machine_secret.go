package dashboard

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

func (d *dashboard) machineSecretRoutes(r routes) {
	r.post("/machines/:id/secret", d.viewSecret)
	r.get("/machines/:id/secret", d.noSecret)
	r.get("/machines/:id/rotate", d.rotatePage)
	r.post("/machines/:id/rotate", d.rotate)
}

// secretView shows a machine secret, masked until its reader wants to see it. It is the answer to a POST and in no browser's memory
// (R50).
type secretView struct {
	Machine m2m.Machine
	Masked  string
	Secret  string
	Env     string // the lines of a .env file
	Rotated bool
	Overlap string // how long the one before works; empty: not any more
}

func (d *dashboard) showSecret(x *exchange, m m2m.Machine, plain secret.Text, v secretView) error {
	v.Machine, v.Secret = m, plain.Reveal()
	v.Masked = v.Secret[:3] + "••••••••••••" + v.Secret[len(v.Secret)-4:]
	v.Env = "DUALMINT_URL=" + d.Issuer + "\nMACHINE_SECRET=" + v.Secret
	return x.show(http.StatusOK, page{Name: "machine_secret", Title: "Secret of " + m.Name, Section: sectionMachines, Body: v, Back: machinePath(m.ID)})
}

func (d *dashboard) viewSecret(x *exchange) error {
	if _, err := x.form(); err != nil {
		return err
	}
	m, err := d.Machines.Get(x.ctx(), x.c.Param("id"))
	if err != nil {
		return err
	}
	plain, err := d.Machines.ViewSecret(x.ctx(), x.actor(), string(m.ID))
	if err != nil {
		return err
	}
	return d.showSecret(x, m.Machine, plain, secretView{})
}

// noSecret is where a reload or a bookmark of the page above leads to: looking at a secret is asked for anew each time.
func (d *dashboard) noSecret(x *exchange) error {
	id, ok := m2m.ParseMachineID(x.c.Param("id"))
	if !ok {
		return m2m.ErrMachineNotFound
	}
	return x.redirect(machinePath(id))
}

// rotateView is the page on which a secret is replaced.
type rotateView struct {
	Machine m2m.Machine
	Present string // the mark of the secret that is to be replaced
	Overlap field
}

// overlaps are how long the secret before may go on working, in seconds (R20).
func overlaps() []option {
	return []option{
		{Value: "0", Label: "Not at all", Hint: "For a secret that has leaked. Services that still use it fail at once."},
		{Value: "300", Label: "5 minutes"},
		{Value: "3600", Label: "1 hour", Hint: "Enough to deploy the new one."},
		{Value: "28800", Label: "8 hours"},
	}
}

func (d *dashboard) rotatePage(x *exchange) error {
	m, err := d.Machines.Get(x.ctx(), x.c.Param("id"))
	if err != nil {
		return err
	}
	f := emptyForm()
	f.values.Set("overlap", "3600")
	present, err := d.Machines.CurrentSecret(x.ctx(), string(m.ID))
	if err != nil {
		return err
	}
	f.values.Set("present", present)
	return x.showRotate(http.StatusOK, m.Machine, f)
}

func (x *exchange) showRotate(status int, m m2m.Machine, f *form) error {
	v := rotateView{Machine: m, Present: f.text("present"), Overlap: field{
		Name: "overlap", Label: "How long the present secret goes on working", Error: f.faults["overlap"], Options: choose(f.text("overlap"), overlaps()...),
	}}
	return x.show(status, page{
		Name: "machine_rotate", Title: "Rotate the secret of " + m.Name, Section: sectionMachines, Body: v, Back: machinePath(m.ID) + "/rotate",
	})
}

// rotate replaces the secret that its reader saw as the present one: a form sent twice, as by a reload, rotates once.
func (d *dashboard) rotate(x *exchange) error {
	f, err := x.form("overlap", "present")
	if err != nil {
		return err
	}
	m, err := d.Machines.Get(x.ctx(), x.c.Param("id"))
	if err != nil {
		return err
	}
	chosen := slices.IndexFunc(overlaps(), func(o option) bool { return o.Value == f.text("overlap") })
	if chosen < 0 {
		f.fault("overlap", "Choose one of these.")
		return x.showRotate(http.StatusUnprocessableEntity, m.Machine, f)
	}
	seconds, err := strconv.Atoi(overlaps()[chosen].Value)
	if err != nil {
		return fmt.Errorf("read overlap: %w", err)
	}
	overlap := time.Duration(seconds) * time.Second
	if f.text("present") == "" {
		return errForm
	}
	plain, err := d.Machines.ReplaceSecret(x.ctx(), x.actor(), string(m.ID), f.text("present"), overlap)
	if errors.Is(err, m2m.ErrConflict) {
		return x.done(notice{Text: fmt.Sprintf("The secret of “%s” was rotated already, so nothing was changed now. It is behind View machine secret.", m.Name)}, machinePath(m.ID))
	}
	if err != nil {
		return err
	}
	v := secretView{Rotated: true}
	if overlap > 0 {
		v.Overlap = exactly(overlap)
	}
	return d.showSecret(x, m.Machine, plain, v)
}
