// Package verify is for the services that receive Dualmint tokens. It accepts both kinds, opaque tokens through the issuer and JWTs
// offline, and refuses everything else.
//
//	v, err := verify.New(verify.Config{
//		Issuer:  "https://tokens.example.com",
//		Machine: "mch_...",          // who I am: the receiver
//		Secret:  os.Getenv("MACHINE_SECRET"), // for opaque tokens
//	})
//	...
//	http.Handle("/orders", v.Middleware(orders))
//
// chi takes Middleware as it is, echo in echo.WrapMiddleware, gRPC has package verifygrpc, and in gin it is
//
//	router.Use(func(c *gin.Context) {
//		good := false
//		v.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
//			good, c.Request = true, r
//			c.Next()
//		})).ServeHTTP(c.Writer, c.Request)
//		if !good {
//			c.Abort()
//		}
//	})
//
// A Verifier owns its copy of the issuer's key set, which it fetches from one address and keeps through the issuer's outages up to a
// limit, and groups the opaque tokens of concurrent requests into shared calls, each sealed before it is sent, so that a revocation
// is instant here too. It never fails open: an error is either ErrRefused (answer 401) or ErrUnavailable (answer 503), and a nil error
// means a good token for this machine at this moment.
//
// Cost: a JWT seen for the first time is one Ed25519 verification; seen again, one SHA-256 and a look-up; an opaque token is a share of
// one request to the issuer. Start reading at verify.go.
package verify
