package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"cardferry/gateway/demo"
)

func demoCommand() *cobra.Command {
	var o demo.Options
	cmd := &cobra.Command{
		Use: "demo", Short: "Show the gateway at work: desk, hub, platform and a hospital system on this machine", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find this program: %w", err)
			}
			o.Binary, o.Out = self, cmd.OutOrStdout()
			return demo.Run(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVar(&o.Once, "once", false, "end after the story instead of going on")
	cmd.Flags().BoolVar(&o.PCSC, "pcsc", false, "put chip cards into virtual readers of a real pcscd (Debian packages pcscd, vsmartcard-vpcd)")
	return cmd
}
