package structure

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cardferry/hl7"
)

var update = flag.Bool("update", false, "rewrite golden files")

// TestMessages prints every sample message as a tree, with and without content,
// and lists what is wrong with it.
func TestMessages(t *testing.T) {
	var files []string
	for _, pattern := range []string{"testdata/*.hl7", "../testdata/messages/*.hl7"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(found), err)
		}
		files = append(files, found...)
	}
	for _, name := range files {
		base := strings.TrimSuffix(filepath.Base(name), ".hl7")
		t.Run(base, func(t *testing.T) {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			m, err := hl7.Parse(b, hl7.Options{})
			if err != nil {
				t.Fatal(err)
			}
			var sb strings.Builder
			for _, f := range Validate(m, Options{}) {
				fmt.Fprintf(&sb, "%s %s %s at %d: %s\n", f.Severity, f.Code, f.Path, f.Offset, f.Text)
			}
			for _, values := range []bool{true, false} {
				sb.WriteString("\n")
				if err := Tree(&sb, m, TreeOptions{Values: values}); err != nil {
					t.Fatal(err)
				}
			}
			golden := filepath.Join("testdata", base+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(sb.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got := sb.String(); got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}
