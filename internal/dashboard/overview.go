package dashboard

import (
	"net/http"
	"strconv"
	"time"

	"github.com/dualmint/dualmint/internal/audit"
	"github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
	"github.com/dualmint/dualmint/internal/usage"
)

const sectionOverview = "Overview"

func (d *dashboard) overviewRoutes(r routes) {
	r.get("", d.overview)
	r.open(http.MethodGet, "/", func(x *exchange) error { return x.redirect(Root) })
}

// overviewView is what is going on, on one page.
type overviewView struct {
	Machines int64
	Month    usage.Statement
	Name     string // of the month
	Amount   string
	Expected string // empty: nothing to go by yet
	Since    string // of the last hour
	LastHour usage.Kinds
	Today    charts
	Active   *keyView // nil: no key signs
	Next     *keyView
	Warnings []warning
	Recent   []entryView
	First    *m2m.Machine // one that has yet to ask for a token, while nobody ever did
	Teach    snippets
	Instance m2m.InstanceID
	Issuer   string
}

// warning is something to look at.
type warning struct {
	Text string
	Link string
	Do   string
}

const recentShown = 6

func (d *dashboard) overview(x *exchange) error {
	now := d.Now().UTC()
	v := overviewView{Instance: d.Instance, Issuer: d.Issuer, Name: now.Format("January"), Teach: d.teach(nil)}
	newest, total, err := d.Graph.List(x.ctx(), machines.Query{Limit: 1})
	if err != nil {
		return err
	}
	v.Machines = total
	if v.Month, err = d.Ledger.Month(x.ctx(), now, 0); err != nil {
		return err
	}
	v.Amount = dollars(v.Month.Total().NanoDollars)
	if v.Month.Create.PaceOf > 0 {
		v.Expected = about(v.Month.Create.ExpectedNanoDollars + v.Month.Verify.ExpectedNanoDollars)
	}
	from := latest(now.Truncate(time.Hour).Add(-time.Hour), v.Month.Start) // what is counted is counted by the hour and kept by the month
	v.Since = from.Format("15:04")
	for _, h := range v.Month.Hours {
		if !h.Start.Before(from) {
			v.LastHour = v.LastHour.Plus(h.Kinds)
		}
	}
	today := now.Truncate(24 * time.Hour)
	v.Today = chartsOf(v.Month.Hours, today, today.Add(24*time.Hour), time.Hour, nil)
	if total > 0 && v.Month.Created().Usage == 0 {
		before, err := d.Ledger.Month(x.ctx(), v.Month.Start.Add(-time.Hour), 0) // a month begins with nothing, and teaches nobody anew
		if err != nil {
			return err
		}
		if before.Total().Usage == 0 {
			v.First, v.Teach = &newest[0].Machine, d.teach(&newest[0].Machine)
		}
	}
	o, err := d.Keys.Overview(x.ctx())
	if err != nil {
		return err
	}
	ring := d.viewRing(o)
	v.Active, v.Next = ring.in(keys.Active), ring.in(keys.Announced)
	entries, err := d.Audit.AuditEntries(x.ctx(), audit.Query{Limit: recentShown})
	if err != nil {
		return err
	}
	if v.Recent, err = d.viewEntries(x, entries); err != nil {
		return err
	}
	if v.Warnings, err = d.warnings(x, v, o); err != nil {
		return err
	}
	return x.show(http.StatusOK, page{Name: "overview", Title: "Overview", Section: sectionOverview, Body: v})
}

// overdueAfter is how late a rotation may be before somebody should look: it is due when a replica next looks at the ring.
const overdueAfter = 10 * time.Minute

// warnings are what an operator would want to be told.
func (d *dashboard) warnings(x *exchange, v overviewView, o keys.Overview) ([]warning, error) {
	var out []warning
	toKeys := func(text string) { out = append(out, warning{text, keysPath, "Look at the keys"}) }
	switch {
	case v.Active == nil:
		toKeys("No key signs: JWTs cannot be made.")
	case o.Policy.DueAt(v.Active.Key).Before(o.Now.Add(-overdueAfter)):
		toKeys("The signing key should have been followed by the next one " + distance(o.Policy.DueAt(v.Active.Key), o.Now) + ".")
	}
	if v.Next == nil {
		toKeys("No key is announced: if the one that signs leaks, verifiers do not have the next one yet.")
	}
	refused, err := d.Audit.AuditEntries(x.ctx(), audit.Query{Action: "session.sign_in_refused", Limit: auditAPage})
	if err != nil {
		return nil, err
	}
	failed, unrecorded := 0, 0
	for _, e := range refused {
		if e.At.After(d.Now().Add(-24 * time.Hour)) {
			failed++
			more, _ := strconv.Atoi(e.Details[unjudged]) // none: there were none
			unrecorded += more
		}
	}
	if failed > 0 {
		text := plural(failed, "failed sign-in") + " in the last 24 hours"
		if failed == auditAPage {
			text = "At least " + text
		}
		if unrecorded > 0 {
			text += ", and " + number(unrecorded) + " before them that were not recorded one by one"
		}
		text += "."
		out = append(out, warning{text, auditPath + "?action=session.sign_in_refused", "Look at them"})
	}
	if !d.secure && !isLoopback(d.host) {
		out = append(out, warning{Text: "The public address is plain HTTP: secrets and tokens can be read on their way. Put HTTPS in front, and set DUALMINT_ISSUER to it."})
	}
	for _, a := range []struct {
		outlook usage.Outlook
		name    string
	}{{v.Month.Create, "creations"}, {v.Month.Verify, "verifications"}} {
		if a.outlook.Free > 0 && a.outlook.FreeLeft == 0 {
			out = append(out, warning{"This month's free " + a.name + " are used up.", usagePath, "Look at usage"})
		}
	}
	return out, nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
