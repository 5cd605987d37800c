// Command cardferry is the gateway: one binary for the daemon, the demo and every
// tool that hospital IT and integrators need.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"cardferry/configs"
)

// version is set by the linker.
var version = "dev"

// Exit codes, as documented in docs/commands.md.
const (
	exitFailed = 1 // the work could not be done
	exitUsage  = 2 // wrong arguments
	exitConfig = 3 // the configuration cannot be used
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := root().ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "cardferry:", err)
	return exitCode(err)
}

type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func exitCode(err error) int {
	var problems configs.Problems
	var usage usageError
	switch {
	case errors.As(err, &problems):
		return exitConfig
	case errors.As(err, &usage):
		return exitUsage
	}
	return exitFailed
}

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:           "cardferry",
		Short:         "Any card at any desk, every HL7 event to the platform",
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version,
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	cmd.AddCommand(serveCommand(), demoCommand(), cardCommand(), codeCommand(), idcardCommand(),
		hl7Command(), queueCommand(), configCommand(), versionCommand())
	return cmd
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), version)
			return err
		},
	}
}
