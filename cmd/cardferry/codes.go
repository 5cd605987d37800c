package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"cardferry/drivers"
	"cardferry/drivers/code"
	"cardferry/drivers/idcard"
	"cardferry/gateway"
)

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
	cmd.AddCommand(decode, test, documentCommand("code rules", code.Schema, code.Reference))
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

// documentCommand prints what describes a table language, for an editor and for
// people.
func documentCommand(what string, schema, reference func() []byte) *cobra.Command {
	cmd := &cobra.Command{Use: "schema", Short: "Print the JSON Schema of " + what + ", for completion in an editor", Args: cobra.NoArgs}
	markdown := cmd.Flags().Bool("markdown", false, "print the reference for people instead")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		text := schema()
		if *markdown {
			text = reference()
		}
		_, err := cmd.OutOrStdout().Write(text)
		return err
	}
	return cmd
}
