package dashboard

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/tokens"
)

const (
	keysPath    = Root + "/keys"
	sectionKeys = "Keys"
	oldKeys     = 20 // removed and compromised ones that the page shows
)

// Keys is the ring of signing keys. Errors are those of *keys.Keeper.
type Keys interface {
	Overview(ctx context.Context) (keys.Overview, error)
	Outlook() keys.Overview
	Rotate(ctx context.Context, by m2m.Actor, how keys.Rotation) error
	Compromise(ctx context.Context, by m2m.Actor, kid m2m.KeyID) error
}

func (d *dashboard) keyRoutes(r routes) {
	r.get("/keys", d.keysPage)
	r.get("/keys/rotate", d.rotateKeysPage)
	r.post("/keys/rotate", d.rotateKeys)
	r.get("/keys/:kid/compromise", d.compromisePage)
	r.post("/keys/:kid/compromise", d.compromise)
}

// ringView is the page of all keys.
type ringView struct {
	Now       time.Time
	Keys      []keyView // those that are published, the one that signs first
	Old       []keyView // removed and compromised ones, newest first
	MoreOld   bool
	Safe      bool // to rotate now
	SafeFrom  time.Time
	MaxAge    string
	Forgotten string // how long a compromised key may still be trusted by who verifies offline
	Laggards  string
}

// keyView is one key.
type keyView struct {
	keys.Forecast
	Living string
	Badge  string // class of its state
	Says   string // what the state means
}

func (d *dashboard) viewKey(f keys.Forecast) keyView {
	v := keyView{Forecast: f, Living: d.counted(f.Signed.Tokens, keys.CountedTokens, tokens.Counted{Key: f.ID})}
	switch f.State {
	case keys.Announced:
		v.Badge, v.Says = "warn", "Published, so that verifiers have it before it signs."
	case keys.Active:
		v.Badge, v.Says = "good", "Signs every new JWT."
	case keys.Retiring:
		v.Says = "Signs no more. Stays published until what it signed has expired."
	case keys.Removed:
		v.Says = "Not published any more: everything it signed has expired."
	case keys.Compromised:
		v.Badge, v.Says = "bad", "Refused, with everything it signed."
	}
	return v
}

func (d *dashboard) viewRing(o keys.Overview) ringView {
	v := ringView{
		Now: o.Now, Safe: !o.SafeToRotate.After(o.Now), SafeFrom: o.SafeToRotate, MaxAge: exactly(o.Policy.MaxAge),
		Forgotten: exactly(o.Policy.ForgottenAfter()), Laggards: exactly(o.Policy.LaggardsForgetAfter()),
	}
	for _, state := range []keys.State{keys.Active, keys.Announced, keys.Retiring} {
		for _, k := range o.Keys {
			if k.State == state {
				v.Keys = append(v.Keys, d.viewKey(k))
			}
		}
	}
	for _, k := range slices.Backward(o.Keys) {
		if k.State == keys.Removed || k.State == keys.Compromised {
			v.MoreOld = len(v.Old) == oldKeys
			if !v.MoreOld {
				v.Old = append(v.Old, d.viewKey(k))
			}
		}
	}
	return v
}

// in gives the first key of a state, or nil.
func (v ringView) in(s keys.State) *keyView {
	for i := range v.Keys {
		if v.Keys[i].State == s {
			return &v.Keys[i]
		}
	}
	return nil
}

func (d *dashboard) keysPage(x *exchange) error {
	o, err := d.Keys.Overview(x.ctx())
	if err != nil {
		return err
	}
	return x.show(http.StatusOK, page{Name: "keys", Title: "Signing keys", Section: sectionKeys, Body: d.viewRing(o)})
}
