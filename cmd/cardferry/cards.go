package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cardferry/drivers"
	"cardferry/drivers/idcard"
	"cardferry/gateway"
)

// maxInput bounds what a command reads from a file or standard input, bytes.
const maxInput = 64 << 20

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
	cmd := &cobra.Command{Use: "card", Short: "Try card profiles without a reader"}
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
	test := tableTest("Replay the tests inside every card profile", func(ctx context.Context, t *gateway.Tables, tally *tally) {
		for _, r := range t.Cards.TestProfiles(ctx) {
			tally.add(r.Profile+": "+r.Test, r.Err)
		}
	})
	cmd.AddCommand(replay, test)
	return cmd
}

func codeCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "code", Short: "Try code rules without a scanner"}
	decode := &cobra.Command{Use: "decode", Short: "Recognise one scan from standard input", Args: cobra.NoArgs}
	isHex := decode.Flags().Bool("hex", false, "the input is hexadecimal")
	tables := tablesFlag(decode)
	decode.RunE = func(cmd *cobra.Command, _ []string) error {
		t, err := gateway.LoadTables(*tables, nil)
		if err != nil {
			return err
		}
		scan, err := input(cmd, *isHex)
		if err != nil {
			return err
		}
		r := t.Codes.Recognise(scan)
		r.ID, r.Time, r.Reader = drivers.NewReadID(), time.Now(), "stdin"
		return printRead(cmd.OutOrStdout(), r)
	}
	test := tableTest("Replay the tests inside every code rule", func(_ context.Context, t *gateway.Tables, tally *tally) {
		for _, r := range t.Codes.Test() {
			tally.add(r.Rule+": "+r.Case, r.Err)
		}
	})
	cmd.AddCommand(decode, test)
	return cmd
}

func idcardCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "idcard", Short: "Try resident identity cards without a reader"}
	decode := &cobra.Command{Use: "decode", Short: "Decode one SAM text block from standard input", Args: cobra.NoArgs}
	isHex := decode.Flags().Bool("hex", false, "the input is hexadecimal")
	decode.RunE = func(cmd *cobra.Command, _ []string) error {
		block, err := input(cmd, *isHex)
		if err != nil {
			return err
		}
		r, err := idcard.DecodeText(block)
		if err != nil {
			return err
		}
		r.ID, r.Time, r.Reader = drivers.NewReadID(), time.Now(), "stdin"
		return printRead(cmd.OutOrStdout(), r)
	}
	cmd.AddCommand(decode)
	return cmd
}

// tableTest makes a command that replays the tests which tables carry.
func tableTest(short string, replay func(context.Context, *gateway.Tables, *tally)) *cobra.Command {
	cmd := &cobra.Command{Use: "test", Short: short, Args: cobra.NoArgs}
	tables := tablesFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		t, err := gateway.LoadTables(*tables, nil)
		if err != nil {
			return err
		}
		var tally tally
		replay(cmd.Context(), t, &tally)
		return tally.report(cmd.OutOrStdout())
	}
	return cmd
}

// tally counts tests and keeps the failures.
type tally struct {
	run    int
	failed []string
}

func (t *tally) add(name string, err error) {
	t.run++
	if err != nil {
		t.failed = append(t.failed, fmt.Sprintf("%s: %v", name, err))
	}
}

func (t *tally) report(w io.Writer) error {
	for _, f := range t.failed {
		if _, err := fmt.Fprintln(w, "FAIL", f); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(w, "%d passed, %d failed\n", t.run-len(t.failed), len(t.failed)); err != nil {
		return err
	}
	if len(t.failed) > 0 {
		return errors.New("a table fails its own tests")
	}
	return nil
}

func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usageError{fmt.Errorf("%s needs %s", cmd.CommandPath(), what)}
		}
		return nil
	}
}

func open(cmd *cobra.Command, name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(cmd.InOrStdin()), nil
	}
	return os.Open(name)
}

// input reads standard input whole.
func input(cmd *cobra.Command, isHex bool) ([]byte, error) {
	b, err := readAll(cmd.InOrStdin())
	if err != nil || !isHex {
		return b, err
	}
	b, err = hex.DecodeString(strings.Join(strings.Fields(string(b)), ""))
	if err != nil {
		return nil, fmt.Errorf("standard input is not hexadecimal: %w", err)
	}
	return b, nil
}

func readAll(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err == nil && len(b) > maxInput {
		err = fmt.Errorf("the input is larger than %d MB", maxInput>>20)
	}
	if err != nil {
		return nil, fmt.Errorf("read standard input: %w", err)
	}
	return b, nil
}
