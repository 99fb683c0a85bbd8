package dashboard

import (
	"net/http"
	"net/url"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
	"github.com/dualmint/dualmint/internal/tokens"
)

const (
	machinesPath    = Root + "/machines"
	machinesAPage   = 25
	callersShown    = 40
	sectionMachines = "Machines"
)

func (d *dashboard) machineRoutes(r routes) {
	r.get("/machines", d.listMachines)
	r.get("/machines/:id", d.showMachine)
}

// machinePath is the page of a machine.
func machinePath(id m2m.MachineID) string { return machinesPath + "/" + string(id) }

// machineList is the page of all machines.
type machineList struct {
	Text     string // searched for
	Order    string
	Orders   []option
	Page     machines.Page
	Living   map[m2m.MachineID]string // tokens, of those that have any
	Previous string                   // addresses; empty: none
	Next     string
	Teach    snippets // shown while there is no machine
}

// machineOrders are the orders of the list (R19).
func machineOrders() []option {
	return []option{
		{Value: "newest", Label: "Newest first"},
		{Value: "oldest", Label: "Oldest first"},
		{Value: "name", Label: "Name, A to Z"},
		{Value: "name-desc", Label: "Name, Z to A"},
	}
}

func (d *dashboard) listMachines(x *exchange) error {
	q := machines.PageQuery{Text: x.search("q"), Limit: machinesAPage}
	order := x.query("order")
	switch order {
	case "oldest":
		q.Asc = true
	case "name":
		q.ByName, q.Asc = true, true
	case "name-desc":
		q.ByName = true
	default:
		order = "newest"
	}
	if from, ok := m2m.ParseMachineID(x.query("before")); ok {
		q.From, q.Back = from, true
	}
	if from, ok := m2m.ParseMachineID(x.query("after")); ok {
		q.From, q.Back = from, false
	}
	found, err := d.Machines.Page(x.ctx(), q)
	if err != nil {
		return err
	}
	v := machineList{Text: q.Text, Order: order, Orders: choose(order, machineOrders()...), Page: found, Teach: d.teach(nil)}
	if v.Living, err = d.living(x, found.Machines); err != nil {
		return err
	}
	if n := len(found.Machines); n > 0 {
		if found.Previous {
			v.Previous = listAddress(v, "before", found.Machines[0].ID)
		}
		if found.Next {
			v.Next = listAddress(v, "after", found.Machines[n-1].ID)
		}
	}
	return x.show(http.StatusOK, page{Name: "machines", Title: "Machines", Section: sectionMachines, Body: v})
}

// living counts the living tokens of machines, and says where counting stopped.
func (d *dashboard) living(x *exchange, list []machines.Summary) (map[m2m.MachineID]string, error) {
	ids := make([]m2m.MachineID, len(list))
	for i, m := range list {
		ids[i] = m.ID
	}
	counts, err := d.Tokens.Living(x.ctx(), ids)
	if err != nil {
		return nil, err
	}
	out := make(map[m2m.MachineID]string, len(counts))
	for id, n := range counts {
		out[id] = d.countedOf(id, n)
	}
	return out, nil
}

// countedOf writes how many living tokens a machine has.
func (d *dashboard) countedOf(id m2m.MachineID, n int) string {
	return d.counted(int64(n), tokens.CountedLiving, tokens.Counted{Machine: id})
}

// counted writes a number of living tokens. Where counting stopped, it is what they were when all were last counted, or has a plus behind it.
func (d *dashboard) counted(n, most int64, of tokens.Counted) string {
	if n < most {
		return number(n)
	}
	if all, at, known := d.Tally.Of(of); known && all >= n {
		return "about " + number(all) + " (at " + at.UTC().Format("15:04") + " UTC)"
	}
	return number(n) + "+"
}

// listAddress is another page of the same list.
func listAddress(v machineList, side string, id m2m.MachineID) string {
	to := url.Values{side: {string(id)}}
	if v.Text != "" {
		to.Set("q", v.Text)
	}
	if v.Order != "newest" {
		to.Set("order", v.Order)
	}
	return machinesPath + "?" + to.Encode()
}

// machineView is the page of one machine.
type machineView struct {
	machines.Detail
	Callers     []m2m.Machine // by name
	MoreCallers bool
	Living      string    // tokens
	Previous    time.Time // until when the secret before the current one works; zero: it does not
	Teach       snippets
}

func (d *dashboard) showMachine(x *exchange) error {
	m, err := d.Machines.Get(x.ctx(), x.c.Param("id"))
	if err != nil {
		return err
	}
	callers, err := d.Machines.CallersOf(x.ctx(), string(m.ID), callersShown+1)
	if err != nil {
		return err
	}
	v := machineView{Detail: m, Callers: callers, Teach: d.teach(&m.Machine)}
	living, err := d.Tokens.Living(x.ctx(), []m2m.MachineID{m.ID})
	if err != nil {
		return err
	}
	v.Living = d.countedOf(m.ID, living[m.ID])
	if v.Previous, err = d.Machines.PreviousSecretEnds(x.ctx(), string(m.ID)); err != nil {
		return err
	}
	if len(callers) > callersShown {
		v.Callers, v.MoreCallers = callers[:callersShown], true
	}
	return x.show(http.StatusOK, page{Name: "machine", Title: m.Name, Section: sectionMachines, Body: v})
}
