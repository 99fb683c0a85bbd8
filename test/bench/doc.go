// Command bench measures the hot path against what it should be measured against, all in one run and in turns: a bare gin echo, pgbench,
// and the server itself with a transaction for each request; and the receiving side (package verify) against the bare mathematics, what
// else there is, and a request for each token.
//
// It owns everything that it compares: a PostgreSQL of its own that syncs every commit, the processes, the load. Its invariants: every
// contestant is driven by the same client on the same machine; contestants take turns, so that a slow moment meets them all; any answer
// but the expected one fails the run; nothing outlives it. Start reading at figures.go.
//
//	go run ./test/bench            the whole table, about five minutes
//	go run ./test/bench -quick     a smoke run: the figures mean nothing
//	go run ./test/bench -soak 10m  memory under load with a million live tokens
package main
