package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"cardferry/gateway"
	"cardferry/hl7"
)

func hl7Command() *cobra.Command {
	cmd := &cobra.Command{Use: "hl7", Short: "Look at, translate and send HL7 v2 messages"}
	cmd.AddCommand(hl7ParseCommand(), hl7FHIRCommand(), hl7SendCommand(), hl7DestinationsCommand())
	return cmd
}

func hl7ParseCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "parse [FILE]", Short: "Print every value of a message with its path", Args: cobra.MaximumNArgs(1)}
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
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
		if *asJSON {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(describe(m))
		}
		return describe(m).print(cmd.OutOrStdout())
	}
	return cmd
}

// description is what parse prints.
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
	for _, warn := range d.Warnings {
		_, _ = fmt.Fprintf(b, "warning: %s at byte %d\n", warn.Code, warn.Offset)
	}
	return b.Flush()
}

func hl7FHIRCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "fhir [FILE]", Short: "Translate one message to a FHIR transaction Bundle", Args: cobra.MaximumNArgs(1)}
	var src source
	src.register(cmd)
	lines := cmd.Flags().Bool("lines", false, `keep running: JSON lines {"id","hl7"} in, {"id","bundle"} out`)
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
