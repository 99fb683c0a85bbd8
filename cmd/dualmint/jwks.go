package main

import (
	"github.com/spf13/cobra"
)

const jwksPath = "/v1/jwks"

func (p *program) jwks() *cobra.Command {
	c := &cobra.Command{Use: "jwks", Short: "Show the published key set", Args: args(cobra.NoArgs)}
	o := p.jsonFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		settings, err := p.client()
		if err != nil {
			return err
		}
		var set struct {
			Keys []struct {
				KeyID     string `json:"kid"`
				KeyType   string `json:"kty"`
				Curve     string `json:"crv"`
				Algorithm string `json:"alg"`
				Use       string `json:"use"`
			} `json:"keys"`
		}
		text, err := newAPI(settings.URL, "").get(c.Context(), jwksPath, nil, &set) // public: no credential leaves
		if err != nil {
			return err
		}
		if done, err := o.raw(text); done {
			return err
		}
		rows := make([][]string, 0, len(set.Keys))
		for _, k := range set.Keys {
			rows = append(rows, []string{k.KeyID, k.KeyType, k.Curve, k.Algorithm, k.Use})
		}
		return o.table("KID TYPE CURVE ALGORITHM USE", rows)
	}
	return c
}
