package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"cardferry/gateway/demo"
)

func demoCommand() *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use: "demo", Short: "Show the gateway at work: desk, hub, platform and a hospital system on this machine", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find this program: %w", err)
			}
			return demo.Run(cmd.Context(), demo.Options{Binary: self, Once: once, Out: cmd.OutOrStdout()})
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "end after the story instead of going on")
	return cmd
}
