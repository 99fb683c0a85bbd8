package httpapi

import (
	"errors"
	"net/http"

	"github.com/dualmint/dualmint/internal/m2m"
)

const (
	maxFaults     = 16 // of one answer: a large body must not make a larger one
	maxParamRunes = 64
)

// faults is everything that is wrong with the fields of one request, in the order of reading.
type faults []*m2m.FieldError

// Error names the first.
func (f faults) Error() string {
	if len(f) == 0 {
		return "no fault"
	}
	return f[0].Error()
}

// add notes one more.
func (f *faults) add(field string, reason m2m.Reason, message string) {
	if len(*f) < maxFaults {
		*f = append(*f, &m2m.FieldError{Field: field, Reason: reason, Message: message})
	}
}

// err is the faults as an error, or nil.
func (f faults) err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// faultsOf gives the input faults that an error is about, or nil.
func faultsOf(err error) faults {
	if list, ok := errors.AsType[faults](err); ok {
		return list
	}
	if one, ok := errors.AsType[*m2m.FieldError](err); ok {
		return faults{one}
	}
	return nil
}

// aboutInput tells whether an error is about what the client sent.
func aboutInput(err error) bool {
	if refusal, ok := errors.AsType[*oauthError](err); ok {
		return refusal.status == http.StatusBadRequest
	}
	return faultsOf(err) != nil || errors.Is(err, errMalformed) || errors.Is(err, errBodyTooLarge) || errors.Is(err, errContentType)
}

// failFields answers with input faults, one entry each.
func (x *exchange) failFields(list faults) {
	status, code := http.StatusBadRequest, bodyCode
	switch {
	case x.area.form:
		status, code = http.StatusUnprocessableEntity, formCode
	case x.c.Request.Method == http.MethodGet: // its fields are those of the query
		code = queryCode
	}
	problems := make([]problem, len(list))
	for i, f := range list {
		name := shorten(f.Field)
		problems[i] = problem{Code: code(f.Reason), Message: f.Message, LongMessage: "`" + name + "` " + f.Message + ".", Meta: &meta{ParamName: &name}}
	}
	x.send(status, x.withTrace(envelope(problems...)))
}

// formCode names a fault of the machine routes.
func formCode(r m2m.Reason) string {
	if r == m2m.NoSuchThing {
		return "form_resource_not_found"
	}
	return "form_param_" + string(r)
}

// bodyCode names a fault in the body of the token routes: what the shape forbids, and what the value does.
func bodyCode(r m2m.Reason) string {
	switch r {
	case m2m.ReservedName:
		return "machine_token_reserved_claim"
	case m2m.Missing, m2m.IsNil, m2m.WrongType, m2m.Unknown:
		return "request_body_invalid"
	case m2m.WrongFormat, m2m.WrongValue, m2m.TooLong, m2m.NoSuchThing:
	}
	return "bad_request"
}

func queryCode(r m2m.Reason) string {
	if r == m2m.Missing {
		return "missing_query_parameter"
	}
	return "invalid_query_parameter_value"
}

// shorten bounds a name that the client chose.
func shorten(name string) string {
	if r := []rune(name); len(r) > maxParamRunes {
		return string(r[:maxParamRunes])
	}
	return name
}
