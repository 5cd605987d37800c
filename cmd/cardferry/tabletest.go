package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"cardferry/gateway"
)

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

// explain adds lines to the failure noted last.
func (t *tally) explain(diff string) {
	if diff == "" || len(t.failed) == 0 {
		return
	}
	t.failed[len(t.failed)-1] += "\n  " + strings.ReplaceAll(strings.TrimRight(diff, "\n"), "\n", "\n  ")
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
