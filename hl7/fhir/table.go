package fhir

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Tables are mapping tables, checked and compiled. They are immutable and safe
// for concurrent use.
type Tables struct {
	version    string
	segments   map[string]*mapping // by name, "PID[Patient]"
	datatypes  map[string]*mapping // by name, "CX[Identifier]"
	vocabulary map[string]*vocabulary
	systems    systems
	structures map[string]*structure // by name, "ADT_A01"
	events     map[string]string     // "ADT^A01" -> structure name
	identity   map[string][]identityKey
	deviations []Deviation
	cases      []Case
}

// Deviation is a row that departs from the implementation guide, and why.
type Deviation struct {
	Table string // "segments", "datatypes", …
	Row   string // the row's id
	Why   string
}

// Deviations lists the rows that depart from the guide, in table order.
func (t *Tables) Deviations() []Deviation { return slices.Clone(t.deviations) }

// TableError is a mistake in a table. It wraps the cause.
type TableError struct {
	File string // path inside the table folder
	Line int    // from 1; 0 when the whole file is meant
	Err  error
}

// Error is "file:line: cause".
func (e *TableError) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Err.Error()
	}
	return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err)
}

// Unwrap returns the cause.
func (e *TableError) Unwrap() error { return e.Err }

// Limits of table folders.
const (
	maxTableBytes = 8 << 20
	maxTableRows  = 100_000
	maxCellBytes  = 2000
)

// columns are the tables by kind with their header.
var columns = map[string][]string{
	"structures": {"id", "structure", "note"},
	"groups":     {"id", "structure", "group", "parent", "opens", "members"},
	"messages":   {"id", "structure", "group", "segment", "when", "resource", "map", "links", "deviation"},
	"segments":   {"id", "map", "source", "when", "target", "use", "vocabulary", "value", "deviation"},
	"datatypes":  {"id", "map", "source", "when", "target", "use", "vocabulary", "value", "deviation"},
	"vocabulary": {"map", "code", "fhir", "system", "display", "deviation"},
	"systems":    {"kind", "code", "uri", "note"},
	"identity":   {"id", "resource", "key", "deviation"},
}

// record is one row before compilation.
type record struct {
	kind, id string
	cells    map[string]string
	file     string
	line     int
}

func (r *record) fail(err error) error { return &TableError{r.file, r.line, err} }

func (r *record) failf(format string, a ...any) error { return r.fail(fmt.Errorf(format, a...)) }

// removed says that a site switched a shipped row off.
func (r *record) removed() bool {
	return r.cells["target"] == "-" || r.cells["resource"] == "-" || r.cells["key"] == "-"
}

// LoadTables reads the table folders in order: the shipped tables first, then a
// site's. A row of a later folder replaces the row with the same id; a new row
// goes before the shipped ones of its map, so that it wins. The target (or
// resource, or key) "-" removes a row. The error lists every mistake found, each
// a [*TableError].
func LoadTables(fsys ...fs.FS) (*Tables, error) {
	if len(fsys) == 0 {
		return nil, errors.New("load mapping tables: no folder given; pass the shipped tables first")
	}
	byKind := map[string][]*record{}
	t := &Tables{}
	for n, f := range fsys {
		recs, err := readFolder(f)
		if err != nil {
			return nil, fmt.Errorf("load mapping tables: %w", err)
		}
		for kind, list := range recs {
			byKind[kind] = overlay(byKind[kind], list)
		}
		if n == 0 {
			b, err := fs.ReadFile(f, "VERSION")
			if err != nil {
				return nil, fmt.Errorf("load mapping tables: the first folder needs a file VERSION: %w", err)
			}
			t.version = strings.TrimSpace(string(b))
		}
		cases, err := readCases(f)
		if err != nil {
			return nil, fmt.Errorf("load mapping tables: %w", err)
		}
		t.cases = overlayCases(t.cases, cases)
	}
	t.version += "+" + digest(byKind)
	if err := t.compile(byKind); err != nil {
		return nil, fmt.Errorf("load mapping tables: %w", err)
	}
	return t, nil
}

// overlay puts the rows of a later folder over those of earlier ones.
func overlay(base, over []*record) []*record {
	at := make(map[string]int, len(base))
	for i, r := range base {
		at[r.id] = i
	}
	var added []*record
	for _, r := range over {
		if i, ok := at[r.id]; ok {
			base[i] = r
		} else {
			added = append(added, r)
		}
	}
	return append(added, base...)
}

// digest is a short fingerprint of all rows, so that a site's change shows in
// the mapping version.
func digest(byKind map[string][]*record) string {
	h := sha256.New()
	kinds := make([]string, 0, len(byKind))
	for k := range byKind {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	for _, k := range kinds {
		for _, r := range byKind[k] {
			for _, c := range columns[k] {
				_, _ = io.WriteString(h, r.cells[c]+"\x00") // a hash does not fail
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:4])
}

func readFolder(f fs.FS) (map[string][]*record, error) {
	out := map[string][]*record{}
	var mistakes []error
	total := 0
	err := fs.WalkDir(f, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".csv" {
			return err
		}
		kind, _, _ := strings.Cut(strings.TrimSuffix(name, ".csv"), "/")
		cols, ok := columns[kind]
		if !ok {
			mistakes = append(mistakes, &TableError{File: name, Err: errors.New("no such kind of table (structures, groups, messages, segments, datatypes, vocabulary, systems, identity)")})
			return nil
		}
		recs, errs := readTable(f, name, kind, cols)
		mistakes = append(mistakes, errs...)
		if total += len(recs); total > maxTableRows {
			return &TableError{File: name, Err: fmt.Errorf("more than %d rows", maxTableRows)}
		}
		out[kind] = append(out[kind], recs...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, recs := range out {
		seen := map[string]*record{}
		for _, r := range recs {
			if first := seen[r.id]; first != nil {
				mistakes = append(mistakes, r.failf("id %q is already used in %s:%d", r.id, first.file, first.line))
			}
			seen[r.id] = r
		}
	}
	return out, errors.Join(mistakes...)
}

func readTable(f fs.FS, name, kind string, cols []string) ([]*record, []error) {
	file, err := f.Open(name)
	if err != nil {
		return nil, []error{&TableError{File: name, Err: err}}
	}
	defer func() { _ = file.Close() }()
	r := csv.NewReader(io.LimitReader(file, maxTableBytes))
	r.Comment = '#'
	r.FieldsPerRecord = -1
	r.TrimLeadingSpace = true
	var out []*record
	var mistakes []error
	for first := true; ; first = false {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			var bad *csv.ParseError
			line := 0
			if errors.As(err, &bad) {
				line, err = bad.Line, bad.Err
			}
			return out, append(mistakes, &TableError{name, line, err})
		}
		line, _ := r.FieldPos(0)
		if first {
			if !slices.Equal(row, cols) {
				return out, append(mistakes, &TableError{name, line, fmt.Errorf("the header must be %s", strings.Join(cols, ","))})
			}
			continue
		}
		rec := &record{kind: kind, file: name, line: line, cells: make(map[string]string, len(cols))}
		if len(row) > len(cols) {
			mistakes = append(mistakes, rec.failf("%d cells, the table has %d columns", len(row), len(cols)))
			continue
		}
		for i, cell := range row {
			if len(cell) > maxCellBytes {
				mistakes = append(mistakes, rec.failf("column %s is longer than %d bytes", cols[i], maxCellBytes))
			}
			rec.cells[cols[i]] = strings.TrimSpace(cell)
		}
		rec.id = rec.cells[cols[0]]
		if kind == "vocabulary" || kind == "systems" {
			rec.id += " " + rec.cells[cols[1]]
		}
		if rec.cells[cols[0]] == "" {
			mistakes = append(mistakes, rec.failf("column %s is empty", cols[0]))
			continue
		}
		out = append(out, rec)
	}
	return out, mistakes
}
