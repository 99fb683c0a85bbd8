package main

import (
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// signingKey is what the commands show of a key.
type signingKey struct {
	KeyID         string `json:"kid"`
	State         string `json:"state"`
	AnnouncedAt   int64  `json:"announced_at"`
	ActivatedAt   *int64 `json:"activated_at"`
	RetiredAt     *int64 `json:"retired_at"`
	RemovedAt     *int64 `json:"removed_at"`
	CompromisedAt *int64 `json:"compromised_at"`
	ActiveFrom    *int64 `json:"active_from"`
	ActiveUntil   *int64 `json:"active_until"`
	RemovableFrom *int64 `json:"removable_from"`
	Living        *int64 `json:"living_tokens"` // nil: not counted
	MayBeMore     bool   `json:"living_tokens_may_be_more"`
}

type signingKeys struct {
	Data         []signingKey `json:"data"`
	SafeToRotate int64        `json:"safe_to_rotate_from"`
}

func (p *program) keys() *cobra.Command {
	return group("keys", "See and move the signing keys, which rotate themselves", p.keysList(), p.keysRotate(), p.keysCompromise())
}

func (p *program) keysList() *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "Show the keys: state, dates past and to come, living tokens", Args: args(cobra.NoArgs)}
	o := p.jsonFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		a, err := p.operator()
		if err != nil {
			return err
		}
		var ring signingKeys
		text, err := a.get(c.Context(), "/v1/keys", nil, &ring)
		if err != nil {
			return err
		}
		if done, err := o.raw(text); done {
			return err
		}
		return p.showKeys(o, ring)
	}
	return c
}

func (p *program) keysRotate() *cobra.Command {
	var how struct {
		Force  bool    `json:"force"`
		Retire *string `json:"retire"`
	}
	var retire string
	c := &cobra.Command{
		Use: "rotate", Short: "Let the announced key sign now, ahead of its time", Args: args(cobra.NoArgs),
		Long: `Nobody has to: keys rotate themselves. A rotation that would break verifiers is refused (exit code 3) with the date from which it
is safe; --force does it all the same, unless more than 20 keys would be published: verifiers refuse such a set whole. For a key
that has leaked there is "dualmint keys compromise".`,
	}
	c.Flags().StringVar(&retire, "retire", "", "only if this key signs now: telling it again does nothing")
	c.Flags().BoolVar(&how.Force, "force", false, "rotate although verifiers may not have the next key yet")
	o := p.jsonFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		a, err := p.operator()
		if err != nil {
			return err
		}
		if retire != "" {
			how.Retire = &retire
		}
		var ring signingKeys
		text, err := a.post(c.Context(), "/v1/keys/rotate", how, &ring)
		if err != nil {
			return err
		}
		if done, err := o.raw(text); done {
			return err
		}
		return p.showKeys(o, ring)
	}
	return c
}

func (p *program) keysCompromise() *cobra.Command {
	c := &cobra.Command{Use: "compromise KID", Short: "Take a leaked key out of use at once", Args: args(cobra.ExactArgs(1))}
	o := p.jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		a, err := p.operator()
		if err != nil {
			return err
		}
		var done struct {
			KeyID         string `json:"kid"`
			CompromisedAt int64  `json:"compromised_at"`
			SigningKeyID  string `json:"signing_kid"`
			ForgottenAt   int64  `json:"forgotten_at"`
			Laggards      int64  `json:"forgotten_by_laggards_at"`
			CutOff        int64  `json:"forgotten_by_cut_off_at"`
		}
		text, err := a.post(c.Context(), "/v1/keys/"+url.PathEscape(args[0])+"/compromise", struct{}{}, &done)
		if err != nil {
			return err
		}
		if raw, err := o.raw(text); raw {
			return err
		}
		return o.sheet(
			[2]string{"compromised", done.KeyID},
			[2]string{"since", instant(&done.CompromisedAt)},
			[2]string{"online checks", "refuse what it signed from now on"},
			[2]string{"offline checks", "may trust it until " + instant(&done.ForgottenAt)},
			[2]string{"", "libraries that keep a key set too long: until " + instant(&done.Laggards) + " (docs/keys.md)"},
			[2]string{"", "services that cannot reach the issuer: until " + instant(&done.CutOff)},
			[2]string{"signing now", done.SigningKeyID},
		)
	}
	return c
}

// showKeys prints the living keys and the two latest of those that are history.
func (p *program) showKeys(o *output, ring signingKeys) error {
	rows := make([][]string, 0, len(ring.Data))
	history := 0
	for i := len(ring.Data) - 1; i >= 0; i-- {
		k := &ring.Data[i]
		if k.RemovedAt != nil || k.CompromisedAt != nil {
			if history++; history > 2 && (k.Living == nil || *k.Living == 0) {
				continue
			}
		}
		rows = append(rows, k.cells())
	}
	if err := o.table("KID STATE SINCE NEXT LIVING-TOKENS", rows); err != nil {
		return err
	}
	if history > 2 {
		if err := o.line("%d keys are history; --json shows them all", history); err != nil {
			return err
		}
	}
	if safe := time.UnixMilli(ring.SafeToRotate); safe.After(p.now()) {
		return o.line("rotating is safe from %s", instant(&ring.SafeToRotate))
	}
	return o.line("rotating is safe now")
}

func (k *signingKey) cells() []string {
	since, next := &k.AnnouncedAt, ""
	switch k.State {
	case "announced":
		if next = "signs when its turn comes"; k.ActiveFrom != nil {
			next = "signs from " + instant(k.ActiveFrom)
		}
	case "active":
		since, next = k.ActivatedAt, "signs until "+instant(k.ActiveUntil)
	case "retiring":
		since, next = k.RetiredAt, "removable from "+instant(k.RemovableFrom)
	case "removed":
		since = k.RemovedAt
	case "compromised":
		since = k.CompromisedAt
	}
	living := ""
	if k.Living != nil {
		living = strconv.FormatInt(*k.Living, 10)
	}
	if k.MayBeMore {
		living += " or more"
	}
	return []string{k.KeyID, k.State, instant(since), next, living}
}
