package dashboard

import (
	"strconv"
	"strings"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

// said is what is wrong with a field in the words of its form. The wire speaks of seconds, of null and of values that no form shows.
func (f *form) said(fault *m2m.FieldError) string {
	switch fault.Field {
	case "default_token_ttl":
		return "A lifetime is at least 1 second and at most " + f.inUnit(m2m.MaxTTL) + "."
	case "seconds_until_expiration":
		if fault.Most > 0 {
			return "A token of this format lives at most " + f.inUnit(fault.Most) + ". Enter less, or leave it empty for the machine's default."
		}
	case "default_token_format", "token_format":
		return "Choose one of these."
	case "scoped_machines", "to_machine_id":
		if fault.Reason == m2m.NoSuchThing {
			return "One of the machines that you chose was deleted meanwhile. Look at what is chosen, then send it again."
		}
		return "A machine may call at most " + plural(m2m.MaxScopes, "machine") + "."
	case "name":
		if fault.Reason == m2m.Missing {
			return "Enter a name."
		}
	case "claims":
		if fault.Reason == m2m.WrongType {
			return `Enter a JSON object, such as {"order": 42}.`
		}
		return sentence("the claims " + fault.Message)
	}
	return sentence(fault.Message)
}

// inUnit says a length of time in the unit that was chosen for the lifetime, if it is a whole number of that.
func (f *form) inUnit(d time.Duration) string {
	for _, u := range units() {
		seconds, err := strconv.ParseInt(u.Value, 10, 64)
		if unit := time.Duration(seconds) * time.Second; err == nil && u.Value == f.text("unit") && d%unit == 0 {
			return plural(int(d/unit), strings.TrimSuffix(u.Label, "s"))
		}
	}
	return exactly(d)
}

// units are those in which lifetimes are typed, in seconds.
func units() []option {
	return []option{{Value: "1", Label: "seconds"}, {Value: "60", Label: "minutes"}, {Value: "3600", Label: "hours"}, {Value: "86400", Label: "days"}}
}

// sentence makes a sentence for people of one that began with the name of a field.
func sentence(s string) string {
	s = strings.TrimSuffix(s, ".")
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}
