package storetest

import (
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/audit"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/sessions"
)

func sessionPromises() []promise {
	return []promise{
		{"SessionOpensForTheInstanceKeyAlone", sessionOpensForTheInstanceKeyAlone},
		{"SessionIsOverByItsLimits", sessionIsOverByItsLimits},
		{"SessionEndsAtSignOut", sessionEndsAtSignOut},
		{"SessionsEndEverywhereAtOnce", sessionsEndEverywhereAtOnce},
		{"SessionEndsWithItsInstanceKey", sessionEndsWithItsInstanceKey},
		{"SignInEndsTheSessionBefore", signInEndsTheSessionBefore},
		{"FirstLinkOpensOneSession", firstLinkOpensOneSession},
		{"NoticeWaitsForTheNextPage", noticeWaitsForTheNextPage},
		{"RefusedSignInsAreAudited", refusedSignInsAreAudited},
	}
}

// wide are limits that nothing in a test reaches.
func wide() sessions.Limits { return sessions.Limits{Idle: time.Hour, Absolute: 2 * time.Hour} }

func anID() secret.Hash { return secret.HashOf(secret.New(secret.SessionID)) }

// furnished stores an instance and gives its record.
func furnished(t *testing.T, s Stores) (key secret.Hash, target string) {
	t.Helper()
	r := anInstance()
	must(t, s.CreateInstance(t.Context(), r))
	return r.KeyHash, string(r.ID)
}

// inSession is the operator in the session of this id.
func inSession(id secret.Hash) m2m.Actor {
	by := admin()
	by.Session = sessions.Label(id)
	return by
}

// opened opens a session and gives the hash of its id.
func opened(t *testing.T, s Stores, key secret.Hash) secret.Hash {
	t.Helper()
	id := anID()
	must(t, s.OpenSession(t.Context(), inSession(id), key, sessions.Opening{Hash: id}, wide()))
	return id
}

func isOpen(t *testing.T, s Stores, id secret.Hash) bool {
	t.Helper()
	_, err := s.Session(t.Context(), id, wide())
	if err != nil {
		wants(t, "a session that is over", err, m2m.ErrNotFound)
	}
	return err == nil
}

// R46, R63
func sessionOpensForTheInstanceKeyAlone(t *testing.T, s Stores) {
	t.Helper()
	id := anID()
	wants(t, "no instance", s.OpenSession(t.Context(), admin(), secret.HashOf("x"), sessions.Opening{Hash: id}, wide()), m2m.ErrNotFound)
	key, target := furnished(t, s)
	_, holder := created(t, s, aMachine("a"))
	for _, other := range []secret.Hash{{}, secret.HashOf("x"), holder.Hash} { // R2
		wants(t, "another key", s.OpenSession(t.Context(), admin(), other, sessions.Opening{Hash: id}, wide()), m2m.ErrNotFound)
	}
	if isOpen(t, s, id) {
		t.Fatal("a refused sign-in left a session")
	}
	before := time.Now() //nolint:forbidigo // the database's clock is compared with it
	must(t, s.OpenSession(t.Context(), inSession(id), key, sessions.Opening{Hash: id}, wide()))
	found, err := s.Session(t.Context(), id, wide())
	must(t, err)
	if found.Hash != id || found.SignedInAt.Sub(before).Abs() > 5*time.Second || found.Until.Sub(found.SignedInAt) != 2*time.Hour || found.Notice != "" {
		t.Errorf("opened %+v", found)
	}
	entries, err := s.AuditEntries(t.Context(), audit.Query{Action: "session.sign_in", Limit: 9})
	must(t, err)
	if len(entries) != 1 || entries[0].Actor != inSession(id) || entries[0].Target != target || entries[0].Details["by"] != "instance key" {
		t.Errorf("audit: %+v", entries)
	}
}

// R46: idle and absolute, by the database's clock.
func sessionIsOverByItsLimits(t *testing.T, s Stores) {
	t.Helper()
	key, _ := furnished(t, s)
	id := opened(t, s, key)
	for name, l := range map[string]sessions.Limits{
		"idle": {Idle: -time.Second, Absolute: time.Hour}, "absolute": {Idle: time.Hour, Absolute: -time.Second}, "no limits": {},
	} {
		_, err := s.Session(t.Context(), id, l)
		wants(t, name, err, m2m.ErrNotFound)
	}
	if !isOpen(t, s, id) {
		t.Fatal("looking ended it")
	}
	// The next sign-in drops what is over by its limits.
	must(t, s.OpenSession(t.Context(), admin(), key, sessions.Opening{Hash: anID()}, sessions.Limits{Idle: -time.Second, Absolute: time.Hour}))
	if isOpen(t, s, id) {
		t.Error("a session that is over is kept")
	}
}

func sessionEndsAtSignOut(t *testing.T, s Stores) {
	t.Helper()
	key, target := furnished(t, s)
	mine, other := opened(t, s, key), opened(t, s, key)
	for range 2 { // again is no error, and no entry
		must(t, s.EndSession(t.Context(), inSession(mine), mine))
	}
	if isOpen(t, s, mine) || !isOpen(t, s, other) {
		t.Error("not the one session ended")
	}
	entries, err := s.AuditEntries(t.Context(), audit.Query{Action: "session.sign_out", Target: target, Limit: 9})
	must(t, err)
	if len(entries) != 1 || entries[0].Actor != inSession(mine) {
		t.Errorf("audit: %+v", entries)
	}
}

func sessionsEndEverywhereAtOnce(t *testing.T, s Stores) {
	t.Helper()
	key, _ := furnished(t, s)
	one, two := opened(t, s, key), opened(t, s, key)
	n, err := s.EndSessions(t.Context(), inSession(one))
	must(t, err)
	if n != 2 || isOpen(t, s, one) || isOpen(t, s, two) {
		t.Errorf("%d ended", n)
	}
	entries, err := s.AuditEntries(t.Context(), audit.Query{Action: "session.sign_out_everywhere", Limit: 9})
	must(t, err)
	if len(entries) != 1 || entries[0].Details["sessions"] != "2" {
		t.Errorf("audit: %+v", entries)
	}
}

func sessionEndsWithItsInstanceKey(t *testing.T, s Stores) {
	t.Helper()
	key, _ := furnished(t, s)
	id := opened(t, s, key)
	must(t, s.SetInstanceKey(t.Context(), admin(), secret.HashOf("the next one")))
	if isOpen(t, s, id) {
		t.Error("a session outlived the key that opened it")
	}
	wants(t, "the old key", s.OpenSession(t.Context(), admin(), key, sessions.Opening{Hash: anID()}, wide()), m2m.ErrNotFound)
}

// R46: renewed at sign-in.
func signInEndsTheSessionBefore(t *testing.T, s Stores) {
	t.Helper()
	key, _ := furnished(t, s)
	before, next := opened(t, s, key), anID()
	must(t, s.OpenSession(t.Context(), admin(), key, sessions.Opening{Hash: next, Previous: before}, wide()))
	if isOpen(t, s, before) || !isOpen(t, s, next) {
		t.Error("the session before is not replaced")
	}
}

// R6: once, and for its time.
func firstLinkOpensOneSession(t *testing.T, s Stores) {
	t.Helper()
	furnished(t, s)
	link, dead := secret.HashOf(secret.New(secret.FirstLink)), secret.HashOf(secret.New(secret.FirstLink))
	must(t, s.CreateLink(t.Context(), link, time.Minute))
	must(t, s.CreateLink(t.Context(), dead, -time.Second))
	for _, h := range []secret.Hash{dead, {}, anID()} {
		wants(t, "no link", s.OpenSessionByLink(t.Context(), admin(), h, sessions.Opening{Hash: anID()}, wide()), m2m.ErrNotFound)
	}
	ids := make([]secret.Hash, 8)
	errs := together(len(ids), func(i int) error {
		ids[i] = anID()
		return s.OpenSessionByLink(t.Context(), inSession(ids[i]), link, sessions.Opening{Hash: ids[i]}, wide())
	})
	if counts := tally(t, errs, m2m.ErrNotFound); counts[nil] != 1 {
		t.Errorf("of eight at once: %v", counts)
	}
	for i, id := range ids {
		if isOpen(t, s, id) != (errs[i] == nil) {
			t.Errorf("call %d answered %v", i, errs[i])
		}
	}
	entries, err := s.AuditEntries(t.Context(), audit.Query{Action: "session.sign_in", Limit: 9})
	must(t, err)
	if len(entries) != 1 || entries[0].Details["by"] != "link of the first start" {
		t.Errorf("audit: %+v", entries)
	}
}

func noticeWaitsForTheNextPage(t *testing.T, s Stores) {
	t.Helper()
	key, _ := furnished(t, s)
	mine, other := opened(t, s, key), opened(t, s, key)
	for _, text := range []string{`{"text":"é\u0000 <b>"}`, ""} {
		must(t, s.SetNotice(t.Context(), mine, text))
		found, err := s.Session(t.Context(), mine, wide())
		must(t, err)
		if found.Notice != text {
			t.Errorf("notice %q, want %q", found.Notice, text)
		}
	}
	must(t, s.SetNotice(t.Context(), mine, "for me"))
	if found, err := s.Session(t.Context(), other, wide()); err != nil || found.Notice != "" {
		t.Errorf("another session's notice: %q, %v", found.Notice, err)
	}
}

func refusedSignInsAreAudited(t *testing.T, s Stores) {
	t.Helper()
	_, target := furnished(t, s)
	stranger := m2m.Actor{Kind: m2m.System, Address: "192.0.2.9", TraceID: "t"}
	must(t, s.RefuseSignIn(t.Context(), stranger, 0))
	must(t, s.RefuseSignIn(t.Context(), stranger, 412))
	wantsAudit(
		t, s,
		audit.Entry{Actor: stranger, Action: "session.sign_in_refused", Target: target},
		audit.Entry{Actor: stranger, Action: "session.sign_in_refused", Target: target, Details: map[string]string{"unrecorded_before": "412"}},
	)
}
