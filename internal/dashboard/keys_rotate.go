package dashboard

import (
	"errors"
	"net/http"
	"time"

	"github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/internal/m2m"
)

// rotateKeysView is the page that says what a rotation will do.
type rotateKeysView struct {
	ringView
	Active, Next  *keyView  // nil: none
	RemovableFrom time.Time // of the active key, if it retires now
	ReadyFrom     time.Time // of the key that is announced then
	Refused       string    // why, after it was asked for; empty: it was not refused
	Force         string    // fault beside the box
}

func (d *dashboard) rotateKeysPage(x *exchange) error {
	return d.showRotateKeys(x, http.StatusOK, "", emptyForm())
}

func (d *dashboard) showRotateKeys(x *exchange, status int, refused string, f *form) error {
	o, err := d.Keys.Overview(x.ctx())
	if err != nil {
		return err
	}
	v := rotateKeysView{ringView: d.viewRing(o), Refused: refused, Force: f.faults["force"]}
	v.Active, v.Next = v.in(keys.Active), v.in(keys.Announced)
	v.RemovableFrom, v.ReadyFrom = o.Now.Add(o.Policy.RetireFor()), o.Now.Add(o.Policy.AnnounceFor())
	return x.show(status, page{Name: "keys_rotate", Title: "Rotate the signing key", Section: sectionKeys, Body: v, Back: keysPath + "/rotate"})
}

// rotateKeys retires the key that its reader saw as the one that signs: a form sent twice rotates once.
func (d *dashboard) rotateKeys(x *exchange) error {
	f, err := x.form("retire", "force")
	if err != nil {
		return err
	}
	how := keys.Rotation{Retire: m2m.KeyID(f.text("retire")), Force: f.text("force") == "on"}
	err = d.Keys.Rotate(x.ctx(), x.actor(), how)
	if soon, is := errors.AsType[*keys.TooSoonError](err); is {
		return d.showRotateKeys(x, http.StatusConflict, sentence(soon.Why)+" It is safe from "+moment(soon.SafeFrom)+".", f)
	}
	if err != nil {
		return err
	}
	text := "Another key signs now. The one before is published until what it signed has expired, so every token stays good."
	if how.Force {
		text = "Another key signs now, before every verifier has it: those may refuse new JWTs until they fetch the key set again. Old tokens stay good."
	}
	return x.done(notice{Text: text}, keysPath)
}

// compromiseView is the page that says what calling a key compromised will do.
type compromiseView struct {
	ringView
	Key     keyView
	Next    *keyView // signs then, if this one signs now; nil: one that is made at once
	Signs   bool
	Ready   time.Time // from when every verifier has the next key; zero: it has
	Confirm field
}

// confirmLetters is how much of a key's id is typed to call it compromised: there is no way back.
const confirmLetters = 8

func (d *dashboard) compromisePage(x *exchange) error {
	return d.showCompromise(x, http.StatusOK, emptyForm())
}

func (d *dashboard) showCompromise(x *exchange, status int, f *form) error {
	o, err := d.Keys.Overview(x.ctx())
	if err != nil {
		return err
	}
	for _, k := range o.Keys {
		if string(k.ID) != x.c.Param("kid") {
			continue
		}
		v := compromiseView{ringView: d.viewRing(o), Key: d.viewKey(k), Signs: k.State == keys.Active}
		if v.Next = v.in(keys.Announced); v.Next != nil {
			if ready := v.Next.CreatedAt.Add(o.Policy.AnnounceFor()); ready.After(o.Now) {
				v.Ready = ready
			}
		}
		v.Confirm = field{
			Name: "confirm", Label: "The first eight characters of its id, to confirm", Value: f.text("confirm"), Error: f.faults["confirm"],
			Required: true, Mono: true, MaxLength: len(k.ID),
		}
		return x.show(status, page{
			Name: "keys_compromise", Title: "Call a signing key compromised", Section: sectionKeys, Body: v,
			Back: keysPath + "/" + string(k.ID) + "/compromise",
		})
	}
	return m2m.ErrNotFound
}

func (d *dashboard) compromise(x *exchange) error {
	f, err := x.form("confirm")
	if err != nil {
		return err
	}
	kid := x.c.Param("kid")
	if len(kid) < confirmLetters {
		return m2m.ErrNotFound
	}
	if typed := f.text("confirm"); typed != kid[:confirmLetters] && typed != kid {
		f.fault("confirm", "That is not how the id of this key begins.")
		return d.showCompromise(x, http.StatusUnprocessableEntity, f)
	}
	if err := d.Keys.Compromise(x.ctx(), x.actor(), m2m.KeyID(kid)); err != nil {
		return err
	}
	o := d.Keys.Outlook() // of what was just read: no failure from here on may look as if nothing had been done
	at := o.Now
	for _, k := range o.Keys {
		if string(k.ID) == kid {
			at = k.CompromisedAt
		}
	}
	return x.done(notice{
		Text: "The key is compromised: what it signed is refused wherever this server is asked. Who verifies offline forgets it by " +
			moment(at.Add(o.Policy.ForgottenAfter())) + ", some libraries by " + moment(at.Add(o.Policy.LaggardsForgetAfter())) + ".",
	}, keysPath)
}

// moment writes a time exactly.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
