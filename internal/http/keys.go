package httpapi

import (
	"strings"
	"time"

	"github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/internal/m2m"
)

// keyList is the ring as its operator sees it. Past dates end in _at, planned ones in _from and _until.
type keyList struct {
	Object       string      `json:"object"`
	Data         []keyObject `json:"data"`
	SafeToRotate int64       `json:"safe_to_rotate_from"`
	Bounds       keyBounds   `json:"bounds"`
}

type keyObject struct {
	Object        string     `json:"object"`
	KeyID         string     `json:"kid"`
	State         keys.State `json:"state"`
	AnnouncedAt   int64      `json:"announced_at"`
	ActivatedAt   *int64     `json:"activated_at"`
	RetiredAt     *int64     `json:"retired_at"`
	RemovedAt     *int64     `json:"removed_at"`
	CompromisedAt *int64     `json:"compromised_at"`
	ActiveFrom    *int64     `json:"active_from"`
	ActiveUntil   *int64     `json:"active_until"`
	RemovableFrom *int64     `json:"removable_from"`
	LivingTokens  *int64     `json:"living_tokens"` // null: not counted
	MayBeMore     bool       `json:"living_tokens_may_be_more"`
	LastExpiresAt *int64     `json:"last_token_expires_at"`
}

// keyBounds is what the dates follow from, in seconds.
type keyBounds struct {
	MaxAge            int64 `json:"max_age"`
	Announced         int64 `json:"announced"`
	Retiring          int64 `json:"retiring"`
	Forgotten         int64 `json:"forgotten"`
	ForgottenLaggards int64 `json:"forgotten_by_laggards"`
	ForgottenCutOff   int64 `json:"forgotten_by_cut_off"`
}

// compromised says what happened and until when offline verifiers may still trust the key (R41).
type compromised struct {
	Object              string `json:"object"`
	KeyID               string `json:"kid"`
	CompromisedAt       int64  `json:"compromised_at"`
	SigningKeyID        string `json:"signing_kid"`
	ForgottenAt         int64  `json:"forgotten_at"`
	ForgottenLaggardsAt int64  `json:"forgotten_by_laggards_at"`
	ForgottenCutOffAt   int64  `json:"forgotten_by_cut_off_at"`
}

func (a *api) listKeys(x *exchange, _ m2m.Actor) error {
	o, err := a.Keys.Overview(x.ctx())
	if err != nil {
		return err
	}
	return x.ok(keyListOf(o))
}

func (a *api) rotateKeys(x *exchange, by m2m.Actor) error {
	const force, retire = "force", "retire"
	f, err := x.body(bodyCap, force, retire)
	if err != nil {
		return err
	}
	how := keys.Rotation{Force: f.flag(force, nullIsAbsent)}
	if kid := f.text(retire, nullIsAbsent); kid != nil {
		how.Retire = m2m.KeyID(*kid)
	}
	if err := f.err(); err != nil {
		return err
	}
	if err := a.Keys.Rotate(x.ctx(), by, how); err != nil {
		return err
	}
	return x.ok(keyListOf(a.Keys.Outlook()))
}

func (a *api) compromiseKey(x *exchange, by m2m.Actor) error {
	f, err := x.body(bodyCap)
	if err != nil {
		return err
	}
	if err := f.err(); err != nil {
		return err
	}
	kid := m2m.KeyID(x.c.Param("kid"))
	if err := a.Keys.Compromise(x.ctx(), by, kid); err != nil {
		return err
	}
	o := a.Keys.Outlook()
	out := compromised{Object: "signing_key_compromised", KeyID: string(kid)}
	for _, k := range o.Keys {
		switch {
		case k.ID == kid:
			out.CompromisedAt = millis(k.CompromisedAt)
			out.ForgottenAt = millis(k.CompromisedAt.Add(o.Policy.ForgottenAfter()))
			out.ForgottenLaggardsAt = millis(k.CompromisedAt.Add(o.Policy.LaggardsForgetAfter()))
			out.ForgottenCutOffAt = millis(k.CompromisedAt.Add(o.Policy.CutOffForgetAfter()))
		case k.State == keys.Active:
			out.SigningKeyID = string(k.ID)
		}
	}
	return x.ok(out)
}

func keyListOf(o keys.Overview) keyList {
	p := o.Policy
	out := keyList{
		Object: "signing_keys", Data: make([]keyObject, len(o.Keys)), SafeToRotate: millis(o.SafeToRotate),
		Bounds: keyBounds{
			MaxAge: seconds(p.MaxAge), Announced: seconds(p.AnnounceFor()), Retiring: seconds(p.RetireFor()),
			Forgotten: seconds(p.ForgottenAfter()), ForgottenLaggards: seconds(p.LaggardsForgetAfter()),
			ForgottenCutOff: seconds(p.CutOffForgetAfter()),
		},
	}
	for i, k := range o.Keys {
		out.Data[i] = keyObject{
			Object: "signing_key", KeyID: string(k.ID), State: k.State, AnnouncedAt: millis(k.CreatedAt),
			ActivatedAt: millisOrNull(k.ActivatedAt), RetiredAt: millisOrNull(k.RetiredAt),
			RemovedAt: millisOrNull(k.RemovedAt), CompromisedAt: millisOrNull(k.CompromisedAt),
			ActiveFrom: millisOrNull(k.ActiveFrom), ActiveUntil: millisOrNull(k.ActiveUntil), RemovableFrom: millisOrNull(k.RemovableFrom),
			MayBeMore: k.Signed.Tokens >= keys.CountedTokens, LastExpiresAt: millisOrNull(k.Signed.Until),
		}
		if o.Counted {
			out.Data[i].LivingTokens = &o.Keys[i].Signed.Tokens
		}
	}
	return out
}

// withSafeDate puts into the answer of a refused rotation why it was refused and the date from which it is safe.
func withSafeDate(soon *keys.TooSoonError) []byte {
	force := "With force it is done now, and verifiers may meet a key that they do not have."
	if soon.Firm {
		force = "Force does not change that."
	}
	return envelope(problem{
		Code: codeTooSoon, Message: messageTooSoon, Meta: &meta{SafeFrom: millis(soon.SafeFrom)},
		LongMessage: sentence(soon) + " " + force,
	})
}

// withKey puts into the answer of a refused rotation which key does not open, and under which version of the master key it is sealed.
func withKey(shut *keys.SealedError) []byte {
	return envelope(problem{Code: codeSealed, Message: messageSealed, LongMessage: sentence(shut) + " Nothing was changed."})
}

func sentence(err error) string {
	why := err.Error()
	end := "."
	if strings.HasSuffix(why, "?") {
		end = ""
	}
	return strings.ToUpper(why[:1]) + why[1:] + end
}

// seconds rounds up: a bound that is told must hold.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

func millisOrNull(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	ms := millis(t)
	return &ms
}
