package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"runtime"
	"strings"

	"github.com/dualmint/dualmint/internal/m2m"
)

// finish is deferred. A panic is answered with a 500 that says nothing; when an answer had begun already, the connection is cut, so
// that half an answer is never taken for a whole one.
func (a *api) finish(x *exchange) {
	p := recover()
	if p == nil {
		a.log(x)
		a.forget(x)
		return
	}
	cut := x.c.Writer.Written()
	x.cause = panicCause(p)
	if !cut {
		a.fail(x, x.cause)
	}
	a.log(x)
	if cut {
		panic(http.ErrAbortHandler)
	}
}

// forget keeps the memory of an exchange that is over for another.
func (a *api) forget(x *exchange) {
	if x.over {
		*x = exchange{}
		a.exchanges.Put(x)
	}
}

// log writes one line: never a query string, a body or a credential (R61). Its values are of our own making, so that a client cannot
// shape the line (R62).
func (a *api) log(x *exchange) {
	status := x.c.Writer.Status()
	level := slog.LevelInfo
	switch {
	case errors.Is(x.cause, context.Canceled) && !errors.Is(x.cause, m2m.ErrUnavailable):
		x.reason = "the client hung up" // the impatience of clients, and of whoever has no credential, is no alarm
	case x.cause != nil && status == http.StatusServiceUnavailable:
		level = slog.LevelWarn
	case x.cause != nil:
		level = slog.LevelError
	}
	ctx := x.ctx()
	if !a.Logger.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 11)
	attrs = append(attrs,
		slog.String("method", methodName(x.c.Request.Method)),
		slog.String("route", routeName(x.c.FullPath())),
		slog.Int("status", status),
		slog.Duration("duration", a.Now().Sub(x.start)),
		slog.Int("bytes", max(x.c.Writer.Size(), 0)),
		slog.String("trace_id", x.trace),
		slog.String("caller", callerName(x)),
		slog.String("machine_id", string(x.machine)),
		slog.String("address", x.addressText()))
	if x.reason != "" {
		attrs = append(attrs, slog.String("reason", x.reason))
	}
	if x.cause != nil {
		attrs = append(attrs, slog.String("error", scrub(x.cause.Error())))
	}
	a.Logger.LogAttrs(ctx, level, "request", attrs...)
}

func routeName(template string) string {
	if template == "" {
		return "none"
	}
	return template
}

// callerName says who asked. Verifications prove their caller in the transaction that checks the token, which does not tell here whose
// credential it was: that is unproven, not unknown.
func callerName(x *exchange) string {
	switch {
	case x.kind != "":
		return string(x.kind)
	case x.unproven != "":
		return "unproven"
	default:
		return "unknown"
	}
}

// scrub is the last net under errors from below: what looks like a credential or a JWT does not reach the log, and neither does a
// control character.
func scrub(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	// Compiled here because it runs on a 5xx alone.
	return regexp.MustCompile(`(?:sk|ak|mt)_[!-~]{16,}|eyJ[!-~]{8,}|(?i:bearer)\s+\S+`).ReplaceAllString(text, "[secret]")
}

// panicCause says where a panic came from without repeating its value, which may hold anything. What the runtime itself says of an
// index or a nil pointer holds no data.
func panicCause(p any) error {
	what := fmt.Sprintf("%T", p)
	if err, ok := p.(error); ok {
		if fault, ok := errors.AsType[runtime.Error](err); ok {
			what = fault.Error()
		}
	}
	pcs := make([]uintptr, 24)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(4, pcs)])
	var at []string
	for {
		f, more := frames.Next()
		at = append(at, fmt.Sprintf("%s:%d", f.Function, f.Line))
		if !more || strings.Contains(f.Function, "(*api).probe") {
			break
		}
	}
	return fmt.Errorf("panic: %s at %s", what, strings.Join(at, " < "))
}
