package httpapi

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAPanicIsA500ThatSaysNothing(t *testing.T) {
	for _, p := range []any{"token " + goodToken.Reveal(), errors.New(secretB.Reveal()), 7, outOfRange} {
		w := newWorld(t)
		w.tokens.panics = p
		got := w.call("POST", "/m2m_tokens/verify", secretB, `{"token":"`+goodToken.Reveal()+`"}`)
		wantError(t, got, 500, "internal_clerk_error", "")
		if strings.Contains(got.Body.String(), "panic") || strings.Contains(got.Body.String(), goodToken.Reveal()) {
			t.Errorf("told: %s", got.Body)
		}
		log := w.log.String()
		if !strings.Contains(log, "panic: ") || !strings.Contains(log, "fakes_test") && !strings.Contains(log, "(*fakeTokens).did") || strings.Count(log, "\n") != 1 {
			t.Errorf("log %s", log)
		}
		if strings.Contains(log, goodToken.Reveal()) || strings.Contains(log, secretB.Reveal()) {
			t.Errorf("the panic's value is in the log: %s", log)
		}
	}
}

var outOfRange = func() (p any) { // a runtime error, as the runtime throws it
	defer func() { p = recover() }()
	return []int{}[len(goodToken)]
}()

func TestAPanicAfterTheAnswerBeganCutsTheConnection(t *testing.T) {
	w := newWorld(t)
	a := newAPI(w.deps)
	e := a.engine()
	e.GET("/late", a.do(area{}, func(x *exchange) error {
		x.send(200, []byte(`{"half":`))
		panic("late")
	}))
	defer func() {
		if err, _ := recover().(error); !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("recovered %v", err)
		}
		if !strings.Contains(w.log.String(), "panic: string") {
			t.Errorf("log %s", w.log.String())
		}
	}()
	e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/late", bytes.NewReader(nil)))
}
