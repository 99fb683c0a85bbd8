package dashboard

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"runtime"
	"strings"
)

// finish is deferred. A panic is answered with a 500 that says nothing; when an answer had begun already, the connection is cut, as it is for
// http.ErrAbortHandler.
func (d *dashboard) finish(x *exchange) {
	p := recover()
	if p == nil {
		d.log(x)
		return
	}
	cut := x.c.Writer.Written()
	if p != http.ErrAbortHandler { //nolint:errorlint // a value that was thrown, and wraps nothing
		x.cause = panicCause(p)
	}
	if !cut {
		d.fail(x, x.cause)
	}
	d.log(x)
	if cut {
		panic(http.ErrAbortHandler)
	}
}

// log writes one line: never a query string, a form or a cookie (R61). Its values are of our own making, so that a client cannot shape the
// line (R62).
func (d *dashboard) log(x *exchange) {
	status := x.c.Writer.Status()
	level := slog.LevelInfo
	switch {
	case x.cause != nil && status == http.StatusServiceUnavailable:
		level = slog.LevelWarn
	case x.cause != nil:
		level = slog.LevelError
	}
	ctx := x.ctx()
	if !d.Logger.Enabled(ctx, level) {
		return
	}
	route := x.c.FullPath()
	if route == "" {
		route = "none"
	}
	by := x.actor()
	attrs := []slog.Attr{
		slog.String("method", methodName(x.c.Request.Method)), slog.String("route", route), slog.Int("status", status),
		slog.Duration("duration", d.Now().Sub(x.start)), slog.Int("bytes", max(x.c.Writer.Size(), 0)), slog.String("trace_id", x.trace),
		slog.String("session", by.Session), slog.String("address", by.Address),
	}
	if x.cause != nil {
		attrs = append(attrs, slog.String("error", scrub(x.cause.Error())))
	}
	d.Logger.LogAttrs(ctx, level, "page", attrs...)
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
	return regexp.MustCompile(`(?:sk|ak|mt|ds|fl)_[!-~]{16,}|eyJ[!-~]{8,}`).ReplaceAllString(text, "[secret]")
}

// panicCause says where a panic came from without repeating its value, which may hold anything.
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
		if !more || strings.Contains(f.Function, "(*dashboard).guarded") {
			break
		}
	}
	return fmt.Errorf("panic: %s at %s", what, strings.Join(at, " < "))
}
