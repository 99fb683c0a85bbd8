package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

func (p *program) healthcheck() *cobra.Command {
	return &cobra.Command{
		Use: "healthcheck", Short: "Ask an instance whether it is ready: for containers without a shell", Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			settings, err := p.client()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), 5*time.Second)
			defer cancel()
			if _, err := newAPI(settings.URL, "").call(ctx, http.MethodGet, "/readyz", nil, nil); err != nil {
				return &exitError{exitFailed, fmt.Errorf("not ready: %w", err)}
			}
			_, err = fmt.Fprintln(p.out, "ready")
			return err
		},
	}
}
