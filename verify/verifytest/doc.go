// Package verifytest is an issuer for the tests of services that receive Dualmint tokens: in memory, on loopback, with good tokens and bad
// ones of both kinds.
//
//	issuer := verifytest.NewIssuer(t)
//	v, err := verify.New(issuer.Config())
//	...
//	req.Header.Set("Authorization", "Bearer "+issuer.JWT(verifytest.Token{}))     // accepted
//	req.Header.Set("Authorization", "Bearer "+issuer.Opaque(verifytest.Expired())) // refused
//
// Start reading at issuer.go.
package verifytest
