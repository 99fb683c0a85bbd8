package storetest

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
)

func pagingPromises() []promise {
	return []promise{
		{"SearchTakesTextLiterally", searchTakesTextLiterally},
		{"OrderIsBytewise", orderIsBytewise},
		{"PagesCoverEverythingOnce", pagesCoverEverythingOnce},
	}
}

// awkwardNames are what databases disagree about: patterns, quotes, letters beyond ASCII in two cases, sorting of case and of planes.
func awkwardNames() []string {
	return []string{
		"plain", "PLAIN", "Plain two", "100%", "a_b", "axb", `back\slash`, `\%`, "it's", `"quoted"`, "é", "É", "e\u0301", "ß", "SS", "İ", "i", "I", "ı",
		"Ω", "ω", "😀", "\uffee", "z", "Z", "_", "-", "a b", "a-b", "ab", " lead", "?", "$1", "@name", ":x", "[a]", "*", "мир", "МИР",
	}
}

// lower is the oracle's: ASCII and nothing else.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

func names(page []machines.Detail) []string {
	out := make([]string, len(page))
	for i, d := range page {
		out[i] = d.Name
	}
	return out
}

func searchTakesTextLiterally(t *testing.T, s Stores) {
	t.Helper()
	byID := machine(t, s, "found by its id")
	for _, name := range awkwardNames() {
		machine(t, s, name)
	}
	search := func(text string) []string {
		page, total, err := s.Machines(t.Context(), machines.Query{Text: text, ByName: true, Asc: true, Limit: 500})
		must(t, err)
		if total != int64(len(page)) {
			t.Errorf("query %q: %d of %d", text, len(page), total)
		}
		return names(page)
	}
	for _, text := range append(awkwardNames(), "%", "__", `\`, "'", "A", "É", "no such", "*a") {
		var want []string
		for _, name := range append(awkwardNames(), "found by its id") {
			if strings.Contains(lower(name), lower(text)) {
				want = append(want, name)
			}
		}
		slices.Sort(want)
		if got := search(text); !slices.Equal(got, want) {
			t.Errorf("query %q: got %q, want %q", text, got, want)
		}
	}
	if got := search(string(byID)); !slices.Equal(got, []string{"found by its id"}) {
		t.Errorf("by id: %q", got)
	}
	if got := search(string(byID[:20])); len(got) != 0 {
		t.Errorf("by part of an id: %q", got)
	}
	for _, text := range []string{"\x00", "a\x00", "\xff"} { // R56
		if got := search(text); len(got) != 0 {
			t.Errorf("query %q: %q", text, got)
		}
	}
}

// R19
func orderIsBytewise(t *testing.T, s Stores) {
	t.Helper()
	type key struct {
		id   m2m.MachineID
		name string
		at   int64
	}
	var all []key
	for i, name := range append(awkwardNames(), "same", "same", "same") {
		m := aMachine(name)
		m.CreatedAt = moment(i % 5) // many ties
		created(t, s, m)
		all = append(all, key{m.ID, m.Name, m.CreatedAt.UnixMilli()})
	}
	for _, q := range []machines.Query{{}, {Asc: true}, {ByName: true}, {ByName: true, Asc: true}} {
		slices.SortFunc(all, func(a, b key) int {
			c := cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.id, b.id))
			if q.ByName {
				c = cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.id, b.id))
			}
			if !q.Asc {
				c = -c
			}
			return c
		})
		q.Limit = 500
		page, _, err := s.Machines(t.Context(), q)
		must(t, err)
		got := names(page)
		for i, want := range all {
			if i >= len(page) || page[i].ID != want.id {
				t.Errorf("by name %t, ascending %t: place %d is not %q: %q", q.ByName, q.Asc, i, want.name, got)
				break
			}
		}
	}
}

func pagesCoverEverythingOnce(t *testing.T, s Stores) {
	t.Helper()
	const n = 11
	receiver := machine(t, s, "receiver")
	for i := range n {
		machine(t, s, numbered("page", i), receiver)
	}
	seen := map[m2m.MachineID]bool{}
	for offset := 0; ; offset += 4 {
		page, total, err := s.Machines(t.Context(), machines.Query{Text: "PAGE", ByName: true, Limit: 4, Offset: offset})
		must(t, err)
		if total != n {
			t.Errorf("offset %d: %d in all", offset, total)
		}
		if len(page) == 0 {
			break
		}
		for _, d := range page {
			if seen[d.ID] {
				t.Errorf("%s is on two pages", d.Name)
			}
			seen[d.ID] = true
			if !slices.Equal(d.Scopes, m2m.Scopes{receiver}) || len(d.Scoped) != 1 || d.Scoped[0].Name != "receiver" {
				t.Errorf("%s: scopes %v", d.Name, d.Scopes)
			}
		}
	}
	if len(seen) != n {
		t.Errorf("%d of %d are on a page", len(seen), n)
	}
	page, total, err := s.Machines(t.Context(), machines.Query{})
	if len(page) != 0 || total != n+1 || err != nil {
		t.Errorf("no limit is no machines: %d, %d, %v", len(page), total, err)
	}
}
