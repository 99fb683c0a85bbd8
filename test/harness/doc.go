// Package harness builds the real dualmint binary and runs it as processes that black-box tests talk to over HTTP.
//
// It owns the life of those processes (built once per test binary, started on a loopback port, waited for until ready,
// stopped by process id, logs kept in files) and a thin client of the wire contract. It refuses to know anything of the
// server's inside: whatever a test learns here, a client could learn too. Its invariants: no process outlives its test, no
// two deployments share a key or a database. Start reading at deployment.go.
package harness
