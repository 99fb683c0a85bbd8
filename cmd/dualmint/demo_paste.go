package main

import (
	"context"
	"strings"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// paste prints lines that work as they stand: they carry the demo machines' secrets and a token of their own.
func (d *demonstration) paste(ctx context.Context) error {
	t, err := d.mint(ctx, m2m.Opaque)
	if err != nil {
		return err
	}
	d.head("Paste these, one after the other")
	d.curl("mint as A; \"opaque\" works too", d.a.secret, tokensPath, map[string]any{"token_format": "jwt"})
	d.curl("verify as B a token that A has minted: good", d.b.secret, tokensPath+"/verify", map[string]any{"token": t.Token})
	d.curl("revoke it as A; then verify once more: refused", d.a.secret, tokensPath+"/"+t.ID+"/revoke", map[string]any{})
	d.curl("the key set, public", "", jwksPath, nil)
	d.print("")
	return nil
}

func (d *demonstration) curl(comment string, credential secret.Text, path string, body any) {
	parts := []string{"curl -sS -w '\\n' " + d.api.base + path}
	if credential != "" {
		parts = append(parts, "-H 'Authorization: Bearer "+credential.Reveal()+"'")
	}
	if body != nil {
		parts = append(parts, "-H 'Content-Type: application/json'", "-d "+quoted(body))
	}
	d.print("\n   # %s", comment)
	d.print("   %s", strings.Join(parts, " \\\n     "))
}
