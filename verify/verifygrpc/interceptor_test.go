package verifygrpc_test

import (
	"context"
	"net"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/dualmint/dualmint/verify"
	"github.com/dualmint/dualmint/verify/verifygrpc"
	"github.com/dualmint/dualmint/verify/verifytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service is gRPC's own health service, with a unary and a streaming method. It answers those alone whose Grant it sees.
type service struct {
	grpc_health_v1.UnimplementedHealthServer
}

func (service) Check(ctx context.Context, _ *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	if g, ok := verify.FromContext(ctx); !ok || g.Machine != verifytest.Caller {
		return nil, status.Error(codes.Internal, "no grant")
	}
	return &grpc_health_v1.HealthCheckResponse{Status: grpc_health_v1.HealthCheckResponse_SERVING}, nil
}

func (s service) Watch(r *grpc_health_v1.HealthCheckRequest, out grpc.ServerStreamingServer[grpc_health_v1.HealthCheckResponse]) error {
	answer, err := s.Check(out.Context(), r)
	if err != nil {
		return err
	}
	return out.Send(answer)
}

// serve starts a real server with these interceptors, and gives a client of it.
func serve(t *testing.T, unary []grpc.UnaryServerInterceptor, streams []grpc.StreamServerInterceptor) grpc_health_v1.HealthClient {
	t.Helper()
	server := grpc.NewServer(grpc.ChainUnaryInterceptor(unary...), grpc.ChainStreamInterceptor(streams...))
	grpc_health_v1.RegisterHealthServer(server, service{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		server.Stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return grpc_health_v1.NewHealthClient(conn)
}

// open makes a verifier of this issuer's tokens.
func open(t *testing.T, issuer *verifytest.Issuer) *verify.Verifier {
	t.Helper()
	v, err := verify.New(issuer.Config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

// call makes both calls with these values of the metadata, and gives how they ended.
func call(t *testing.T, c grpc_health_v1.HealthClient, authorization ...string) map[string]error {
	t.Helper()
	ctx := t.Context()
	for _, a := range authorization {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", a)
	}
	_, unary := c.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	s, err := c.Watch(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err == nil {
		_, err = s.Recv()
	}
	return map[string]error{"unary": unary, "stream": err}
}

// R36: a call goes through with a good token of either kind; refused and cannot-tell are two codes, and say nothing else.
func TestOnlyCallsWithAGoodTokenReachTheHandler(t *testing.T) {
	issuer := verifytest.NewIssuer(t)
	v := open(t, issuer)
	c := serve(t, []grpc.UnaryServerInterceptor{verifygrpc.Unary(v)}, []grpc.StreamServerInterceptor{verifygrpc.Stream(v)})
	opaque, jwt := issuer.Opaque(verifytest.Token{}), issuer.JWT(verifytest.Token{})
	expect := func(name string, code codes.Code, authorization ...string) {
		t.Helper()
		for kind, err := range call(t, c, authorization...) {
			if status.Code(err) != code {
				t.Errorf("%s, %s: %v, want %v", name, kind, err, code)
			}
			for _, a := range authorization {
				if err != nil && strings.Contains(err.Error(), a) {
					t.Errorf("%s, %s: the answer repeats the token: %v", name, kind, err)
				}
			}
			if says := status.Convert(err).Message(); code == codes.Unauthenticated && says != "unauthenticated" {
				t.Errorf("%s, %s: the caller learns %q", name, kind, says)
			}
		}
	}
	expect("opaque", codes.OK, "Bearer "+opaque)
	expect("JWT", codes.OK, "bearer "+jwt)
	expect("none", codes.Unauthenticated)
	expect("two", codes.Unauthenticated, "Bearer "+jwt, "Bearer "+jwt)
	expect("another scheme", codes.Unauthenticated, "Basic "+jwt)
	expect("expired opaque", codes.Unauthenticated, "Bearer "+issuer.Opaque(verifytest.Expired()))
	expect("expired JWT", codes.Unauthenticated, "Bearer "+issuer.JWT(verifytest.Expired()))
	expect("for another", codes.Unauthenticated, "Bearer "+issuer.JWT(verifytest.ForStranger()))
	expect("forged", codes.Unauthenticated, "Bearer "+issuer.Forged(verifytest.Token{}))
	issuer.SetDown(true)
	expect("opaque, issuer down", codes.Unavailable, "Bearer "+opaque)
	expect("JWT, issuer down", codes.OK, "Bearer "+jwt)
}

func TestAScopeIsAskedForBehindTheToken(t *testing.T) {
	issuer := verifytest.NewIssuer(t)
	v := open(t, issuer)
	token := "Bearer " + issuer.JWT(verifytest.Token{})
	first, firstOfStream := verifygrpc.Unary(v), verifygrpc.Stream(v)
	nobody := func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		return next(ctx, req)
	}
	nobodyOfStream := func(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
		return next(srv, s)
	}
	for _, test := range []struct {
		name   string
		unary  grpc.UnaryServerInterceptor
		stream grpc.StreamServerInterceptor
		scope  string
		code   codes.Code
	}{
		{"has it", first, firstOfStream, verifytest.Receiver, codes.OK},
		{"has it not", first, firstOfStream, verifytest.Stranger, codes.PermissionDenied},
		{"nobody looked at the token", nobody, nobodyOfStream, verifytest.Receiver, codes.Unauthenticated},
	} {
		c := serve(t, []grpc.UnaryServerInterceptor{test.unary, verifygrpc.UnaryRequireScope(test.scope)},
			[]grpc.StreamServerInterceptor{test.stream, verifygrpc.StreamRequireScope(test.scope)})
		for kind, err := range call(t, c, token) {
			if status.Code(err) != test.code {
				t.Errorf("%s, %s: %v, want %v", test.name, kind, err, test.code)
			}
		}
	}
}
