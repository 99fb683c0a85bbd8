package main

import (
	"encoding/json"
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (p *program) version() *cobra.Command {
	c := &cobra.Command{Use: "version", Short: "Show which build this is", Args: args(cobra.NoArgs)}
	o := p.jsonFlag(c)
	c.RunE = func(*cobra.Command, []string) error {
		v := build()
		text, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if done, err := o.raw(text); done {
			return err
		}
		return o.line("%s", v)
	}
	return c
}

type buildInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
	Go       string `json:"go"`
}

// String is for people.
func (v buildInfo) String() string {
	return fmt.Sprintf("dualmint %s (%s, %s)", v.Version, v.Revision, v.Go)
}

// described is what git calls the commit, where the Makefile builds: the toolchain knows no version in a clone.
var described string //nolint:gochecknoglobals // the linker sets it

// build is what the Makefile and the Go toolchain wrote into the binary.
func build() buildInfo {
	v := buildInfo{Version: "unknown", Revision: "unknown revision", Go: "unknown Go"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Version, v.Go = info.Main.Version, info.GoVersion
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			if s.Value == "true" {
				v.Revision += ", modified"
			}
		}
	}
	if described != "" {
		v.Version = described
	}
	return v
}
