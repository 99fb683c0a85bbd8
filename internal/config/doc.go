// Package config turns the environment, and a .env file below it, into one checked struct.
//
// It owns the names, defaults and bounds of every setting, and the two key files that a first start on SQLite makes beside
// the database. It refuses to know what the settings are for. Its invariants: every fault is told at once and by name, before
// anything starts; no value of a secret is ever part of a message. Start reading at config.go; load.go is the way in.
package config
