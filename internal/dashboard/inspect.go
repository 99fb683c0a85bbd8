package dashboard

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/tokens"
)

func (d *dashboard) inspectRoutes(r routes) {
	r.get("/tokens", d.inspectPage)
	r.post("/tokens", d.inspect)
}

// inspectView is the page that tells what a text is. The text itself is not shown again: it may be a credential.
type inspectView struct {
	Text  field
	Asked bool
	Good  bool
	Kind  string
	Why   string // it is not good, or cannot be told
	Found *tokenView
	JWT   bool
	// The two parts of a JWT as text, and whether its signature holds.
	Header, Payload string
	Signed          bool
	Unchecked       bool // its signature was not looked at: the key is not in use
}

func (x *exchange) showInspect(status int, v inspectView) error {
	v.Text.Name, v.Text.Label, v.Text.Rows, v.Text.Mono, v.Text.Required = "token", "Token or token id", 4, true, true
	v.Text.Hint = "Sent to this server and nowhere else. It is not kept, not counted as a use, and not shown again."
	return x.show(status, page{Name: "tokens", Title: "Tokens", Section: sectionTokens, Body: v})
}

func (d *dashboard) inspectPage(x *exchange) error {
	return x.showInspect(http.StatusOK, inspectView{})
}

func (d *dashboard) inspect(x *exchange) error {
	f, err := x.form("token")
	if err != nil {
		return err
	}
	text := strings.TrimSpace(strings.TrimPrefix(f.text("token"), "Bearer "))
	const longest = 16 << 10
	if !secret.Presentable(text, longest) {
		return x.showInspect(http.StatusUnprocessableEntity, inspectView{Text: field{
			Error: "Paste one token, or the id of one: visible characters without spaces, at most 16 KiB.",
		}})
	}
	seen, err := d.Tokens.Inspect(x.ctx(), secret.Text(text))
	if err != nil {
		return err
	}
	v := inspectView{
		Asked: true, Good: seen.Good(), Kind: string(seen.Kind), JWT: seen.Kind == tokens.SignedToken,
		Header: indented([]byte(seen.Header)), Payload: indented([]byte(seen.Payload)), Signed: seen.Refused == "" || seen.Refused == "time",
		Unchecked: seen.Refused == "key" && seen.Sight == nil, Why: whyNot(seen),
	}
	if v.Unchecked {
		if why := whyNoKey(d.Keys.Outlook(), seen.Header); why != "" {
			v.Why = why
		}
	}
	if seen.Sight != nil {
		found, err := d.viewToken(x, *seen.Sight)
		if err != nil {
			return err
		}
		v.Found = &found
		if v.Good && !slices.ContainsFunc(found.Receivers, func(r receiver) bool { return r.Now }) {
			v.Good, v.Why = false, "It is alive, and no machine accepts it: every scope that it was made with has been taken from its machine since. If one is given back, it is good there again."
			if len(found.Receivers) == 0 {
				v.Why = "It is alive, and no machine accepts it: it was made without scopes."
			}
		}
	}
	return x.showInspect(http.StatusOK, v)
}

// whyNot says in a sentence why a text is no good token. The operator may know what a stranger may not (R17).
func whyNot(seen tokens.Inspection) string {
	switch seen.Kind {
	case tokens.MachineSecret:
		return "A machine's secret proves a machine to this server; it is no token, and receivers refuse it. If it was sent to where it does not belong, rotate it."
	case tokens.InstanceKey:
		return "The key of a whole instance is no token. If it was sent to where it does not belong, replace it now."
	case tokens.MachineIDText:
		return "The id of a machine is no token, and no secret."
	case tokens.NoToken:
		return "It has the shape of neither format: an opaque token begins with mt_, a JWT has three parts with dots between them."
	case tokens.OpaqueToken, tokens.SignedToken, tokens.IDOfToken:
	}
	if seen.Refused != "" {
		return whyRefused(seen)
	}
	if seen.Sight == nil {
		return "Its form is right, and there is no such token here. Another instance may have made it."
	}
	switch seen.Sight.State() {
	case tokens.Revoked:
		return "It was revoked."
	case tokens.Expired:
		return "It has expired."
	case tokens.MachineDeleted:
		return "The machine that holds it was deleted."
	case tokens.KeyCompromised:
		return "The key that signed it was declared compromised."
	case tokens.Living:
	}
	return ""
}

// whyNoKey says what became of the key that a JWT names, if this server had it once. Whether that key signed it, nobody checks any more.
func whyNoKey(o keys.Overview, header string) string {
	var said struct {
		KeyID m2m.KeyID `json:"kid"`
	}
	if json.Unmarshal([]byte(header), &said) != nil {
		return ""
	}
	for _, k := range o.Keys {
		switch {
		case k.ID != said.KeyID:
		case k.State == keys.Compromised:
			return "It names a key that was declared compromised at " + moment(k.CompromisedAt) + ": whatever that key signed is refused."
		case k.State == keys.Removed:
			return "It names a key that was removed when everything it had signed was past its end."
		}
	}
	return ""
}

// whyRefused says at which step the text itself fails.
func whyRefused(seen tokens.Inspection) string {
	switch seen.Refused {
	case "checksum":
		return "Its checksum does not fit: a character is wrong or missing, so it was cut off or mistyped. No such token was ever made."
	case "length", "characters", "segments", "encoding":
		return "It is not written as a JWT of this server is: it was cut off or changed on its way."
	case "header":
		return "Its header is not one that this server writes (alg EdDSA, typ at+jwt, a kid, and nothing else)."
	case "key":
		return "It is signed with a key that is not in this server's key set: of another issuer, removed after its time, or compromised."
	case "signature":
		return "Its signature does not hold: somebody changed it, or it only looks like one of this server's."
	case "issuer":
		return "It was made under another issuer's name."
	case "time":
		if seen.Sight != nil && seen.Sight.State() == tokens.Revoked {
			return "It was revoked, and has expired meanwhile."
		}
		return "It has expired, or its time has not come yet."
	default:
		return "Its claims are not what this server writes."
	}
}
