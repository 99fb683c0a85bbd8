package dashboard

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/dualmint/dualmint/internal/m2m"
)

// What the pages themselves refuse.
var (
	errNoMethod    = errors.New("method not allowed")
	errCrossSite   = errors.New("request of another site")
	errTooMany     = errors.New("too many requests")
	errForm        = errors.New("form cannot be read")
	errFormTooBig  = errors.New("form too large")
	errContentType = errors.New("body is not a form")
	errAddress     = errors.New("address cannot be read")
	errSums        = errors.New("sums past the largest number")
)

// answer is the public side of an error.
type answer struct {
	is     error
	status int
	title  string
	text   string
}

// answers is the one table from errors to pages. The first entry that an error is decides; what no entry knows is a 500 that says
// nothing. Doubt comes first: an error that is also "cannot tell now" is that.
func answers() []answer {
	const later = "The database did not answer in time. Nothing is known to have changed: look before you try again."
	return []answer{
		{m2m.ErrBusy, http.StatusServiceUnavailable, "Too busy at this moment", later},
		{m2m.ErrUnavailable, http.StatusServiceUnavailable, "Cannot tell at this moment", later},
		{context.DeadlineExceeded, http.StatusServiceUnavailable, "Cannot tell at this moment", later},
		{context.Canceled, http.StatusServiceUnavailable, "Cannot tell at this moment", later},
		{m2m.ErrMachineNotFound, http.StatusNotFound, "No such machine", "It was deleted, or the address is wrong."},
		{m2m.ErrNotFound, http.StatusNotFound, "Nothing here", "There is nothing at this address, or not any more."},
		{errNoMethod, http.StatusMethodNotAllowed, "Not like this", "This address does not answer that kind of request."},
		{
			errCrossSite, http.StatusForbidden, "Refused",
			"The request did not come from a page of this dashboard, so nothing was changed. If you did send it from here, reload the page and try again.",
		},
		{errFormTooBig, http.StatusRequestEntityTooLarge, "Too much", "The form holds more than this page takes."},
		{errContentType, http.StatusUnsupportedMediaType, "Not a form", "This address takes forms of this dashboard only."},
		{errForm, http.StatusBadRequest, "Not a form of this page", "What was sent is not what this page sends. Reload it and try again."},
		{errAddress, http.StatusBadRequest, "Not an address of this dashboard", "Something in it cannot be read. Begin at the page that led here."},
		{errSums, http.StatusUnprocessableEntity, "Too much to add up", "An amount passes 9,223,372,036 dollars. Ask for a shorter interval, or for more groups."},
		{errTooMany, http.StatusTooManyRequests, "Too many requests", ""},
	}
}

// answerTo finds the entry of an error.
func answerTo(err error) answer {
	for _, a := range answers() {
		if errors.Is(err, a.is) {
			return a
		}
	}
	return answer{nil, http.StatusInternalServerError, "Something went wrong on our side", "Nothing is known to have changed: look before you try again."}
}

// errorView is what the page of an error shows.
type errorView struct {
	Title string
	Text  string
	Trace string
}

// fail answers with the page of an error.
func (d *dashboard) fail(x *exchange, err error) {
	a := answerTo(err)
	if a.status >= http.StatusInternalServerError {
		x.cause = err
	}
	if a.status == http.StatusServiceUnavailable || a.status == http.StatusTooManyRequests {
		wait := retryAfter(err)
		x.c.Writer.Header().Set("Retry-After", strconv.Itoa(wait))
		if errors.Is(err, errTooMany) {
			a.text = "Too many came from this address. Try again in " + plural(wait, "second") + "."
		}
	}
	shown := x.show(a.status, page{Name: "error", Title: a.title, Body: errorView{Title: a.title, Text: a.text, Trace: x.trace}})
	if shown != nil { // the template of this page is broken: what is left is its title
		http.Error(x.c.Writer, a.title, a.status)
	}
}
