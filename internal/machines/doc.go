// Package machines registers the services that call each other: their names, whom each may call, and the secret by which
// each proves itself.
//
// It owns what a valid machine is and the life of its secret: made here, stored as a hash for look-up and sealed for viewing,
// rotated with an overlap. It refuses to know tokens, HTTP and SQL. Its invariants: a deleted machine is nobody, a scope is one-way,
// every change names its actor. Start reading at service.go.
package machines
