// Package dashboard is the operator's browser view of everything: HTML pages under /dashboard from embedded templates and assets, by way
// of gin.
//
// It owns pages, forms, cookies and the headers that fence them in. It refuses to know storage, and decides nothing about machines, tokens
// and keys: it asks the small interfaces of services.go. Everything works without a script; the one script makes it pleasanter.
//
// Invariants: a page is for the holder of a session alone, and who has none is sent to sign in; every change is a POST that came from
// our own pages (R47); what is shown is text, never markup (R49); no page is kept by a browser or a proxy, none can be framed, and none
// asks another host for anything (R48); a secret is in the answer to the POST that asked for it and nowhere else (R50).
//
// A page is one file: its routes, its handlers, its view model; its template has the same name. Start reading at router.go, then
// exchange.go and machines.go.
package dashboard
