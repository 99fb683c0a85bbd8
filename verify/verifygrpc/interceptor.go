package verifygrpc

// Cost of a call: verify's own, and one context; of a stream besides, one small wrapper. A stream is judged when it begins.

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/dualmint/dualmint/verify"
)

// field is the metadata key that carries the token, as the HTTP field of that name does (RFC 6750 section 2.1).
const field = "authorization"

// Unary lets calls through that carry a good token, with its Grant in their context, and ends the others with Unauthenticated or
// Unavailable.
func Unary(v *verify.Verifier) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		ctx, err := admit(ctx, v)
		if err != nil {
			return nil, err
		}
		return next(ctx, req)
	}
}

// Stream is Unary for streams. The token is judged when the stream begins: one that lives on after its token's end or revocation is for
// the handler to end, which finds the end in the Grant.
func Stream(v *verify.Verifier) grpc.StreamServerInterceptor {
	return func(server any, s grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
		ctx, err := admit(s.Context(), v)
		if err != nil {
			return err
		}
		return next(server, &stream{ServerStream: s, ctx: ctx})
	}
}

// UnaryRequireScope lets calls through whose token's machine may call this machine too. It stands behind Unary; without a Grant the call
// ends with Unauthenticated, without the scope with PermissionDenied.
func UnaryRequireScope(machine string) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		if err := permit(ctx, machine); err != nil {
			return nil, err
		}
		return next(ctx, req)
	}
}

// StreamRequireScope is UnaryRequireScope for streams, behind Stream.
func StreamRequireScope(machine string) grpc.StreamServerInterceptor {
	return func(server any, s grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
		if err := permit(s.Context(), machine); err != nil {
			return err
		}
		return next(server, s)
	}
}

// admit gives the context of a call that may go on.
func admit(ctx context.Context, v *verify.Verifier) (context.Context, error) {
	g, err := v.VerifyAuthorization(ctx, metadata.ValueFromIncomingContext(ctx, field))
	switch {
	case err == nil && g != nil:
		return verify.NewContext(ctx, g), nil
	case errors.Is(err, verify.ErrRefused):
		return nil, status.Error(codes.Unauthenticated, "unauthenticated")
	default:
		return nil, status.Error(codes.Unavailable, "cannot verify now")
	}
}

func permit(ctx context.Context, machine string) error {
	g, ok := verify.FromContext(ctx)
	switch {
	case !ok:
		return status.Error(codes.Unauthenticated, "unauthenticated")
	case !g.HasScope(machine):
		return status.Error(codes.PermissionDenied, "permission denied")
	default:
		return nil
	}
}

// stream is a stream whose context has the Grant.
type stream struct {
	grpc.ServerStream
	ctx context.Context //nolint:containedctx // what a ServerStream is asked for
}

// Context gives the context that the handler sees.
func (s *stream) Context() context.Context { return s.ctx }
