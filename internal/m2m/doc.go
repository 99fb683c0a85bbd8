// Package m2m holds the words of the domain: machines, scopes, grants, formats, records and callers.
//
// It owns what those words mean and the one scope rule. It refuses to know how anything is stored, sent or signed, and
// imports nothing but the credential type of internal/secret. Its invariant: a zero value never grants anything. Start reading at grant.go.
package m2m
