package dashboard

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

// What a form refuses it says in its own words, and in the unit that was chosen.
func TestRefusalsAreInTheWordsOfTheForm(t *testing.T) {
	tooLong := &m2m.FieldError{Field: "seconds_until_expiration", Message: `must be at most 86400 for a token of format "jwt", or null`, Most: 24 * time.Hour}
	machine := &m2m.FieldError{Field: "default_token_ttl", Message: "must be from 1 to 315360000 seconds, or null for tokens that do not expire"}
	issue, create := machinesPath+"/"+orders+"/new-token", Root+"/new-machine"
	for _, c := range []struct {
		path  string
		fault *m2m.FieldError
		unit  string
		want  string
	}{
		{issue, tooLong, "3600", "A token of this format lives at most 24 hours. Enter less, or leave it empty for the machine's default."},
		{issue, tooLong, "86400", "A token of this format lives at most 1 day. Enter less, or leave it empty for the machine's default."},
		{issue, &m2m.FieldError{Field: "seconds_until_expiration", Most: 90 * time.Minute}, "86400", "A token of this format lives at most 1 hour 30 minutes. Enter less, or leave it empty for the machine's default."},
		{issue, &m2m.FieldError{Field: "token_format", Message: `must be "opaque" or "jwt"`}, "60", "Choose one of these."},
		{issue, &m2m.FieldError{Field: "claims", Reason: m2m.WrongType, Message: "must be an object or null"}, "60", `Enter a JSON object, such as {"order": 42}.`},
		{issue, &m2m.FieldError{Field: "claims", Reason: m2m.TooLong, Message: "must have at most 4096 bytes"}, "60", "The claims must have at most 4096 bytes."},
		{create, machine, "3600", "A lifetime is at least 1 second and at most 87,600 hours."},
		{create, machine, "86400", "A lifetime is at least 1 second and at most 3,650 days."},
		{create, &m2m.FieldError{Field: "default_token_format", Message: `must be "opaque" or "jwt"`}, "60", "Choose one of these."},
		{create, &m2m.FieldError{Field: "name", Reason: m2m.Missing, Message: "must have at least one character"}, "60", "Enter a name."},
		{create, &m2m.FieldError{Field: "scoped_machines", Reason: m2m.NoSuchThing, Message: "names a machine that does not exist"}, "60", "One of the machines that you chose was deleted meanwhile. Look at what is chosen, then send it again."},
		{create, &m2m.FieldError{Field: "scoped_machines", Reason: m2m.WrongValue, Message: "must name at most 150 machines"}, "60", "A machine may call at most 150 machines."},
	} {
		w := newWorld(t, local)
		w.machines.refuses, w.tokens.refuses = c.fault, c.fault
		form := url.Values{"format": {"jwt"}, "amount": {"7"}, "unit": {c.unit}}
		if c.path == create {
			form.Set("name", "n")
		}
		out := w.send(http.MethodPost, c.path, form, signedIn)
		said := regexp.MustCompile(`Not accepted:</strong> ([^<]*)<`).FindStringSubmatch(out.Body.String())
		if out.Code != http.StatusUnprocessableEntity || said == nil || html.UnescapeString(said[1]) != c.want {
			t.Errorf("%s: %d %q, want %q", c.fault.Field, out.Code, said, c.want)
		}
	}
}
