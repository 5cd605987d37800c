package structure

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"cardferry/hl7"
)

// seeds are all sample messages, and some that are hardly any.
func seeds(f *testing.F) {
	f.Helper()
	for _, pattern := range []string{"testdata/*.hl7", "../testdata/messages/*.hl7"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range files {
			b, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	for _, s := range []string{
		"MSH|^~\\&", "MSH|^~\\&\rMSH|^~\\&\rMSH", "MSH|^|||||||ORU^R01||||||\rOBX||ED|||^^^Base64^=", "MSH$%~\\&$A$$$$$$ADT%A01\rPID$$$1%%%a&b&c",
		"MSH|^~\\&|||||||ORM^O01|||2.3\rORC\rORC\rRXO\rODS\rOBR|", "MSH|^~\\&|||||||ACK|||2.8\rMSA|&&&|^^^^|~~~~\rZZZ\r\r\n line\rPID|\"\"^\"\"&\"\"",
	} {
		f.Add([]byte(s))
	}
}

// FuzzValidate holds what is found against the message: places are in it, paths
// lead to values, and there are not too many.
func FuzzValidate(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := hl7.Parse(raw, hl7.Options{MaxSize: 1 << 16})
		if err != nil {
			return
		}
		findings := Validate(m, Options{})
		if len(findings) > defaultMax+1 {
			t.Fatalf("%d findings", len(findings))
		}
		last := 0
		for _, finding := range findings {
			if finding.Offset < last || m.Charset() != "UTF-16" && finding.Offset > len(raw) {
				t.Fatalf("%+v: offset in %d bytes, after %d", finding, len(raw), last)
			}
			last = finding.Offset
			if finding.Path == "" {
				continue
			}
			v, err := m.Get(finding.Path)
			if err != nil {
				t.Fatalf("%+v: %v", finding, err)
			}
			switch finding.Code {
			case CodeDatatype, CodeTableValue, CodeTooLong, CodeFieldRepeats, CodeFieldUnknown, CodeFieldWithdrawn, CodeComponentUnknown:
				if len(v.Raw()) == 0 {
					t.Fatalf("%+v: there is nothing", finding)
				}
			case CodeFieldMissing:
				if v.Kind() != hl7.Absent {
					t.Fatalf("%+v: it is there", finding)
				}
			}
		}
	})
}

// FuzzTree holds the tree against the message: a line at least for every value,
// no control characters, and no content when none is asked for.
func FuzzTree(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := hl7.Parse(raw, hl7.Options{MaxSize: 1 << 16})
		if err != nil {
			return
		}
		leaves := 0
		for range m.Leaves() {
			leaves++
		}
		var sb strings.Builder
		if err := Tree(&sb, m, TreeOptions{Values: true, Width: 20}); err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(sb.String(), "\n"); lines < leaves+len(m.Segments()) {
			t.Fatalf("%d lines for %d values in %d segments", lines, leaves, len(m.Segments()))
		}
		for _, r := range sb.String() {
			if r != '\n' && r != utf8.RuneError && hidden(r) {
				t.Fatalf("%U in the tree", r)
			}
		}
		if err := Tree(io.Discard, m, TreeOptions{Width: -1}); err != nil {
			t.Fatal(err)
		}
	})
}
