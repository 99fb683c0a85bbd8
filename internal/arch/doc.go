// Package arch holds the structure of this repository as tests: imports point down, libraries stay in their rooms, every package
// explains itself, no file outgrows its name. It has no code of its own. Start reading at arch_test.go.
package arch
