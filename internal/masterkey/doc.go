// Package masterkey moves everything that is sealed at rest from an old master key to the first of the configured list.
//
// It owns the walk: every table that holds sealed values, in batches, the canary last, so that a process that knows the new key alone
// starts only once nothing needs the old one. It refuses to know tables and places; a Store does. Its invariants: a sealed value is
// replaced only by the same plain text in the same place, and only if it is still what was read (so replicas may write meanwhile); a
// value that does not open is left as it is and told; nothing is logged but numbers (R8, R9). Start reading at reseal.go.
package masterkey
