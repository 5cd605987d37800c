package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"cardferry/drivers"
	"cardferry/drivers/card"
	"cardferry/gateway"
)

// tablesFlag is --tables, the site's own tables.
func tablesFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("tables", "", "directory with a site's own cards/, codes/ and v2fhir/")
}

func printRead(w io.Writer, r drivers.Read) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

func cardCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "card", Short: "Write, try and record card profiles"}
	replay := &cobra.Command{
		Use: "replay FILE", Short: "Read a recorded or described card and print what it says", Args: exactly(1, "a replay file, or - for standard input"),
	}
	tables := tablesFlag(replay)
	replay.RunE = func(cmd *cobra.Command, args []string) error {
		t, err := gateway.LoadTables(*tables, nil)
		if err != nil {
			return err
		}
		in, err := open(cmd, args[0])
		if err != nil {
			return err
		}
		defer func() { _ = in.Close() }()
		r, err := t.Cards.Replay(cmd.Context(), io.LimitReader(in, maxInput))
		if err != nil {
			return fmt.Errorf("replay %s: %w", args[0], err)
		}
		return printRead(cmd.OutOrStdout(), r)
	}
	cmd.AddCommand(replay, cardTestCommand(), cardRecordCommand(), cardNewCommand(), documentCommand("card profiles", card.Schema, card.Reference))
	return cmd
}

// cardTestCommand replays the tests inside profiles: all of them, or those of a file
// or directory.
func cardTestCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "test [FILE|DIR]", Short: "Replay the tests inside card profiles", Args: cobra.MaximumNArgs(1),
		Long: "Replay the tests inside card profiles: the shipped ones and, with --tables, a site's;\n" +
			"or those of one profile or directory of profiles, which needs to be installed nowhere.",
	}
	tables := tablesFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var engine *card.Engine
		var wanted map[string]bool // nil is all
		if len(args) == 1 {
			var err error
			if engine, wanted, err = gateway.LoadProfilesAt(args[0]); err != nil {
				return err
			}
		} else {
			t, err := gateway.LoadTables(*tables, nil)
			if err != nil {
				return err
			}
			engine = t.Cards
		}
		var tally tally
		for _, r := range engine.TestProfiles(cmd.Context()) {
			if wanted == nil || wanted[r.Profile] {
				tally.add(r.Profile+": "+r.Test, r.Err)
				tally.explain(r.Diff)
			}
		}
		return tally.report(cmd.OutOrStdout())
	}
	return cmd
}

// cardRecordCommand records the dialogue with a card in a PC/SC reader.
func cardRecordCommand() *cobra.Command {
	var src source
	cmd := &cobra.Command{
		Use: "record", Short: "Record a card's dialogue without what it says of its holder", Args: cobra.NoArgs,
		Long: "Wait for a card in a smart card reader, read it and print the dialogue as a replay file, the\n" +
			"holder's values replaced by others of their kind: for support, and for a new profile.\n" +
			"A card that no profile reads is looked around on; nothing is written to any card.\n" +
			"Look at the file before you pass it on: of a card nobody knows, no program can be sure.",
	}
	src.register(cmd)
	reader := cmd.Flags().String("reader", "", "use only this reader, by its name")
	timeout := cmd.Flags().Duration("timeout", time.Minute, "how long to wait for a card")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := src.loadOrDefault()
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), *timeout)
		defer cancel()
		doc, err := gateway.RecordCard(ctx, cfg, *reader, func(e drivers.Event) { tell(cmd.ErrOrStderr(), e) })
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("no card within %v; cardferry readers lists the readers", *timeout)
		}
		if err != nil {
			return err
		}
		e := json.NewEncoder(cmd.OutOrStdout())
		e.SetIndent("", " ")
		return e.Encode(doc)
	}
	return cmd
}

// cardNewCommand writes the beginning of a profile.
func cardNewCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "new FILE", Short: "Write a commented profile to go on from, out of a recording",
		Args: exactly(1, "a replay file of cardferry card record, or - for standard input"),
	}
	name := cmd.Flags().String("name", "my-card", "the profile's name")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		in, err := open(cmd, args[0])
		if err != nil {
			return err
		}
		defer func() { _ = in.Close() }()
		text, err := readAll(in)
		if err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		profile, err := card.Skeleton(text, *name)
		if err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		_, err = cmd.OutOrStdout().Write(profile)
		return err
	}
	return cmd
}
