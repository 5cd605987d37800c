package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"cardferry/configs"
	"cardferry/gateway"
	"cardferry/gateway/admin"
	"cardferry/gateway/outbound"
	"cardferry/hl7"
	"cardferry/hl7/mllp"
)

func hl7SendCommand() *cobra.Command {
	var src source
	cmd := &cobra.Command{
		Use: "send ADDRESS [FILE] | send --to NAME [FILE]", Short: "Send messages over MLLP and print each acknowledgement", Args: cobra.MaximumNArgs(2),
		Long: "Send messages over MLLP to ADDRESS and print each acknowledgement; or, with --to, hand them to\n" +
			"the running daemon, which keeps them until that destination has acknowledged them.",
	}
	src.register(cmd)
	timeout := cmd.Flags().Duration("timeout", 30*time.Second, "longest wait for one acknowledgement")
	to := cmd.Flags().String("to", "", "a destination of the daemon, by its name in hl7.destinations")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var address string
		if *to == "" {
			if len(args) == 0 {
				return usageError{errors.New("send needs host:port, or --to NAME")}
			}
			address, args = args[0], args[1:]
		}
		raw, err := message(cmd, args)
		if err != nil {
			return err
		}
		batch, err := hl7.Split(raw, hl7.Options{})
		if err != nil {
			return err
		}
		if *to == "" {
			return sendNow(cmd.Context(), cmd.OutOrStdout(), &mllp.Client{Addr: address, AckFor: *timeout}, batch.Messages)
		}
		cfg, err := src.loadOrDefault()
		if err != nil {
			return err
		}
		return sendLater(cmd.Context(), cmd.OutOrStdout(), cfg, *to, batch.Messages)
	}
	return cmd
}

func sendNow(ctx context.Context, out io.Writer, c *mllp.Client, messages [][]byte) error {
	defer func() { _ = c.Close() }()
	negative := 0
	for _, msg := range messages {
		ack, err := c.Send(ctx, msg)
		if err != nil {
			return fmt.Errorf("send: %w", err)
		}
		if _, err := fmt.Fprintf(out, "%s\n", bytes.ReplaceAll(bytes.TrimRight(ack.Raw, "\r"), []byte("\r"), []byte("\n"))); err != nil {
			return err
		}
		if !ack.Code.Positive() {
			negative++
		}
	}
	if negative > 0 {
		return errors.New("not every message was accepted; see the acknowledgements above")
	}
	return nil
}

func sendLater(ctx context.Context, out io.Writer, cfg *configs.Config, destination string, messages [][]byte) error {
	c, err := admin.Dial(ctx, cfg.Admin.Listen, gateway.AdminTokenFile(cfg.DataDir))
	if err != nil {
		return fmt.Errorf("%w; the daemon keeps messages for a destination", err)
	}
	defer func() { _ = c.Close() }()
	for _, msg := range messages {
		id, err := c.Send(ctx, destination, msg)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "queued for %s as %s\n", destination, id); err != nil {
			return err
		}
	}
	return nil
}

func hl7DestinationsCommand() *cobra.Command {
	var src source
	cmd := &cobra.Command{Use: "destinations", Short: "List the systems that messages go back to, and how they do", Args: cobra.NoArgs}
	src.register(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := src.load()
		if err != nil {
			return err
		}
		c, err := admin.Dial(cmd.Context(), cfg.Admin.Listen, gateway.AdminTokenFile(cfg.DataDir))
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }()
		var states []outbound.DestinationState
		if err := c.Destinations(cmd.Context(), &states); err != nil {
			return err
		}
		if *asJSON {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(states)
		}
		return printDestinations(cmd.OutOrStdout(), states)
	}
	return cmd
}

func printDestinations(w io.Writer, states []outbound.DestinationState) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(cells ...string) { _, _ = fmt.Fprintln(t, strings.Join(cells, "\t")) }
	line("DESTINATION", "STATE", "WAIT", "OLDEST", "PARKED", "DELIVERED", "")
	for _, d := range states {
		state, advice := "up", ""
		switch {
		case d.LastError != "":
			state = d.LastError
			if !d.NextTry.IsZero() {
				advice = "tried again " + d.NextTry.Local().Format(time.TimeOnly)
			}
		case !d.Up:
			state = "not tried yet"
		}
		if d.Parked > 0 {
			advice = "cardferry queue ls --destination " + d.Name + "; then retry or drop"
			if d.Held {
				advice = "what follows waits: " + advice
			}
		}
		oldest := ""
		if !d.Oldest.IsZero() {
			oldest = age(d.Oldest)
		}
		line(d.Name, state, fmt.Sprint(d.Backlog), oldest, fmt.Sprint(d.Parked), fmt.Sprint(d.Delivered), advice)
	}
	if len(states) == 0 {
		line("none configured; see hl7.destinations")
	}
	return t.Flush()
}
