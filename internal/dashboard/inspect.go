package dashboard

import (
	"net/http"
	"strings"

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
		Why: whyNot(seen),
	}
	if seen.Sight != nil {
		found, err := d.viewToken(x, *seen.Sight)
		if err != nil {
			return err
		}
		v.Found = &found
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
	if len(seen.Sight.Scopes) == 0 {
		return "It is alive, but was made without scopes: nobody accepts it."
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
