package dashboard

// field is one input of a form, as parts/field.html shows it: label, hint, what was typed, and the fault beside it.
type field struct {
	Name         string
	Label        string
	Hint         string
	Type         string // of the input; empty: text
	Value        string
	Error        string
	Autocomplete string // empty: off
	Required     bool
	MaxLength    int  // 0: none
	Mono         bool // ids and code
	Rows         int  // more than 0: a text area
	Options      []option
}

// option is one choice of a field that has some.
type option struct {
	Value  string
	Label  string
	Hint   string
	Chosen bool
}

// choose marks the option of this value.
func choose(value string, options ...option) []option {
	for i := range options {
		options[i].Chosen = options[i].Value == value
	}
	return options
}
