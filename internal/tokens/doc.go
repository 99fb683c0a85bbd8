// Package tokens has the verbs: issue, verify, revoke, list. It is the one place where both formats pass through the same
// numbered steps, so that neither can forget one.
//
// It owns how long a token lives, what claims may say, when a token is handed out again, and the order of the checks. It refuses to
// know how either format is written (m2m.Mode), and SQL. Its invariants: nothing leaves before it is recorded and billed in one
// commit; a token that is not good gets the same answer whatever the reason; doubt denies. Start reading at verify.go and issue.go.
//
// Hot: one verification costs one hash, at most one signature check, and a place in one store call.
package tokens
