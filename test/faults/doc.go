// Package faults breaks things under real processes and holds what is left to the promises: servers are killed, connections to the
// database are cut in the middle of a commit, tokens are revoked while everyone verifies them, and ten times the load is offered.
//
// It owns the promise of billing, acknowledged <= billed <= acknowledged + unknown, as clients see it, and the check that a history of
// verifications and revocations could have happened one after the other. It refuses to look inside: what it knows it learned over
// HTTP, from the log of a process, or from the database. Its tests have the build tag faults, because they take minutes: "make faults"
// runs them. Start reading at ledger_test.go, then kill_test.go, cut_test.go and model_test.go.
package faults
