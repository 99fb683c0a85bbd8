package dashboard

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
)

func (d *dashboard) machineChangeRoutes(r routes) {
	r.get("/new-machine", d.newMachinePage)
	r.post("/new-machine", d.newMachine)
	r.get("/machines/:id/edit", d.editMachinePage)
	r.post("/machines/:id/edit", d.editMachine)
	r.get("/machines/:id/scopes", d.scopesPage)
	r.post("/machines/:id/scopes", d.changeScopes)
	r.get("/machines/:id/delete", d.deleteMachinePage)
	r.post("/machines/:id/delete", d.deleteMachine)
}

// machineForm is what the pages for a new machine and for one that is there already share: its name and its defaults.
type machineForm struct {
	Name    field
	Format  field
	Amount  field // of the lifetime
	Unit    field
	Endless field
	Scopes  picker // of a new machine
	Machine *m2m.Machine
	Had     []undoPair // what the page showed of the machine when it was made
}

// formFields translates the names of the wire into those of the form.
func formFields() map[string]string {
	return map[string]string{
		"name": "name", "default_token_format": "format", "default_token_ttl": "amount", "scoped_machines": "scope", "to_machine_id": "scope",
	}
}

func newMachineForm(f *form) machineForm {
	return machineForm{
		Name: field{
			Name: "name", Label: "Name", Value: f.text("name"), Error: f.faults["name"], Required: true, MaxLength: m2m.MaxNameLength,
			Hint: "What people call this service, such as “orders” or “billing worker”.",
		},
		Format: field{
			Name: "format", Label: "Default format", Error: f.faults["format"], Options: choose(f.text("format"),
				option{Value: string(m2m.Opaque), Label: "Opaque", Hint: "Checked by asking this server. Revoked at once, everywhere."},
				option{Value: string(m2m.JWT), Label: "JWT", Hint: "Checked offline with the public keys. Good until it expires where nobody asks."}),
		},
		Amount: field{Name: "amount", Label: "Default lifetime", Value: f.text("amount"), Error: f.faults["amount"], Type: "number"},
		Unit: field{
			Name: "unit", Label: "Unit", Options: choose(f.text("unit"), units()...),
		},
		Endless: field{Name: "endless", Label: "Opaque tokens do not expire", Value: f.text("endless")},
	}
}

// readLifetime reads amount, unit and endless.
func (f *form) readLifetime() *machines.Lifetime {
	if f.text("endless") != "" {
		return &machines.Lifetime{Endless: true}
	}
	n, err := strconv.ParseInt(f.text("amount"), 10, 64)
	unit, unitErr := strconv.ParseInt(f.text("unit"), 10, 64)
	if err != nil || unitErr != nil || n < 1 || unit < 1 || n > math.MaxInt64/unit {
		f.fault("amount", "Enter a whole number of at least 1.")
		return nil
	}
	return &machines.Lifetime{Seconds: n * unit}
}

// saidLifetime says a lifetime as lifetimeOf says that of a machine.
func saidLifetime(l machines.Lifetime) string {
	const most = int64(math.MaxInt64 / time.Second) // what is more is refused anyway
	return lifetimeOf(m2m.Machine{Endless: l.Endless, DefaultTTL: time.Duration(min(l.Seconds, most)) * time.Second})
}

// writeLifetime is the other direction: the largest unit in which the lifetime is a whole number.
func (f *form) writeLifetime(m m2m.Machine) {
	seconds := int64(m.DefaultTTL / time.Second)
	if m.Endless {
		f.values.Set("endless", "on")
		seconds = int64(m2m.DefaultTTL / time.Second)
	}
	for _, unit := range []int64{86400, 3600, 60, 1} {
		if seconds%unit == 0 {
			f.values.Set("amount", strconv.FormatInt(seconds/unit, 10))
			f.values.Set("unit", strconv.FormatInt(unit, 10))
			return
		}
	}
}

func (d *dashboard) newMachinePage(x *exchange) error {
	f := emptyForm()
	f.values.Set("format", string(m2m.Opaque))
	f.writeLifetime(m2m.Machine{DefaultTTL: m2m.DefaultTTL})
	return d.showNewMachine(x, http.StatusOK, f)
}

func (d *dashboard) showNewMachine(x *exchange, status int, f *form) error {
	v := newMachineForm(f)
	var err error
	if v.Scopes, err = d.pick(x, f, ""); err != nil {
		return err
	}
	return x.show(status, page{Name: "machine_new", Title: "Add a machine", Section: sectionMachines, Body: v, Back: Root + "/new-machine"})
}

func (d *dashboard) newMachine(x *exchange) error {
	f, err := x.form("name", "format", "amount", "unit", "endless", "scope", "find", "found", "search", "enter")
	if err != nil {
		return err
	}
	if f.searches() { // nothing is made yet
		return d.showNewMachine(x, http.StatusOK, f)
	}
	draft := machines.Draft{Name: f.text("name"), Scopes: f.all("scope"), Lifetime: f.readLifetime(), Format: m2m.Format(f.text("format"))}
	if len(f.faults) == 0 {
		made, _, err := d.Machines.Create(x.ctx(), x.actor(), draft)
		if err == nil {
			return x.done(notice{
				Text: fmt.Sprintf("“%s” was added. Put its secret into the service's environment; then it can ask for tokens.", made.Name),
				Undo: &undo{Label: "Delete it again", Path: machinePath(made.ID) + "/delete", Fields: []undoPair{{"name", made.Name}}},
			}, machinePath(made.ID))
		}
		if err := f.take(err, formFields()); err != nil {
			return err
		}
	}
	return d.showNewMachine(x, http.StatusUnprocessableEntity, f)
}

func (d *dashboard) editMachinePage(x *exchange) error {
	m, err := d.Machines.Get(x.ctx(), x.c.Param("id"))
	if err != nil {
		return err
	}
	f := emptyForm()
	f.fill(m.Machine)
	return x.showEdit(http.StatusOK, f, m.Machine)
}

// fill says of a machine what the form does not say, and that this is what the machine had.
func (f *form) fill(m m2m.Machine) {
	if !f.has("name") {
		f.values.Set("name", m.Name)
		f.values.Set("had_name", m.Name)
	}
	if !f.has("format") {
		f.values.Set("format", string(m.DefaultFormat))
		f.values.Set("had_format", string(m.DefaultFormat))
	}
	if !f.has("amount") && !f.has("endless") {
		f.writeLifetime(m)
		f.values.Set("had_lifetime", lifetimeOf(m))
	}
}

// patch is what the form says and the machine had not, as far as the reader of the page knows. What somebody else changed meanwhile stays.
// Faults are noted beside their fields.
func (f *form) patch() machines.Patch {
	var p machines.Patch
	if name := f.text("name"); name != f.text("had_name") {
		p.Name = &name
	}
	if format := m2m.Format(f.text("format")); string(format) != f.text("had_format") {
		p.Format = &format
	}
	if l := f.readLifetime(); l != nil && saidLifetime(*l) != f.text("had_lifetime") {
		p.Lifetime = l
	}
	return p
}

func (x *exchange) showEdit(status int, f *form, m m2m.Machine) error {
	v := newMachineForm(f)
	v.Machine = &m
	for _, name := range hadFields() {
		v.Had = append(v.Had, undoPair{name, f.text(name)})
	}
	return x.show(status, page{Name: "machine_edit", Title: "Edit " + m.Name, Section: sectionMachines, Body: v, Back: machinePath(m.ID) + "/edit"})
}

func (d *dashboard) editMachine(x *exchange) error {
	f, err := x.form(append(hadFields(), "name", "format", "amount", "unit", "endless")...)
	if err != nil {
		return err
	}
	before, err := d.Machines.Get(x.ctx(), x.c.Param("id"))
	if err != nil {
		return err
	}
	f.fill(before.Machine)
	patch := f.patch()
	if patch == (machines.Patch{}) && len(f.faults) == 0 {
		return x.done(editNotice(before.Machine, before.Machine), machinePath(before.ID))
	}
	if len(f.faults) == 0 {
		after, err := d.Machines.Update(x.ctx(), x.actor(), string(before.ID), patch)
		if err == nil {
			return x.done(editNotice(before.Machine, after.Machine), machinePath(after.ID))
		}
		if err := f.take(err, formFields()); err != nil {
			return err
		}
	}
	return x.showEdit(http.StatusUnprocessableEntity, f, before.Machine)
}

// hadFields are those that say what a machine had when the page was made.
func hadFields() []string { return []string{"had_name", "had_format", "had_lifetime"} }

// editNotice tells what is different now; undoing is saving what was before, and nothing else.
func editNotice(before, after m2m.Machine) notice {
	var changed []string
	var fields []undoPair
	if before.Name != after.Name {
		changed = append(changed, fmt.Sprintf("its name was “%s”", before.Name))
		fields = append(fields, undoPair{"name", before.Name}, undoPair{"had_name", after.Name})
	}
	if before.DefaultFormat != after.DefaultFormat {
		changed = append(changed, fmt.Sprintf("its default format was %s", formatName(before.DefaultFormat)))
		fields = append(fields, undoPair{"format", string(before.DefaultFormat)}, undoPair{"had_format", string(after.DefaultFormat)})
	}
	if lifetimeOf(before) != lifetimeOf(after) {
		changed = append(changed, fmt.Sprintf("its default lifetime was %s", lifetimeOf(before)))
		old := emptyForm()
		old.writeLifetime(before)
		for _, name := range []string{"amount", "unit", "endless"} {
			if old.has(name) {
				fields = append(fields, undoPair{name, old.text(name)})
			}
		}
		fields = append(fields, undoPair{"had_lifetime", lifetimeOf(after)})
	}
	if len(changed) == 0 {
		return notice{Text: fmt.Sprintf("“%s” is as it was.", after.Name)}
	}
	return notice{
		Text: fmt.Sprintf("“%s” was changed: %s. Tokens made from now on follow it; those made before stay what they are.", after.Name, strings.Join(changed, ", ")),
		Undo: &undo{Label: "Change it back", Path: machinePath(after.ID) + "/edit", Fields: fields},
	}
}
