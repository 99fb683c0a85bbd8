package dashboard

import (
	"encoding/json"
	"fmt"
)

// notice is what a page says of the change before it: what happened, and how to undo it where that is possible. It waits in the session,
// so that nobody else can put words into it.
type notice struct {
	Text string `json:"text"`
	Undo *undo  `json:"undo,omitempty"`
}

// undo is a form that takes the change back.
type undo struct {
	Label  string     `json:"label"`
	Path   string     `json:"path"`
	Fields []undoPair `json:"fields"`
}

type undoPair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// done leaves a notice and sends the browser to the page that shows it.
func (x *exchange) done(n notice, path string) error {
	n.Text = inline(n.Text)
	text, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("encode notice: %w", err)
	}
	if err := x.d.Sessions.Notify(x.ctx(), x.session.Hash, string(text)); err != nil {
		return err
	}
	return x.redirect(path)
}

// takeNotice gives the notice that waits for this session's next page, and takes it away. One that cannot be taken away shows once more.
func (x *exchange) takeNotice() *notice {
	if x.session.Notice == "" {
		return nil
	}
	var n notice
	if err := json.Unmarshal([]byte(x.session.Notice), &n); err != nil {
		return nil
	}
	_ = x.d.Sessions.Notify(x.ctx(), x.session.Hash, "") // shown twice is better than a page that fails for it
	return &n
}
