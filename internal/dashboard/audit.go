package dashboard

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dualmint/dualmint/internal/audit"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
)

const (
	auditPath    = Root + "/audit"
	sectionAudit = "Audit"
	auditAPage   = 50
	// detailLetters is how much of one detail a page shows; the CSV has all of it.
	detailLetters = 40
	auditASlice   = 500 // entries of a CSV that are held at once
)

// Audit reads what was done. Errors are those of audit.Store.
type Audit interface {
	AuditEntries(ctx context.Context, q audit.Query) ([]audit.Entry, error)
}

func (d *dashboard) auditRoutes(r routes) {
	r.get("/audit", d.auditPage)
	r.get("/audit.csv", d.auditCSV)
}

// auditView is a page of what was done, newest first.
type auditView struct {
	Action, Who            field
	Target, Address, Until string
	Entries                []entryView
	Chosen                 bool   // something was filtered for
	Older, Newest          string // addresses; empty: none
	File                   string
}

// entryView is one entry.
type entryView struct {
	audit.Entry
	Who     string
	Machine machines.End // who acted, if a machine did
	Target  string
	Name    string // of the target; empty: it has none
	Link    string // to the target; empty: none
	Details string
	Alarm   bool // somebody was refused
}

// actions are what can be filtered for (R19): what the stores record.
func actions() []string {
	return []string{
		"instance.key_changed", "key.active", "key.announced", "key.compromised", "key.removed", "key.retiring", "machine.create", "machine.delete",
		"machine.secret_rotated", "machine.secret_viewed", "machine.update", "master_key.resealed", "scope.add", "scope.remove", "session.sign_in", "session.sign_in_refused",
		"session.sign_out", "session.sign_out_everywhere", "token.create", "token.revoke", "token.revoke_all",
	}
}

func whoOptions() []option {
	return []option{
		{Value: "", Label: "Anybody"},
		{Value: string(m2m.Operator), Label: "Operator"},
		{Value: string(m2m.MachineHolder), Label: "A machine"},
		{Value: string(m2m.System), Label: "The service itself"},
	}
}

// auditQuery reads the filters; the parameters are those that they make the next address from.
func auditQuery(x *exchange) (audit.Query, url.Values) {
	var q audit.Query
	to := url.Values{}
	if action := x.query("action"); slices.Contains(actions(), action) {
		q.Action = action
		to.Set("action", action)
	}
	if who := x.query("who"); who != "" && slices.ContainsFunc(whoOptions(), func(o option) bool { return o.Value == who }) {
		q.Kind = m2m.ActorKind(who)
		to.Set("who", who)
	}
	if q.Target = strings.TrimSpace(x.search("target")); q.Target != "" {
		to.Set("target", q.Target)
	}
	if q.Address = strings.TrimSpace(x.search("address")); q.Address != "" {
		to.Set("address", q.Address)
	}
	if day, err := time.Parse(time.DateOnly, x.query("until")); err == nil {
		q.Until = day.AddDate(0, 0, 1) // the day itself is in it
		to.Set("until", day.Format(time.DateOnly))
	}
	return q, to
}

func (d *dashboard) auditPage(x *exchange) error {
	q, to := auditQuery(x)
	v := auditView{
		Target: q.Target, Address: q.Address, Until: to.Get("until"), Chosen: len(to) > 0,
		Who: field{Name: "who", Label: "Who", Options: choose(string(q.Kind), whoOptions()...)},
	}
	options := []option{{Value: "", Label: "Anything"}}
	for _, a := range actions() {
		options = append(options, option{Value: a, Label: a})
	}
	v.Action = field{Name: "action", Label: "What", Options: choose(q.Action, options...)}
	v.File = auditPath + ".csv?" + to.Encode()
	if before, err := strconv.ParseInt(x.query("before"), 10, 64); err == nil && before > 0 {
		q.Before = before
		v.Newest = auditPath + "?" + to.Encode()
	}
	q.Limit = auditAPage + 1
	entries, err := d.Audit.AuditEntries(x.ctx(), q)
	if err != nil {
		return err
	}
	if len(entries) > auditAPage {
		entries = entries[:auditAPage]
		to.Set("before", strconv.FormatInt(entries[auditAPage-1].ID, 10))
		v.Older = auditPath + "?" + to.Encode()
	}
	if v.Entries, err = d.viewEntries(x, entries); err != nil {
		return err
	}
	return x.show(http.StatusOK, page{Name: "audit", Title: "Audit log", Section: sectionAudit, Body: v})
}

// viewEntries finds the names of the machines in entries.
func (d *dashboard) viewEntries(x *exchange, entries []audit.Entry) ([]entryView, error) {
	var ids []m2m.MachineID
	for _, e := range entries {
		texts := []string{e.Target, string(e.Actor.Machine)}
		for _, value := range e.Details {
			texts = append(texts, idsIn(value)...)
		}
		for _, text := range texts {
			if id, ok := m2m.ParseMachineID(text); ok {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	ends, err := d.Graph.Ends(x.ctx(), slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	out := make([]entryView, len(entries))
	for i, e := range entries {
		out[i] = viewEntry(e, ends)
	}
	return out, nil
}

func viewEntry(e audit.Entry, ends map[m2m.MachineID]machines.End) entryView {
	v := entryView{Entry: e, Target: e.Target, Machine: ends[e.Actor.Machine], Alarm: strings.HasSuffix(e.Action, "_refused")}
	switch e.Actor.Kind {
	case m2m.Operator:
		v.Who = "Operator"
	case m2m.MachineHolder:
		v.Who = "Machine"
	case m2m.System:
		v.Who = "The service itself"
		if v.Alarm {
			v.Who = "Nobody known"
		}
	}
	_, isToken := m2m.ParseTokenID(e.Target)
	switch end, isMachine := ends[m2m.MachineID(e.Target)]; {
	case isMachine && end.Deleted:
		v.Name = end.Name
	case isMachine:
		v.Name, v.Link = end.Name, machinePath(end.ID)
	case isToken:
		v.Link = tokensPath + "/" + e.Target
	case strings.HasPrefix(e.Action, "key."):
		v.Link = keysPath
	}
	names := make([]string, 0, len(e.Details))
	for name := range e.Details {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		names[i] = detailName(name) + ": " + shorten(withNames(e.Details[name], ends), detailLetters)
	}
	v.Details = inline(strings.Join(names, "; "))
	return v
}

// detailName says in words what a detail is.
func detailName(name string) string {
	if name == unjudged {
		return "refused or turned away before it, and not recorded one by one"
	}
	return strings.ReplaceAll(strings.TrimSuffix(name, "_id"), "_", " ")
}

// unjudged is the detail of a refused sign-in that tells how many more there were.
const unjudged = "unrecorded_before"

// idsIn gives what may be the ids of a few machines, joined by spaces. Of many, a page shows how many they are and not which.
func idsIn(value string) []string {
	const few = 3
	if words := strings.Fields(value); len(words) <= few {
		return words
	}
	return nil
}

// withNames puts names into the place of ids.
func withNames(value string, ends map[m2m.MachineID]machines.End) string {
	words := strings.Fields(value)
	known := 0
	for i, word := range words {
		if _, ok := m2m.ParseMachineID(word); ok {
			known++
		}
		if end, ok := ends[m2m.MachineID(word)]; ok {
			words[i] = end.Name
		}
	}
	switch {
	case known == 0 || known < len(words):
		return value
	case len(idsIn(value)) == 0:
		return plural(known, "machine")
	default:
		return strings.Join(words, ", ")
	}
}
