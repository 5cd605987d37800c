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
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	cmd.AddCommand(serveCommand(), demoCommand(), readCommand(), readersCommand(), doctorCommand(),
		cardCommand(), codeCommand(), idcardCommand(), hl7Command(), queueCommand(), configCommand(), versionCommand())
	markUsage(cmd)
	return cmd
}

// markUsage makes every complaint about arguments a usage error, in cmd and below.
func markUsage(cmd *cobra.Command) {
	check := cmd.Args
	if check == nil {
		check = cobra.NoArgs // a group: its verbs are commands of their own
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{fmt.Errorf("%w; see: %s --help", err, cmd.CommandPath())}
		}
		return nil
	}
	if !cmd.Runnable() {
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	for _, sub := range cmd.Commands() {
		markUsage(sub)
	}
}

// exactly asks for n arguments and says what they are.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usageError{fmt.Errorf("%s needs %s", cmd.CommandPath(), what)}
		}
		return nil
	}
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
