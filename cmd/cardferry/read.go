package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cardferry/configs"
	"cardferry/drivers"
	"cardferry/drivers/card"
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
		r, err := readNext(ctx, cfg, *reader, cmd.InOrStdin(), cmd.ErrOrStderr())
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
func readNext(ctx context.Context, cfg *configs.Config, reader string, in io.Reader, progress io.Writer) (drivers.Read, error) {
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
	return gateway.ReadOnce(ctx, cfg, slog.New(slog.DiscardHandler), reader, func(e drivers.Event) { tell(progress, e) }, askAt(in, progress))
}

// askAt asks at the terminal what a card cannot be read without, a printed number; nil
// where there is none to ask at.
func askAt(in io.Reader, progress io.Writer) gateway.Prompt {
	f, ok := in.(*os.File)
	if !ok {
		return nil
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	question := map[card.PromptKind]string{
		card.PromptMRZ: "document number,birth date,expiry date as NUMBER,YYMMDD,YYMMDD", card.PromptCAN: "six digits on the card (CAN)", card.PromptCardNumber: "number on the card",
	}
	return func(ctx context.Context, p card.Prompt) (string, error) {
		_, _ = fmt.Fprintf(progress, "%s (Enter goes on without): ", question[p.Kind])
		typed := make(chan string, 1)
		go func() { // ends with the program: a terminal's read cannot be called off
			line, _ := bufio.NewReader(io.LimitReader(in, 1<<10)).ReadString('\n')
			typed <- strings.TrimSpace(line)
		}()
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case answer := <-typed:
			if answer == "" {
				return "", card.ErrPromptDeclined
			}
			return answer, nil
		}
	}
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
