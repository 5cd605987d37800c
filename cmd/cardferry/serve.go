package main

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"cardferry/configs"
	"cardferry/gateway"
)

func serveCommand() *cobra.Command {
	var src source
	cmd := &cobra.Command{
		Use: "serve", Short: "Run the gateway", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := src.load()
			if err != nil {
				return err
			}
			log := logger(cfg.Log, cmd.ErrOrStderr())
			g, err := gateway.New(cfg, version, log)
			if err != nil {
				return fmt.Errorf("start: %w", err)
			}
			return g.Run(cmd.Context())
		},
	}
	src.register(cmd)
	return cmd
}

func logger(c configs.LogConfig, w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // checked by configs
	opts := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}
