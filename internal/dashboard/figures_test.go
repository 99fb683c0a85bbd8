package dashboard

import (
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dualmint/dualmint/internal/audit"
	"github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
	"github.com/dualmint/dualmint/internal/usage"
)

const (
	kidActive = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	kidNext   = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
)

func get(t *testing.T, w *world, path string) string {
	t.Helper()
	out := w.send(http.MethodGet, Root+path, nil, signedIn)
	if out.Code != http.StatusOK {
		t.Fatalf("%s: %d", path, out.Code)
	}
	return out.Body.String()
}

func end(n int) machines.End {
	return machines.End{ID: m2m.MachineID(fmt.Sprintf("mch_%027d", n)), Name: fmt.Sprintf("machine %d", n)}
}

func edge(from, to int, verified int64) machines.Edge {
	return machines.Edge{From: end(from), To: end(to), Scope: true, Verified: verified}
}

func TestDollarsAreExactAndEstimatesAreCents(t *testing.T) {
	for nanos, want := range map[int64][2]string{
		0: {"$0.00", "$0.00"}, 1: {"$0.000000001", "$0.01"}, 1_000_000: {"$0.001", "$0.01"}, 5_000_000: {"$0.005", "$0.01"},
		1_234_500_000_000: {"$1,234.50", "$1,234.50"}, 999_995_000_000: {"$999.995", "$1,000.00"}, 100_000_000: {"$0.10", "$0.10"},
	} {
		if got := [2]string{dollars(nanos), about(nanos)}; got != want {
			t.Errorf("%d: %q, want %q", nanos, got, want)
		}
	}
}

func TestChartsShowEveryFigureAndKeepSmallOnesVisible(t *testing.T) {
	start := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	kinds := func(opaque, jwt int64) usage.Kinds {
		return usage.Kinds{CreatedOpaque: usage.Amounts{Usage: opaque}, CreatedJWT: usage.Amounts{Usage: jwt}}
	}
	c := chartsOf([]usage.HourOf{
		{Start: start.Add(-time.Hour), Kinds: kinds(9, 9)},
		{Start: start, Kinds: kinds(1, 0)},
		{Start: start.Add(25 * time.Hour), Kinds: kinds(600_000, 400_000)},
		{Start: start.Add(26 * time.Hour), Kinds: kinds(0, 1)},
	}, start, start.AddDate(0, 0, 3), 24*time.Hour, nil)
	bars := c.Created.Bars
	if len(bars) != 3 || bars[0].Label != "2026-05-01: 1 opaque, 0 JWT" || bars[1].Label != "2026-05-02: 600,000 opaque, 400,001 JWT" {
		t.Fatalf("%+v", bars)
	}
	if bars[0].Lower.Height != 1 || bars[0].Upper.Height != 0 || bars[2].Lower.Height != 0 {
		t.Errorf("heights of one and of none: %+v", bars)
	}
	if both := bars[1].Lower.Height + bars[1].Upper.Height; both != plotHeight || bars[1].Upper.Y != plotTop || bars[1].Lower.Height != 78 {
		t.Errorf("the highest bar: %+v", bars[1])
	}
	if len(c.Rows) != 2 {
		t.Errorf("%d rows, want the two days on which something was counted", len(c.Rows))
	}
}

// The picture is of the right machines, whatever their number, and stays within its bounds.
func TestTheGraphIsDrawnForAnyNumberOfMachines(t *testing.T) {
	for _, n := range []int{1, 2, 30, 60} {
		var edges []machines.Edge
		for i := range n {
			edges = append(edges, edge(i, (i*7+1)%n, int64(i)))
		}
		p := drawEdges(edges)
		if len(p.Lines) != n || len(p.Nodes) < n {
			t.Fatalf("%d edges: %d lines, %d nodes", n, len(p.Lines), len(p.Nodes))
		}
		rows := map[string]bool{}
		for _, node := range p.Nodes {
			at := fmt.Sprint(node.X, node.Y)
			if rows[at] || node.Y < headRoom || node.Y > p.Height {
				t.Errorf("%d edges: %q lies at %s in a height of %d", n, node.Name, at, p.Height)
			}
			rows[at] = true
		}
	}
}

func TestLinesOfTheGraphSayWhatTheyAre(t *testing.T) {
	gone := edge(1, 3, 5)
	gone.Scope = false
	var got []string
	for _, l := range drawEdges([]machines.Edge{edge(1, 2, 1000), edge(1, 4, 0), gone}).Lines {
		got = append(got, l.Class+" "+l.Label+" "+l.Title)
	}
	want := []string{
		"busy 1,000 machine 1 may call machine 2: 1,000 verified", "quiet  machine 1 may call machine 4: 0 verified",
		"gone 5 machine 1 may not call any more machine 3: 5 verified",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLongNamesAreShortenedAndNeverCutWithinALetter(t *testing.T) {
	for name, want := range map[string]string{"short": "short", "exactly10!": "exactly10!", "eleven char": "eleven ch…", "支払いサービス": "支払いサ…", "": ""} {
		if got := shorten(name, 10); got != want {
			t.Errorf("%q became %q, want %q", name, got, want)
		}
	}
}

func TestTheGraphSaysWhatItLeavesOut(t *testing.T) {
	w := newWorld(t, local)
	if body := get(t, w, "/graph"); !strings.Contains(body, "Nothing to draw yet") {
		t.Error("no machine: it does not teach")
	}
	w.figures.total = 10_000
	w.figures.scopes = machines.Edges{Edges: []machines.Edge{edge(1, 2, 0)}, More: true}
	for i := range allEdges {
		w.figures.busy.Edges = append(w.figures.busy.Edges, edge(i, i+1, 7))
	}
	body := get(t, w, "/graph")
	if !strings.Contains(body, "The scopes of 10,000 machines, with those on which something was verified, are more than a picture holds: shown are the 40") || strings.Count(body, "<tr>") != 1+allEdges {
		t.Error("it does not say that these are the busiest forty")
	}
	wellFormed(t, body)
}

// wellFormed reads the pictures of a page as XML.
func wellFormed(t *testing.T, body string) {
	t.Helper()
	for rest := body; strings.Contains(rest, "<svg"); {
		_, after, _ := strings.Cut(rest, "<svg")
		picture, left, _ := strings.Cut(after, "</svg>")
		rest = left
		d := xml.NewDecoder(strings.NewReader("<svg" + picture + "</svg>"))
		d.Strict = true
		for {
			_, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("a picture is not well-formed: %v", err)
			}
		}
	}
}

// R48, R49: a name is text in pictures and tables, and nothing needs an inline style.
func TestNamesAreTextInPictures(t *testing.T) {
	w := newWorld(t, local)
	evil := machines.End{ID: orders, Name: `<script>alert("x")</script>`}
	w.figures.total, w.figures.scopes.Edges = 2, []machines.Edge{{From: evil, To: evil, Scope: true, Verified: 3}}
	w.figures.ends = map[m2m.MachineID]machines.End{orders: evil}
	w.figures.statement.Machines = []usage.MachineOf{{Machine: orders}}
	w.figures.entries = []audit.Entry{{ID: 1, Action: "machine.update", Target: orders, Details: map[string]string{"name": evil.Name}}}
	for _, path := range []string{"/graph", "/usage", "/audit", ""} {
		body := get(t, w, path)
		if strings.Contains(body, evil.Name) || strings.Contains(body, " style=") || strings.Contains(body, "<script>") {
			t.Errorf("%s: a name is markup, or a style is inline", path)
		}
		wellFormed(t, body)
	}
}

func ring(now time.Time, safe time.Time) keys.Overview {
	return keys.Overview{Now: now, SafeToRotate: safe, Policy: keys.DefaultPolicy(time.Hour), Keys: []keys.Forecast{
		{Key: keys.Key{ID: kidActive, State: keys.Active, CreatedAt: now, ActivatedAt: now}, Signed: keys.Signed{Tokens: keys.CountedTokens}},
		{Key: keys.Key{ID: kidNext, State: keys.Announced, CreatedAt: now}},
	}}
}

// A rotation is of the key that its reader saw, is refused with the date, and is forced only by who ticks the box.
func TestARotationSaysWhatWillHappenAndWhyItIsRefused(t *testing.T) {
	w := newWorld(t, local)
	safe := w.now.Add(time.Hour)
	w.figures.ring = ring(w.now, safe)
	body := get(t, w, "/keys/rotate")
	for _, told := range []string{kidActive, kidNext, "10,000&#43; living tokens", "safe from " + moment(safe), `name="force"`} {
		if !strings.Contains(body, told) {
			t.Errorf("the page does not tell %q", told)
		}
	}
	w.figures.refuses = &keys.TooSoonError{SafeFrom: safe, Why: "the next key is not with every verifier yet"}
	out := w.send(http.MethodPost, Root+"/keys/rotate", url.Values{"retire": {kidActive}}, signedIn, sameOrigin)
	if out.Code != http.StatusConflict || !strings.Contains(out.Body.String(), "The next key is not with every verifier yet. It is safe from "+moment(safe)) {
		t.Errorf("%d %s", out.Code, out.Body)
	}
	w.figures.refuses = nil
	out = w.send(http.MethodPost, Root+"/keys/rotate", url.Values{"retire": {kidActive}, "force": {"on"}}, signedIn, sameOrigin)
	if out.Code != http.StatusSeeOther {
		t.Errorf("%d", out.Code)
	}
	if diff := cmp.Diff([]keys.Rotation{{Retire: kidActive}, {Retire: kidActive, Force: true}}, w.figures.rotations); diff != "" {
		t.Error(diff)
	}
	w.figures.ring = ring(w.now, w.now)
	if body := get(t, w, "/keys/rotate"); strings.Contains(body, `name="force"`) {
		t.Error("it offers force although rotating is safe")
	}
}

func sameOrigin(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-origin") }

func TestAKeyIsCompromisedOnlyByWhoTypesItsId(t *testing.T) {
	w := newWorld(t, local)
	w.figures.ring = ring(w.now, w.now)
	path := Root + "/keys/" + kidActive + "/compromise"
	for _, typed := range []string{"", "BBBBBBBB", "AAAAAAA", "aaaaaaaa"} {
		out := w.send(http.MethodPost, path, url.Values{"confirm": {typed}}, signedIn, sameOrigin)
		if out.Code != http.StatusUnprocessableEntity || len(w.figures.given) > 0 {
			t.Errorf("%q: %d, given up %v", typed, out.Code, w.figures.given)
		}
	}
	out := w.send(http.MethodPost, path, url.Values{"confirm": {"AAAAAAAA"}}, signedIn, sameOrigin)
	if out.Code != http.StatusSeeOther || len(w.figures.given) != 1 || w.figures.given[0] != kidActive {
		t.Errorf("%d, given up %v", out.Code, w.figures.given)
	}
	if !strings.Contains(w.sessions.notice, moment(w.now.Add(w.figures.ring.Policy.ForgottenAfter()))) {
		t.Errorf("it does not tell until when verifiers may trust it: %s", w.sessions.notice)
	}
	if out := w.send(http.MethodGet, Root+"/keys/"+kidNext[1:]+"/compromise", nil, signedIn); out.Code != http.StatusNotFound {
		t.Errorf("a key that is not there: %d", out.Code)
	}
}

// Before: who may not have the next key yet. After: nothing that fails then looks as if nothing had been done.
func TestACompromiseSaysWhoHasTheNextKey(t *testing.T) {
	w := newWorld(t, local)
	w.figures.ring = ring(w.now, w.now)
	path := "/keys/" + kidActive + "/compromise"
	ready := w.now.Add(w.figures.ring.Policy.AnnounceFor())
	if page := get(t, w, path); !strings.Contains(page, "not every verifier has it before "+moment(ready)) {
		t.Error(page)
	}
	w.figures.ring.Now = ready
	if page := get(t, w, path); !strings.Contains(page, "Every verifier has had time to fetch it") {
		t.Error(page)
	}
	w.figures.overviewFails = m2m.ErrUnavailable
	if out := w.send(http.MethodPost, Root+path, url.Values{"confirm": {"AAAAAAAA"}}, signedIn, sameOrigin); out.Code != http.StatusSeeOther {
		t.Errorf("%d %s", out.Code, out.Body)
	}
}

// R19: filters are from allow-lists; what is not in them is not asked for.
func TestAuditFiltersAreKeptOverPages(t *testing.T) {
	w := newWorld(t, local)
	for i := range auditAPage + 1 {
		w.figures.entries = append(w.figures.entries, audit.Entry{ID: int64(1000 - i), Action: "machine.update", Target: orders})
	}
	body := get(t, w, "/audit?action=machine.update&who=system&target="+orders+"&address=192.0.2.1&until=2026-05-01")
	want := audit.Query{
		Action: "machine.update", Kind: m2m.System, Target: orders, Address: "192.0.2.1", Until: time.Date(2026, 5, 2, 0, 0, 0, 0, time.UTC), Limit: auditAPage + 1,
	}
	if diff := cmp.Diff(want, w.figures.asked[0]); diff != "" {
		t.Error(diff)
	}
	next := "/dashboard/audit?action=machine.update&amp;address=192.0.2.1&amp;before=951&amp;target=" + orders + "&amp;until=2026-05-01&amp;who=system"
	if !strings.Contains(body, `rel="next" href="`+next) {
		t.Error("the next page does not begin behind the last entry with the same filters")
	}
	get(t, w, "/audit?action=drop&who=everybody&until=yesterday&before=-1")
	if diff := cmp.Diff(audit.Query{Limit: auditAPage + 1}, w.figures.asked[1]); diff != "" {
		t.Error(diff)
	}
}

// R49
func TestAuditCSVHasEveryColumnAndNoFormula(t *testing.T) {
	w := newWorld(t, local)
	w.figures.entries = []audit.Entry{{
		ID: 7, At: w.now, Actor: m2m.Actor{Kind: m2m.Operator, Address: "192.0.2.1", Session: "=1+1", TraceID: "t"}, Action: "machine.update",
		Target: "@SUM(A1)", Details: map[string]string{"name": "=HYPERLINK(1)"},
	}}
	rows, err := csv.NewReader(strings.NewReader(get(t, w, "/audit.csv"))).ReadAll()
	want := []string{"7", "2026-05-01T12:00:00.000Z", "instance_key", "", "192.0.2.1", "'=1+1", "t", "machine.update", "'@SUM(A1)", `{"name":"=HYPERLINK(1)"}`}
	if err != nil || len(rows) != 2 || cmp.Diff(want, rows[1]) != "" {
		t.Errorf("%v %q", err, rows)
	}
}

func TestAuditNamesMachinesAndCountsMany(t *testing.T) {
	ends := map[m2m.MachineID]machines.End{end(1).ID: end(1), end(2).ID: {ID: end(2).ID, Name: "gone", Deleted: true}}
	for details, want := range map[string]string{
		string(end(1).ID): "to machine: machine 1", string(end(1).ID + " " + end(2).ID): "to machine: machine 1, gone",
		strings.TrimSpace(strings.Repeat(string(end(1).ID)+" ", 4)): "to machine: 4 machines", "plain words": "to machine: plain words",
	} {
		v := viewEntry(audit.Entry{Target: string(end(2).ID), Details: map[string]string{"to_machine_id": details}}, ends)
		if v.Details != want || v.Name != "gone" || v.Link != "" {
			t.Errorf("%q: %q, want %q; %+v", details, v.Details, want, v)
		}
	}
}

// A month begins with nothing; that is no first start.
func TestTheFirstTokenIsTaughtOnce(t *testing.T) {
	const lesson = "Ask for the first token"
	w := newWorld(t, local)
	w.figures.total, w.figures.ring = 1, ring(w.now, w.now)
	if !strings.Contains(get(t, w, ""), lesson) {
		t.Error("it is not taught")
	}
	w.figures.before = &usage.Statement{End: monthStart(w.now), Kinds: usage.Kinds{CreatedOpaque: usage.Amounts{Usage: 1}}}
	if strings.Contains(get(t, w, ""), lesson) {
		t.Error("it is taught to who made tokens last month")
	}
}

func TestTheOverviewWarns(t *testing.T) {
	w := newWorld(t, "http://dualmint.example")
	w.figures.total = 1
	w.figures.ring = ring(w.now.Add(-40*24*time.Hour), w.now)
	w.figures.ring.Now, w.figures.ring.Keys = w.now, w.figures.ring.Keys[:1]
	w.figures.statement.Create = usage.Outlook{Rate: usage.Rate{Free: 10}}
	w.figures.entries = []audit.Entry{{At: w.now.Add(-time.Hour), Action: "session.sign_in_refused"}, {At: w.now.Add(-25 * time.Hour), Action: "session.sign_in_refused"}}
	body := get(t, w, "")
	for _, told := range []string{"10 days ago", "No key is announced", "1 failed sign-in in the last 24 hours", "plain HTTP", "free creations are used up"} {
		if !strings.Contains(body, told) {
			t.Errorf("it does not warn %q", told)
		}
	}
	calm := newWorld(t, local)
	calm.figures.total = 1
	calm.figures.ring = ring(calm.now, calm.now)
	if body := get(t, calm, ""); strings.Contains(body, `class="warning"`) {
		t.Error("it warns of nothing")
	}
}

func TestUsageAsksForNoMonthThatIsNotThere(t *testing.T) {
	w := newWorld(t, local)
	for asked, want := range map[string]string{
		"": "May 2026", "?month=2026-02&day=2026-03-01": "February 2026", "?month=2026-06": "May 2026", "?month=1999-01": "May 2026", "?month=nonsense": "May 2026",
	} {
		if body := get(t, w, "/usage"+asked); !strings.Contains(body, "Usage in "+want) {
			t.Errorf("%q is not %s", asked, want)
		}
	}
	if out := w.send(http.MethodGet, Root+"/usage.csv?start=yesterday", nil, signedIn); out.Code != http.StatusBadRequest {
		t.Errorf("a report of nothing: %d", out.Code)
	}
}

// Every month that a link leads to is one that the page shows.
func TestMonthsEndWhereTheyAreShown(t *testing.T) {
	w := newWorld(t, local)
	if page := get(t, w, "/usage?month=2020-02"); !strings.Contains(page, "month=2020-01\">Month before") || !strings.Contains(page, "month=2020-03\">Month after") {
		t.Error(page)
	}
	if page := get(t, w, "/usage?month=2020-01"); strings.Contains(page, "Month before") || !strings.Contains(page, "January 2020") {
		t.Error(page)
	}
}

// R57: sign-ins that were refused or turned away without an entry of their own are not passed over.
func TestFailedSignInsAreCountedWithThoseThatWereNotRecorded(t *testing.T) {
	w := newWorld(t, local)
	w.figures.entries = []audit.Entry{
		{ID: 2, At: w.now.Add(-time.Hour), Action: "session.sign_in_refused", Actor: m2m.Actor{Kind: m2m.System}, Details: map[string]string{"unrecorded_before": "5000"}},
		{ID: 1, At: w.now.Add(-25 * time.Hour), Action: "session.sign_in_refused", Actor: m2m.Actor{Kind: m2m.System}},
	}
	if page := get(t, w, ""); !strings.Contains(page, "1 failed sign-in in the last 24 hours, and 5,000 before them that were not recorded one by one.") {
		t.Error(page)
	}
	if page := get(t, w, "/audit"); !strings.Contains(page, "not recorded one by one: 5000") || !strings.Contains(page, "Nobody known") {
		t.Error(page)
	}
	w.figures.entries[0].Details = nil
	if page := get(t, w, ""); !strings.Contains(page, ">1 failed sign-in in the last 24 hours.") {
		t.Error(page)
	}
}
