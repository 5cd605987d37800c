package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"cardferry/gateway"
	"cardferry/hl7"
	"cardferry/hl7/structure"
)

func hl7Command() *cobra.Command {
	cmd := &cobra.Command{Use: "hl7", Short: "Look at, translate and send HL7 v2 messages"}
	cmd.AddCommand(hl7ParseCommand(), hl7ValidateCommand(), hl7FHIRCommand(), hl7SendCommand(), hl7ListenCommand(), hl7DestinationsCommand())
	return cmd
}

func hl7ParseCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "parse [FILE]", Short: "Print a message as a tree with the names of its fields", Args: cobra.MaximumNArgs(1),
		Long: "Print a message as a tree with the names of its fields. With --no-values nothing of the\n" +
			"patient is printed, only what was sent where and how long it is: for support.",
	}
	asJSON := cmd.Flags().Bool("json", false, "print every value with its path as JSON")
	paths := cmd.Flags().Bool("paths", false, "print every value with its path, a line each")
	noValues := cmd.Flags().Bool("no-values", false, "print kinds and lengths instead of values")
	whole := cmd.Flags().Bool("whole", false, "print long values whole")
	charset := cmd.Flags().String("charset", "", "read in this character set whatever MSH-18 says")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		raw, err := message(cmd, args)
		if err != nil {
			return err
		}
		m, err := hl7.Parse(raw, hl7.Options{Charset: *charset})
		if err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		switch {
		case *asJSON:
			return json.NewEncoder(out).Encode(describe(m))
		case *paths:
			return describe(m).print(out)
		}
		o := structure.TreeOptions{Values: !*noValues}
		if *whole {
			o.Width = -1
		}
		if err := structure.Tree(out, m, o); err != nil {
			return err
		}
		return printWarnings(out, m.Warnings())
	}
	return cmd
}

// hl7ValidateCommand holds messages against the standard.
func hl7ValidateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "validate [FILE]", Short: "Say where a message is not as the standard has it", Args: cobra.MaximumNArgs(1),
		Long: "Say where a message, or each of several, is not as its version of HL7 v2 has it: structure,\n" +
			"required fields, datatypes. Findings are warnings; with --strict what the standard forbids is\n" +
			"an error, and the exit code 1. Nothing of the content is printed.",
	}
	strict := cmd.Flags().Bool("strict", false, "make errors of what the standard forbids")
	asJSON := cmd.Flags().Bool("json", false, "print JSON, one line a message")
	charset := cmd.Flags().String("charset", "", "read in this character set whatever MSH-18 says")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		raw, err := message(cmd, args)
		if err != nil {
			return err
		}
		batch, err := hl7.Split(raw, hl7.Options{Charset: *charset})
		if err != nil {
			return err
		}
		broken := 0
		for i, msg := range batch.Messages {
			m, err := hl7.Parse(msg, hl7.Options{Charset: *charset})
			if err != nil {
				return fmt.Errorf("message %d: %w", i+1, err)
			}
			v := validation{Message: i + 1, Findings: structure.Validate(m, structure.Options{Strict: *strict}), Warnings: m.Warnings()}
			if v.broken() {
				broken++
			}
			if err := v.print(cmd.OutOrStdout(), *asJSON); err != nil {
				return err
			}
		}
		if broken > 0 {
			return fmt.Errorf("%d of %d messages break the standard; see above", broken, len(batch.Messages))
		}
		return nil
	}
	return cmd
}

// validation is what is to be said of one message.
type validation struct {
	Message  int                 `json:"message"` // from 1
	Findings []structure.Finding `json:"findings"`
	Warnings []hl7.Warning       `json:"warnings"`
}

func (v validation) broken() bool {
	return slices.ContainsFunc(v.Findings, func(f structure.Finding) bool { return f.Severity == structure.Error })
}

func (v validation) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(v)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range v.Findings {
		_, _ = fmt.Fprintf(t, "%d\t%v\t%s\tbyte %d\t%s\t%s\n", v.Message, f.Severity, f.Path, f.Offset, f.Code, f.Text)
	}
	for _, f := range v.Warnings {
		_, _ = fmt.Fprintf(t, "%d\twarning\t\tbyte %d\t%s\t\n", v.Message, f.Offset, f.Code)
	}
	if len(v.Findings)+len(v.Warnings) == 0 {
		_, _ = fmt.Fprintf(t, "%d\tas the standard has it\n", v.Message)
	}
	return t.Flush()
}

func printWarnings(w io.Writer, warnings []hl7.Warning) error {
	for _, warn := range warnings {
		if _, err := fmt.Fprintf(w, "warning: %s at byte %d\n", warn.Code, warn.Offset); err != nil {
			return err
		}
	}
	return nil
}

// description is what parse prints of every value.
type description struct {
	Type     string        `json:"type"`
	Version  string        `json:"version"`
	Charset  string        `json:"charset"`
	Values   []pathValue   `json:"values"`
	Warnings []hl7.Warning `json:"warnings"`
}

type pathValue struct {
	Path string `json:"path"`
	Text string `json:"text"`
	Null bool   `json:"null,omitempty"`
}

func describe(m *hl7.Message) description {
	code, trigger, _ := m.Type()
	d := description{Type: code + "^" + trigger, Version: m.Version(), Charset: m.Charset(), Warnings: m.Warnings()}
	segs := m.Segments()
	count, nth := map[string]int{}, make([]int, len(segs))
	for i, s := range segs {
		count[s.Name()]++
		nth[i] = count[s.Name()]
	}
	for pos, v := range m.Leaves() {
		s := segs[pos.Segment]
		path := s.Name()
		if count[s.Name()] > 1 {
			path += fmt.Sprintf("(%d)", nth[pos.Segment])
		}
		path += fmt.Sprintf("-%d", pos.Field)
		if s.Field(pos.Field).Reps() > 1 {
			path += fmt.Sprintf("[%d]", pos.Repetition)
		}
		rep := s.Field(pos.Field).Rep(pos.Repetition)
		switch {
		case rep.Component(pos.Component).Subcomponents() > 1:
			path += fmt.Sprintf(".%d.%d", pos.Component, pos.Subcomponent)
		case rep.Components() > 1:
			path += fmt.Sprintf(".%d", pos.Component)
		}
		d.Values = append(d.Values, pathValue{path, v.Text(), v.Kind() == hl7.Null})
	}
	return d
}

func (d description) print(w io.Writer) error {
	b := bufio.NewWriter(w)
	_, _ = fmt.Fprintf(b, "%s, version %s, %s\n", d.Type, d.Version, d.Charset)
	for _, v := range d.Values {
		text := fmt.Sprintf("%q", v.Text)
		if v.Null {
			text = `"" (delete)`
		}
		_, _ = fmt.Fprintf(b, "  %-18s %s\n", v.Path, text)
	}
	if err := printWarnings(b, d.Warnings); err != nil {
		return err
	}
	return b.Flush()
}

func hl7FHIRCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "fhir [FILE]", Short: "Translate one message to a FHIR transaction Bundle", Args: cobra.MaximumNArgs(1)}
	var src source
	src.register(cmd)
	lines := cmd.Flags().Bool("lines", false, `keep running: JSON lines {"id","hl7"} in, {"id","bundle"} out`)
	explain := cmd.Flags().Bool("explain", false, "print which table row and input made each element, instead of the Bundle; no values")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		t, err := translation(&src)
		if err != nil {
			return err
		}
		if *lines {
			return t.lines(cmd.InOrStdin(), cmd.OutOrStdout())
		}
		raw, err := message(cmd, args)
		if err != nil {
			return err
		}
		if *explain {
			return t.explain(cmd.OutOrStdout(), raw)
		}
		bundle, err := t.bundle(raw)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", bundle)
		return err
	}
	return cmd
}

func translation(src *source) (*translator, error) {
	cfg, err := src.loadOrDefault()
	if err != nil {
		return nil, err
	}
	tables, err := gateway.LoadTables(cfg.TablesDir, cfg.Readers.CardKeys)
	if err != nil {
		return nil, err
	}
	t, err := tables.Translator(cfg)
	return &translator{t, hl7.Options{DefaultCharset: cfg.HL7.Charset}}, err
}
