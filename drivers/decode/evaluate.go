package decode

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"cardferry/drivers"
)

// Options are what a site decides and a test controls.
type Options struct {
	// Release names the sensitive fields that the site wants.
	Release []string
	// Keys are the public keys that signatures are checked with.
	Keys Keys
	// Today completes years of two digits; now without it.
	Today time.Time
}

// Reading is what evaluating fields yields. It holds patient data and masks itself
// in logs.
type Reading struct {
	// Values are the inputs and the fields that are present, by name.
	Values   map[string]Value
	Warnings []drivers.Warning
	// Raw has the bytes, in upper-case hex, of texts that could not be decoded in
	// full, by field name; not of fields that a more sensitive one is cut out of.
	Raw map[string]string
	// Partial says that a required field is there but unreadable.
	Partial bool

	hidden map[string]bool // secret fields: never put out
}

// Warn adds a warning, once.
func (r *Reading) Warn(code, field string) {
	w := drivers.Warning{Code: code, Field: field}
	if !slices.Contains(r.Warnings, w) {
		r.Warnings = append(r.Warnings, w)
	}
}

// LogValue keeps patient data out of logs.
func (r Reading) LogValue() slog.Value {
	return slog.GroupValue(slog.Int("values", len(r.Values)), slog.Int("warnings", len(r.Warnings)), slog.Bool("partial", r.Partial))
}

// String masks the reading for fmt.
func (r Reading) String() string { return "reading (masked)" }

// GoString masks the reading for %#v.
func (r Reading) GoString() string { return r.String() }

// evaluation is a Reading in the making.
type evaluation struct {
	*Reading
	opt   Options
	field string // being evaluated
	size  int    // of all values, in bytes
}

func (e *evaluation) warn(code string) { e.Warn(code, e.field) }

// lossy notes that text lost characters: the raw bytes stay available in hex.
func (e *evaluation) lossy(b []byte) {
	e.warn("lossy_text")
	e.Raw[e.field] = strings.ToUpper(hex.EncodeToString(b))
}

// Evaluate computes all fields from the inputs. A field that cannot be decoded is
// absent and warned about; it never ends the evaluation, only ctx does.
func (f *Fields) Evaluate(ctx context.Context, inputs map[string]Value, opt Options) (*Reading, error) {
	e := &evaluation{Reading: &Reading{Values: make(map[string]Value, len(inputs)+len(f.list)), Raw: map[string]string{}, hidden: map[string]bool{}}, opt: opt}
	for name, v := range inputs {
		e.Values[name] = v
	}
	for i := range f.list {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		name, x := f.list[i].Name, &f.list[i].Val
		if x.guard == sensitive && !slices.Contains(opt.Release, name) || x.When != nil && !x.When.Holds(e.Values) {
			continue
		}
		e.field = name
		v, err := e.apply(x)
		switch {
		case err == nil && v.Present():
			e.Values[name] = v
		case err != nil && !errors.Is(err, errAbsent):
			e.warn("unreadable")
			e.Partial = e.Partial || x.Required
		case x.Required:
			e.warn("missing")
		}
		if x.guard == secret {
			e.hidden[name] = true
		}
		if x.holds > x.guard || x.guard == secret {
			delete(e.Raw, name)
		}
	}
	return e.Reading, nil
}

func (e *evaluation) apply(f *field) (Value, error) {
	v, err := e.source(f)
	if err != nil {
		return Value{}, err
	}
	if e.size += len(v.b); e.size > maxValues {
		return Value{}, errUnreadable
	}
	for _, st := range f.Do {
		if len(v.b) == 0 {
			return Value{}, errAbsent
		}
		if v, err = st.op.apply(e, v); err != nil {
			return Value{}, err
		}
		if e.size += len(v.b); e.size > maxValues || len(v.b) > maxValue {
			return Value{}, errUnreadable
		}
	}
	return v, nil
}

// source joins the sources of a field or takes the first present one. A cut that
// the bytes fill only in part is unreadable: half a name would look like a name.
func (e *evaluation) source(f *field) (Value, error) {
	var out Value
	for _, s := range f.sources() {
		v := e.Values[s.Name]
		if !s.cut.fills(v) {
			return Value{}, errUnreadable
		}
		v.b = s.cut.cut(v)
		switch {
		case len(v.b) == 0:
		case len(out.b) == 0:
			out = v
		default: // sources share their bytes with other fields: join into new ones
			out.b = slices.Concat(out.b, []byte(f.Join), v.b)
		}
		if f.First != nil && len(out.b) > 0 {
			break
		}
	}
	return out, nil
}
