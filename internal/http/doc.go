// Package httpapi is the JSON API: what the wire contract says, spoken over HTTP by way of gin.
//
// It owns routes, the strict reading of requests, the shape of answers, the one table from errors to public ones, rate limits and the
// request log. It refuses to know storage, and decides nothing about machines and tokens: it asks the small interfaces of server.go.
//
// Invariants: identity comes from the Authorization header alone; every refusal of a token is one answer; no input causes a 5xx; no
// credential and no body reaches a log; an error that the table does not know is a 500 that says nothing. Hot: verify.go and
// answer.go. Start reading at router.go.
package httpapi
