package secret

import (
	"fmt"
	"log/slog"
)

// Text is a credential: a token, a machine secret, an instance key. It prints as a placeholder everywhere; Reveal gives
// the characters to the one place that sends or hashes them.
type Text string

const hidden = "[secret]"

// Reveal gives the characters.
func (t Text) Reveal() string { return string(t) }

// String hides the characters.
func (Text) String() string { return hidden }

// Format hides the characters from every verb of fmt.
func (Text) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// LogValue hides the characters from slog.
func (Text) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the characters from encoders.
func (Text) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// UnmarshalText takes the characters, for settings parsers.
func (t *Text) UnmarshalText(b []byte) error {
	*t = Text(b)
	return nil
}
