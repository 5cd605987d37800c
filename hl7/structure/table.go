package structure

import (
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
)

// reader turns the tables into a dialect and collects what is wrong with them.
type reader struct {
	d    *dialect
	errs []error
}

// fail notes a line that cannot be read.
func (r *reader) fail(table string, line int, reason string) {
	r.errs = append(r.errs, fmt.Errorf("structure: tables/%s line %d: %s", table, line, reason))
}

func (r *reader) err() error { return errors.Join(r.errs...) }

// rows yields the lines of a table that are not empty and no comment, with
// their numbers.
func rows(text string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		for n := 1; text != ""; n++ {
			var line string
			line, text, _ = strings.Cut(text, "\n")
			if line != "" && line[0] != '#' && !yield(n, line) {
				return
			}
		}
	}
}

// cut splits a line at its tabs into dst and says how many columns there are.
func cut(line string, dst []string) int {
	n := 0
	for ; n < len(dst); n++ {
		var more bool
		dst[n], line, more = strings.Cut(line, "\t")
		if !more {
			return n + 1
		}
	}
	return n + 1
}

// entry is one line about a field or component with its changes applied.
type entry struct {
	position             int
	in                   bool // in this version
	name, typ            string
	usage                Usage
	repeats, length, tbl int
}

// segments reads the segments of the version.
func (r *reader) segments(text string) {
	const file = "segments.tsv"
	var cur *segment
	var col [9]string
	for n, line := range rows(text) {
		if line[0] > '9' {
			cur = nil
			if cut(line, col[:3]) != 3 {
				r.fail(file, n, "a segment has name, versions and title")
				continue
			}
			in, ok := inRange(col[1], r.d.version)
			if !ok {
				r.fail(file, n, "versions cannot be read")
			}
			cur = &segment{name: col[0], title: col[2]}
			if in {
				r.d.segments[cur.name] = cur
			}
			continue
		}
		columns := cut(line, col[:])
		if columns < 8 || columns > 9 {
			r.fail(file, n, "a field has eight or nine columns")
			continue
		}
		if columns == 8 {
			col[8] = ""
		}
		e, err := r.entry(col[0], col[1], col[2], col[3], col[4], col[5], col[6], col[7], col[8])
		if err != nil {
			r.fail(file, n, err.Error())
			continue
		}
		if cur == nil || !e.in || r.d.segments[cur.name] != cur {
			continue
		}
		typ := r.d.datatypes[e.typ]
		if typ == nil {
			r.fail(file, n, "datatype is not in datatypes.tsv for "+r.d.version.String())
			continue
		}
		if e.position <= len(cur.fields) && cur.fields[e.position-1].typ != nil {
			r.fail(file, n, "position stands twice")
			continue
		}
		for len(cur.fields) < e.position {
			cur.fields = append(cur.fields, field{})
		}
		cur.fields[e.position-1] = field{
			Field: Field{e.name, e.typ, e.tbl, e.usage, e.repeats, e.length},
			typ:   typ, codes: r.d.tables[e.tbl],
		}
		if e.usage == Required {
			cur.required.add(e.position)
		}
	}
}

// datatypes reads the datatypes of the version; components point to each other
// only after [reader.resolveComponents].
func (r *reader) datatypes(text string) {
	const file = "datatypes.tsv"
	var cur *datatype
	var col [8]string
	for n, line := range rows(text) {
		if line[0] > '9' {
			cur = nil
			if cut(line, col[:3]) != 3 {
				r.fail(file, n, "a datatype has name, versions and title")
				continue
			}
			in, ok := inRange(col[1], r.d.version)
			if !ok {
				r.fail(file, n, "versions cannot be read")
			}
			if in {
				cur = &datatype{name: col[0], title: col[2], check: primitives[col[0]], rule: rules[col[0]]}
				r.d.datatypes[cur.name] = cur
			}
			continue
		}
		columns := cut(line, col[:])
		if columns < 7 || columns > 8 {
			r.fail(file, n, "a component has seven or eight columns")
			continue
		}
		if columns == 7 {
			col[7] = ""
		}
		e, err := r.entry(col[0], col[1], col[2], col[3], col[4], ".", col[5], col[6], col[7])
		if err != nil {
			r.fail(file, n, err.Error())
			continue
		}
		if cur == nil || !e.in {
			continue
		}
		if e.position != len(cur.components)+1 {
			r.fail(file, n, "positions must follow each other")
			continue
		}
		cur.components = append(cur.components, component{
			Component: Component{e.name, e.typ, e.tbl, e.usage, e.length}, codes: r.d.tables[e.tbl],
		})
		if e.usage == Required {
			cur.required.add(e.position)
		}
	}
}

// resolveComponents points every component at its datatype.
func (r *reader) resolveComponents() {
	for _, t := range r.d.datatypes {
		for i := range t.components {
			c := &t.components[i]
			if c.typ = r.d.datatypes[c.Datatype]; c.typ == nil {
				r.errs = append(r.errs, fmt.Errorf("structure: tables/datatypes.tsv: %s.%d in %s: no datatype %s", t.name, i+1, r.d.version, c.Datatype))
				c.typ = &datatype{name: c.Datatype}
			}
		}
	}
}

// entry reads the columns of a field or component for the version.
func (r *reader) entry(position, in, name, typ, usage, repeats, length, table, changes string) (e entry, err error) {
	var ok bool
	if e.position, err = strconv.Atoi(position); err != nil || e.position < 1 || e.position > 128 {
		return e, errors.New("position is not a number from 1 to 128")
	}
	if e.in, ok = inRange(in, r.d.version); !ok {
		return e, errors.New("versions cannot be read")
	}
	e.name = name
	values := [...][2]string{{"type", typ}, {"usage", usage}, {"rep", repeats}, {"len", length}, {"table", table}}
	for _, kv := range values {
		if err := e.set(kv[0], kv[1]); err != nil {
			return e, err
		}
	}
	for changes != "" {
		var clause string
		clause, changes, _ = strings.Cut(changes, "|")
		when, what, _ := strings.Cut(clause, " ")
		apply, ok := inRange(when, r.d.version)
		if !ok || what == "" {
			return e, errors.New("a change is not \"versions key=value ...\"")
		}
		if err := e.change(what, apply); err != nil {
			return e, err
		}
	}
	return e, nil
}

// change reads the keys of one clause and keeps them if apply is set.
func (e *entry) change(what string, apply bool) error {
	scratch := *e
	for what != "" {
		key, value, ok := strings.Cut(what, "=")
		if !ok {
			return errors.New("a change lacks its value")
		}
		what = ""
		if key != "name" {
			value, what, _ = strings.Cut(value, " ")
		}
		if err := scratch.set(key, value); err != nil {
			return err
		}
	}
	if apply {
		*e = scratch
	}
	return nil
}

func (e *entry) set(key, value string) (err error) {
	switch key {
	case "name":
		e.name = value
	case "type":
		e.typ = value
	case "usage":
		if len(value) != 1 || strings.IndexByte("ROCBX", value[0]) < 0 {
			return errors.New("usage is not one of R O C B X")
		}
		e.usage = Usage(value[0])
	case "rep":
		switch value {
		case ".":
			e.repeats = 1
		case "*":
			e.repeats = 0
		default:
			e.repeats, err = strconv.Atoi(value)
		}
	case "len":
		e.length, err = number(value)
	case "table":
		e.tbl, err = number(value)
	default:
		return errors.New("unknown key in a change")
	}
	if err != nil {
		return errors.New(key + " is not a number")
	}
	return nil
}

func number(text string) (int, error) {
	if text == "." {
		return 0, nil
	}
	return strconv.Atoi(text)
}

// codes reads the closed tables, which are the same for all versions.
func (r *reader) codes(text string) {
	const file = "codes.tsv"
	var col [3]string
	for n, line := range rows(text) {
		if cut(line, col[:]) != 3 {
			r.fail(file, n, "a table has number, name and codes")
			continue
		}
		number, err := strconv.Atoi(col[0])
		if err != nil {
			r.fail(file, n, "number cannot be read")
			continue
		}
		c := &codes{number: number, name: col[1], set: map[string]struct{}{}, site: number == 3 || number == 76}
		for code := range strings.FieldsSeq(col[2]) {
			c.set[code] = struct{}{}
		}
		r.d.tables[number] = c
	}
}

// events reads which structure belongs to which event.
func (r *reader) events(text string) {
	const file = "events.tsv"
	var col [3]string
	for n, line := range rows(text) {
		if cut(line, col[:]) != 3 {
			r.fail(file, n, "an event has message code, structure and trigger events")
			continue
		}
		for event := range strings.FieldsSeq(col[2]) {
			key := col[0] + "^" + event
			if r.d.events[key] != "" {
				r.fail(file, n, "event stands twice")
			}
			r.d.events[key] = col[1]
		}
	}
}
