package dashboard

import (
	"fmt"
	"net/http"

	"github.com/dualmint/dualmint/internal/m2m"
)

// deleteView is the page on which a machine is deleted for good: its name has to be typed.
type deleteView struct {
	Machine m2m.Machine
	Callers int
	More    bool // callers than were counted
	Name    field
}

func (d *dashboard) deleteMachinePage(x *exchange) error {
	m, err := d.Machines.Get(x.ctx(), x.c.Param("id"))
	if err != nil {
		return err
	}
	return d.showDelete(x, http.StatusOK, m.Machine, emptyForm())
}

func (d *dashboard) showDelete(x *exchange, status int, m m2m.Machine, f *form) error {
	callers, err := d.Machines.CallersOf(x.ctx(), string(m.ID), callersShown+1)
	if err != nil {
		return err
	}
	v := deleteView{Machine: m, Callers: min(len(callers), callersShown), More: len(callers) > callersShown, Name: field{
		Name: "name", Label: "Type the name of the machine to delete it", Value: f.text("name"), Error: f.faults["name"], Required: true,
	}}
	return x.show(status, page{
		Name: "machine_delete", Title: "Delete " + m.Name, Section: sectionMachines, Body: v, Back: machinePath(m.ID) + "/delete",
	})
}

func (d *dashboard) deleteMachine(x *exchange) error {
	f, err := x.form("name")
	if err != nil {
		return err
	}
	m, err := d.Machines.Get(x.ctx(), x.c.Param("id"))
	if err != nil {
		return err
	}
	if f.values.Get("name") != m.Name && f.text("name") != m.Name { // a name may begin with a space
		f.fault("name", "This is not its name. Nothing was deleted.")
		return d.showDelete(x, http.StatusUnprocessableEntity, m.Machine, f)
	}
	if err := d.Machines.Delete(x.ctx(), x.actor(), string(m.ID)); err != nil {
		return err
	}
	return x.done(notice{Text: fmt.Sprintf("“%s” was deleted. Its secret and its tokens are refused from now on. This cannot be undone; its usage and its audit entries stay.", m.Name)}, machinesPath)
}
