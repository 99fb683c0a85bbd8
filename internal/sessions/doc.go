// Package sessions keeps the operator's sessions in the dashboard: who signed in, until when, and how it ended.
//
// It owns the life of a session (R46): made of 190 random bits for the holder of the instance key or of the one link of the first start,
// kept as a hash, new at every sign-in, over after an hour without use, after half a day in any case, and at once when the instance
// key changes. It refuses to know cookies and pages. Its invariants: sign-ins, refused ones too, and sign-outs are in the audit log, in
// their own transaction; strangers cannot fill that log faster than a budget; doubt is no session. Start reading at service.go.
package sessions
