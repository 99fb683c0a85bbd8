package dashboard

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
)

// choicesShown is how many machines a picker offers beside those that are chosen; the others are found by searching.
const choicesShown = 20

// picker chooses machines from any number of them: those chosen, and those that a search found, as check boxes.
type picker struct {
	Chosen []m2m.Machine
	Offers []m2m.Machine
	Find   string
	More   bool // than are offered
	Error  string
	Had    []string // ids that were chosen when the page was made
	Alone  bool     // there is no other machine
}

// pick fills a picker from what a form says. except is no choice: a machine does not need to call itself.
func (d *dashboard) pick(x *exchange, f *form, except m2m.MachineID) (picker, error) {
	p := picker{Find: firstLetters(f.text("find"), m2m.MaxNameLength), Error: f.faults["scope"], Had: f.all("had")}
	var err error
	ids := f.all("scope")
	if over := len(ids) - m2m.MaxScopes; over > 0 { // of those chosen anew some are left out, of those that the machine has none
		slices.SortStableFunc(ids, func(a, b string) int { return cmp.Compare(isIn(p.Had, b), isIn(p.Had, a)) })
		ids = ids[:m2m.MaxScopes]
		p.Error = fmt.Sprintf("A machine may call at most %d machines: %s of those chosen anew had to be left out.", m2m.MaxScopes, number(over))
	}
	p.Had = p.Had[:min(len(p.Had), m2m.MaxScopes)]
	if p.Chosen, err = d.chosen(x, ids); err != nil {
		return picker{}, err
	}
	slices.SortFunc(p.Chosen, func(a, b m2m.Machine) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(string(a.ID), string(b.ID)))
	})
	const spare = 2 // one tells whether there are more, one is the machine itself
	most := choicesShown + len(p.Chosen) + spare
	found, err := d.Machines.Page(x.ctx(), machines.PageQuery{Text: p.Find, ByName: true, Asc: true, Limit: most})
	if err != nil {
		return picker{}, err
	}
	for _, m := range found.Machines {
		if m.ID == except || slices.ContainsFunc(p.Chosen, func(c m2m.Machine) bool { return c.ID == m.ID }) {
			continue
		}
		p.Offers = append(p.Offers, m.Machine)
	}
	p.More = found.Next || len(p.Offers) > choicesShown
	p.Offers = p.Offers[:min(len(p.Offers), choicesShown)]
	p.Alone = p.Find == "" && len(p.Offers)+len(p.Chosen) == 0
	return p, nil
}

// isIn is 1 for an id that a list holds.
func isIn(list []string, id string) int {
	if slices.Contains(list, id) {
		return 1
	}
	return 0
}

// chosen gives the machines of these ids by name, in one query for any number of them. What was deleted meanwhile, or never was a
// machine, is no choice any more.
func (d *dashboard) chosen(x *exchange, texts []string) ([]m2m.Machine, error) {
	ids := make([]m2m.MachineID, 0, len(texts))
	for _, text := range texts {
		if id, ok := m2m.ParseMachineID(text); ok {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	ends, err := d.Graph.Ends(x.ctx(), ids)
	if err != nil {
		return nil, err
	}
	out := make([]m2m.Machine, 0, len(ends))
	for _, e := range ends {
		if !e.Deleted {
			out = append(out, m2m.Machine{ID: e.ID, Name: e.Name})
		}
	}
	return out, nil
}

// searches tells whether a form with a picker asks for a search and for nothing else: by the button beside it, or by Enter after something
// was typed that the page does not show yet.
func (f *form) searches() bool {
	return f.has("search") || f.has("enter") && f.text("find") != f.text("found")
}

// scopesView is the page on which the scopes of one machine are chosen.
type scopesView struct {
	Machine m2m.Machine
	Scopes  picker
}

func (d *dashboard) scopesPage(x *exchange) error {
	m, err := d.Machines.Get(x.ctx(), x.c.Param("id"))
	if err != nil {
		return err
	}
	f := emptyForm()
	for _, id := range m.Scopes {
		f.values.Add("scope", string(id))
		f.values.Add("had", string(id))
	}
	return d.showScopes(x, http.StatusOK, f, m.Machine)
}

func (d *dashboard) showScopes(x *exchange, status int, f *form, m m2m.Machine) error {
	choices, err := d.pick(x, f, m.ID)
	if err != nil {
		return err
	}
	return x.show(status, page{
		Name: "machine_scopes", Title: "Scopes of " + m.Name, Section: sectionMachines, Back: machinePath(m.ID) + "/scopes",
		Body: scopesView{Machine: m, Scopes: choices},
	})
}

// changeScopes gives what is chosen now and was not, and takes what was and is not. What somebody else changed meanwhile stays.
func (d *dashboard) changeScopes(x *exchange) error {
	f, err := x.form("scope", "had", "find", "found", "search", "enter")
	if err != nil {
		return err
	}
	m, err := d.Machines.Get(x.ctx(), x.c.Param("id"))
	if err != nil {
		return err
	}
	if f.searches() {
		return d.showScopes(x, http.StatusOK, f, m.Machine)
	}
	add, remove := difference(f.all("scope"), f.all("had")), difference(f.all("had"), f.all("scope"))
	err = d.Machines.ChangeScopes(x.ctx(), x.actor(), string(m.ID), add, remove)
	if err == nil {
		return x.done(d.scopesNotice(x, m.Machine, add, remove), machinePath(m.ID))
	}
	if err := f.take(err, formFields()); err != nil {
		return err
	}
	return d.showScopes(x, http.StatusUnprocessableEntity, f, m.Machine)
}

// scopesNotice tells what the machine may call now, and what not any more.
func (d *dashboard) scopesNotice(x *exchange, m m2m.Machine, add, remove []string) notice {
	n := notice{Text: fmt.Sprintf("The scopes of “%s” are as they were.", m.Name)}
	if len(add)+len(remove) == 0 {
		return n
	}
	var said []string
	if len(add) > 0 {
		text := fmt.Sprintf("“%s” may call %s now, with tokens made from now on", m.Name, d.names(x, add))
		if d.Rule == m2m.Live {
			text += ", and with living ones that had this scope when they were made"
		}
		said = append(said, text)
	}
	if len(remove) > 0 {
		text := "“%s” may not call %s any more: tokens are refused there at once, wherever this server is asked"
		if d.Rule == m2m.Snapshot {
			text = "“%s” may not call %s with tokens made from now on. Those made before stay good there until they end, by this server's rule (DUALMINT_SCOPE_CHECK=snapshot): revoke them if they must not"
		}
		said = append(said, fmt.Sprintf(text, m.Name, d.names(x, remove)))
	}
	n.Text = strings.Join(said, ". ") + "."
	u := &undo{Label: "Change it back", Path: machinePath(m.ID) + "/scopes"}
	for _, id := range add {
		u.Fields = append(u.Fields, undoPair{"had", id})
	}
	for _, id := range remove {
		u.Fields = append(u.Fields, undoPair{"scope", id})
	}
	n.Undo = u
	return n
}

// names says the names of a few machines, or how many they are.
func (d *dashboard) names(x *exchange, ids []string) string {
	const few = 3
	if len(ids) > few {
		return plural(len(ids), "machine")
	}
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = "“" + id + "”"
		if m, err := d.Machines.Get(x.ctx(), id); err == nil {
			out[i] = "“" + m.Name + "”"
		}
	}
	return strings.Join(out, ", ")
}

// difference gives what is in a and not in b.
func difference(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(id string) bool { return slices.Contains(b, id) })
}
