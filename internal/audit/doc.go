// Package audit names what is recorded of every administrative change and of every view of a machine secret: who, what, when, to
// what, from where.
//
// It owns the shape of an entry and of a query, and nothing else. It writes nothing: each change is recorded by the store in the
// transaction that makes it (R63), so that there is no change without its entry and no entry without its change. The record is
// append-only, and the database itself refuses to alter or remove an entry. It refuses to know what the actions mean; each store
// contract names the actions that its methods record. No entry ever holds a credential. Start reading at store.go.
package audit
