package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"cardferry/configs"
	"cardferry/drivers"
	"cardferry/gateway"
	"cardferry/gateway/admin"
	"cardferry/gateway/desk"
)

func readCommand() *cobra.Command {
	var src source
	cmd := &cobra.Command{
		Use: "read", Short: "Wait for one card or code at any reader and print the read as JSON", Args: cobra.NoArgs,
		Long: "Wait for one card or code at any reader and print the read as JSON.\n\n" +
			"While a daemon runs it is asked, because it holds the readers; otherwise the configured\n" +
			"readers are driven here until one has read something. The output is patient data.",
	}
	src.register(cmd)
	reader := cmd.Flags().String("reader", "", "take only this reader's, by its name")
	timeout := cmd.Flags().Duration("timeout", time.Minute, "how long to wait; 0 is for ever")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := src.loadOrDefault()
		if err != nil {
			return err
		}
		ctx := cmd.Context()
		if *timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, *timeout)
			defer cancel()
		}
		r, err := readNext(ctx, cfg, *reader, cmd.ErrOrStderr())
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return fmt.Errorf("nothing was presented within %v; cardferry readers lists the readers", *timeout)
		case err != nil:
			return err
		}
		return printRead(cmd.OutOrStdout(), r)
	}
	return cmd
}

// readNext takes the next read from the daemon or, when none runs, from the
// readers themselves.
func readNext(ctx context.Context, cfg *configs.Config, reader string, progress io.Writer) (drivers.Read, error) {
	c, err := admin.Dial(ctx, cfg.Admin.Listen, gateway.AdminTokenFile(cfg.DataDir))
	switch {
	case err == nil:
		_ = c.Close()
		fallthrough
	case !errors.Is(err, admin.ErrNoDaemon): // the desk asks for no token
		if cfg.Desk.Listen == "" {
			return drivers.Read{}, errors.New("the daemon holds the readers, and its desk is off; set desk.listen")
		}
		return desk.NextRead(ctx, cfg.Desk.Listen, reader)
	}
	return gateway.ReadOnce(ctx, cfg, slog.New(slog.DiscardHandler), reader, func(e drivers.Event) { tell(progress, e) })
}

// tell says on the way what the readers do; never what they read.
func tell(w io.Writer, e drivers.Event) {
	switch e.Type {
	case drivers.Attached:
		_, _ = fmt.Fprintf(w, "%s: ready, present a card or code\n", e.Reader.Name)
	case drivers.Presented:
		_, _ = fmt.Fprintf(w, "%s: reading\n", e.Reader.Name)
	case drivers.Faulted:
		_, _ = fmt.Fprintf(w, "%s: %s: %s\n", e.Reader.Name, e.Fault.Code, e.Fault.Detail)
	case drivers.Detached, drivers.Removed, drivers.Completed:
	}
}
