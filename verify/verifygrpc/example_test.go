package verifygrpc_test

import (
	"context"
	"fmt"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/dualmint/dualmint/verify"
	"github.com/dualmint/dualmint/verify/verifygrpc"
	"github.com/dualmint/dualmint/verify/verifytest"
)

// A server accepts both kinds of token with one interceptor.
func ExampleUnary() {
	issuer := verifytest.Start() // in a service: the real one, and a verify.Config with its address, the machine's id and secret
	defer issuer.Close()
	v, err := verify.New(issuer.Config())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer v.Close()

	server := grpc.NewServer(grpc.ChainUnaryInterceptor(verifygrpc.Unary(v)), grpc.ChainStreamInterceptor(verifygrpc.Stream(v)))
	defer server.Stop()
	grpc_health_v1.RegisterHealthServer(server, service{}) // your own service; its handlers call verify.FromContext

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() { _ = server.Serve(l) }()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = conn.Close() }()
	for _, token := range []string{issuer.Opaque(verifytest.Token{}), issuer.JWT(verifytest.Token{}), "nonsense"} {
		ctx := metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer "+token)
		_, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
		fmt.Println(status.Code(err))
	}
	// Output:
	// OK
	// OK
	// Unauthenticated
}
