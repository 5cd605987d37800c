package hl7

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite golden files")

// TestCorpus reads every message of testdata/messages and compares what a person
// would want to know of it with its golden file.
func TestCorpus(t *testing.T) {
	files, err := filepath.Glob("testdata/messages/*.hl7")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d messages, %v", len(files), err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".hl7"), func(t *testing.T) {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := describe(parse(t, string(b)))
			golden := strings.TrimSuffix(name, ".hl7") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// describe lists the character set, the warnings and every leaf in UTF-8.
func describe(m *Message) string {
	var sb strings.Builder
	code, trigger, structure := m.Type()
	fmt.Fprintf(&sb, "%s %s %s, version %s, %s\n", code, trigger, structure, m.Version(), m.Charset())
	for _, w := range m.Warnings() {
		fmt.Fprintf(&sb, "warning %s at %d\n", w.Code, w.Offset)
	}
	seen := map[string]int{}
	at := -1
	occurrence := 0
	for p, v := range m.Leaves() {
		name := m.Segments()[p.Segment].Name()
		if p.Segment != at {
			at = p.Segment
			seen[name]++
			occurrence = seen[name]
		}
		path := Path{Segment: name, Occurrence: occurrence, Field: p.Field, Repetition: p.Repetition, Component: p.Component, Subcomponent: p.Subcomponent}
		if v.Kind() == Null {
			fmt.Fprintf(&sb, "%s null\n", path)
			continue
		}
		fmt.Fprintf(&sb, "%s %q\n", path, v.Text())
	}
	return sb.String()
}
