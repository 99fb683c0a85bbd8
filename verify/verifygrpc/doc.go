// Package verifygrpc is verify for gRPC servers: interceptors that let calls through which carry a good token, of both kinds.
//
//	v, err := verify.New(verify.Config{Issuer: "https://tokens.example.com", Machine: "mch_...", Secret: os.Getenv("MACHINE_SECRET")})
//	...
//	server := grpc.NewServer(
//		grpc.ChainUnaryInterceptor(verifygrpc.Unary(v)),
//		grpc.ChainStreamInterceptor(verifygrpc.Stream(v)),
//	)
//
// The token is in the metadata "authorization", as in an HTTP request. Handlers find what it says with verify.FromContext. A call without
// a good token ends with Unauthenticated, one whose token cannot be judged now with Unavailable, and neither says why (R36).
//
// It owns the words of gRPC and nothing of the judgement, which is verify's. Nothing that the issuer or package verify is built of
// imports it, so that gRPC is linked into those programs alone which use it. Start reading at interceptor.go.
package verifygrpc
