package dashboard

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

const (
	signInPath = Root + "/sign-in"
	// FirstSignIn is the path of the first start's link: its query parameter "link" is the credential, which a POST then uses up.
	FirstSignIn = Root + "/first-sign-in"
)

func (d *dashboard) signInRoutes(r routes) {
	r.open(http.MethodGet, "/sign-in", d.signInPage)
	r.open(http.MethodPost, "/sign-in", d.signIn)
	r.open(http.MethodGet, "/first-sign-in", d.firstSignInPage)
	r.open(http.MethodPost, "/first-sign-in", d.firstSignIn)
	r.post("/sign-out", d.signOut)
	r.get("/sign-out-everywhere", d.signOutEverywherePage)
	r.post("/sign-out-everywhere", d.signOutEverywhere)
}

// signInView is the page on which the operator proves to be one.
type signInView struct {
	Safe  bool   // the key may be sent from here
	At    string // where it may be; empty: over HTTPS somewhere
	Key   field
	Next  string
	Ended string // "": no session is known to be over. endedChange: it was over before a form came
}

// endedChange says that a form came without a session: nothing was changed, and whoever sent it has to be told.
const endedChange = "change"

func (x *exchange) showSignIn(status int, v signInView) error {
	if v.Safe = x.safe(); x.d.secure {
		v.At = x.d.Issuer + Root
	}
	v.Key.Name, v.Key.Label, v.Key.Type, v.Key.Autocomplete, v.Key.Required = "key", "Instance secret key", "password", "current-password", true
	v.Key.Hint = "It begins with sk_. The server reads it from DUALMINT_SECRET_KEY or DUALMINT_SECRET_KEY_FILE; with the embedded database it stands in the file beside it, ending in .secret-key."
	return x.show(status, page{Name: "signin", Title: "Sign in", Body: v, Back: signInPath})
}

// toSignIn sends the browser to sign in. It comes back to the page that it asked for, if it asked for one, or to the page of the form
// that it sent. A cookie that opens nothing is taken away. Another tab may have lost it before: a form without one was dropped as well.
func (x *exchange) toSignIn() error {
	to := url.Values{}
	if x.sessionID() != "" {
		x.setSession("")
		to.Set("ended", "1")
	}
	switch at := x.c.Request.URL; {
	case x.c.Request.Method == http.MethodPost:
		if page := x.d.pageOf(at.Path); page != Root {
			to.Set("next", page)
			to.Set("ended", endedChange)
		}
	case at.Path != Root:
		to.Set("next", at.RequestURI())
	}
	if len(to) == 0 {
		return x.redirect(signInPath)
	}
	return x.redirect(signInPath + "?" + to.Encode())
}

func (d *dashboard) signInPage(x *exchange) error {
	_, err := d.Sessions.Find(x.ctx(), x.sessionID())
	if err == nil {
		return x.redirect(d.ours(x.query("next")))
	}
	if !errors.Is(err, m2m.ErrUnauthenticated) {
		return err
	}
	return x.showSignIn(http.StatusOK, signInView{Next: d.ours(x.query("next")), Ended: x.query("ended")})
}

// takeSignIn counts a sign-in against the limit of its address. Those beyond it are a number in the audit entry of the next one that is refused.
func (d *dashboard) takeSignIn(x *exchange) error {
	err := d.signIns.take(x.address, x.start)
	if err != nil {
		d.Sessions.TurnedAway()
	}
	return err
}

func (d *dashboard) signIn(x *exchange) error {
	if err := d.takeSignIn(x); err != nil {
		return err
	}
	f, err := x.form("key", "next", "ended", "username")
	if err != nil {
		return err
	}
	v := signInView{Next: d.ours(f.text("next")), Ended: f.text("ended")}
	if !x.safe() {
		return x.showSignIn(http.StatusForbidden, v)
	}
	key := f.text("key")
	if key == "" {
		v.Key.Error = "Enter the instance secret key."
		return x.showSignIn(http.StatusUnprocessableEntity, v)
	}
	if !secret.Presentable(key, secret.MaxLength) { // R11
		key = "no key"
	}
	id, err := d.Sessions.SignIn(x.ctx(), x.actor(), secret.Text(key), x.sessionID())
	if errors.Is(err, m2m.ErrUnauthenticated) {
		v.Key.Error = "This is not the secret key of this instance. Machine secrets (ak_) and tokens (mt_) do not open the dashboard."
		return x.showSignIn(http.StatusUnauthorized, v)
	}
	if err != nil {
		return err
	}
	x.setSession(id)
	return x.redirect(v.Next)
}

// firstView is the page of the first start's link. The link is used up by the POST, not by looking at the page: programs that preview
// links follow them.
type firstView struct {
	Safe bool
	Link string
	Dead bool // it opens nothing, or not any more
}

func (x *exchange) showFirst(status int, v firstView) error {
	v.Safe = x.safe()
	return x.show(status, page{Name: "first", Title: "First sign-in", Body: v, Back: signInPath})
}

func (d *dashboard) firstSignInPage(x *exchange) error {
	link := x.query("link")
	return x.showFirst(http.StatusOK, firstView{Link: link, Dead: !secret.WellFormed(secret.FirstLink, link)})
}

func (d *dashboard) firstSignIn(x *exchange) error {
	if err := d.takeSignIn(x); err != nil {
		return err
	}
	f, err := x.form("link")
	if err != nil {
		return err
	}
	if !x.safe() {
		return x.showFirst(http.StatusForbidden, firstView{Dead: true})
	}
	id, err := d.Sessions.SignInByLink(x.ctx(), x.actor(), secret.Text(f.text("link")), x.sessionID())
	if errors.Is(err, m2m.ErrUnauthenticated) {
		return x.showFirst(http.StatusUnauthorized, firstView{Dead: true})
	}
	if err != nil {
		return err
	}
	x.setSession(id)
	return x.redirect(Root)
}
