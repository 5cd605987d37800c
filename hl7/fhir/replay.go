package fhir

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"cardferry/hl7"
)

// Case is a test that travels with the tables: tests/NAME.hl7 and the Bundle
// expected of it, tests/NAME.json.
type Case struct {
	Name    string
	Message []byte
	Want    []byte // nil: only validity is checked
}

// CaseConfig is the configuration under which cases are replayed, so that their
// Bundles do not depend on the site.
func CaseConfig() Config {
	return Config{Namespace: "330106001", SiteName: "cardferry test", Zone: time.FixedZone("", 8*3600)}
}

// Cases are the tests of all table folders in order; a site's case replaces the
// shipped one of the same name, for a site that changes what it is about.
func (t *Tables) Cases() []Case { return slices.Clone(t.cases) }

func overlayCases(base, over []Case) []Case {
	for _, c := range over {
		if i := slices.IndexFunc(base, func(b Case) bool { return b.Name == c.Name }); i >= 0 {
			base[i] = c
		} else {
			base = append(base, c)
		}
	}
	return base
}

// maxCaseBytes bounds a test message or Bundle.
const maxCaseBytes = 4 << 20

func readCases(f fs.FS) ([]Case, error) {
	names, err := fs.Glob(f, "tests/*.hl7")
	if err != nil {
		return nil, err
	}
	var out []Case
	for _, name := range names {
		c := Case{Name: strings.TrimSuffix(path.Base(name), ".hl7")}
		if c.Message, err = fs.ReadFile(f, name); err != nil {
			return nil, err
		}
		c.Message = Segments(c.Message)
		want, err := fs.ReadFile(f, strings.TrimSuffix(name, ".hl7")+".json")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if len(c.Message) > maxCaseBytes || len(want) > maxCaseBytes {
			return nil, &TableError{File: name, Err: fmt.Errorf("a test is at most %d bytes", maxCaseBytes)}
		}
		c.Want = want
		out = append(out, c)
	}
	return out, nil
}

// Segments makes a message out of a text file: line ends become the carriage
// returns of HL7. A file that has carriage returns alone is left as it is.
func Segments(b []byte) []byte {
	b = bytes.ReplaceAll(b, []byte("\r\n"), []byte("\r"))
	return bytes.ReplaceAll(b, []byte("\n"), []byte("\r"))
}

// Replay translates the message of a case and compares with its Bundle,
// whatever the white space. It returns the Bundle made; the error says where the
// first difference is, without values.
func (t *Tables) Replay(c Case) ([]byte, error) {
	tr, err := NewTranslator(t, CaseConfig())
	if err != nil {
		return nil, err
	}
	m, err := hl7.Parse(c.Message, hl7.Options{})
	if err != nil {
		return nil, fmt.Errorf("case %s: %w", c.Name, err)
	}
	res, err := tr.Translate(m, "case|"+c.Name)
	if err != nil {
		return nil, fmt.Errorf("case %s: %w", c.Name, err)
	}
	if issues := ValidateBundle(res.Bundle); len(issues) > 0 {
		return res.Bundle, fmt.Errorf("case %s: the Bundle is not valid R4: %s: %s", c.Name, issues[0].Expression, issues[0].Detail)
	}
	if c.Want == nil {
		return res.Bundle, nil
	}
	if path, same := compareJSON(maskVersion(res.Bundle), maskVersion(c.Want)); !same {
		return res.Bundle, fmt.Errorf("case %s: the Bundle differs at %s", c.Name, path)
	}
	return res.Bundle, nil
}
