package code

import (
	"bytes"
	"slices"
	"strings"
)

// scan is what came from the reader, and the texts that rules see in it. Rules
// share these: most differ in pattern only. It belongs to one goroutine.
type scan struct {
	raw  []byte
	aim  string // symbology of an AIM identifier at the front, such as "Q1"
	seen []view
}

// view is the text of a scan as some rules see it.
type view struct {
	cut       bool // without the AIM identifier
	charset   charset
	normalise []normaliser

	bytes []byte
	text  string
	lossy bool
}

func newScan(raw []byte) *scan {
	s := &scan{raw: bytes.TrimPrefix(raw, utf8BOM)}
	s.aim, _ = cutAIM(string(s.raw[:min(3, len(s.raw))]))
	return s
}

// view returns the scan as a rule sees it.
func (s *scan) view(r *rule) view {
	cut := s.aim != "" && slices.ContainsFunc(r.AIM, func(a aim) bool { return a.is(s.aim) })
	for _, v := range s.seen {
		if v.cut == cut && v.charset == r.Charset && slices.Equal(v.normalise, r.Normalise) {
			return v
		}
	}
	v := view{cut: cut, charset: r.Charset, normalise: r.Normalise, bytes: s.raw}
	if cut {
		v.bytes = s.raw[3:]
	}
	v.text, v.lossy = r.Charset.text(v.bytes)
	for _, n := range r.Normalise {
		v.text = n.apply(v.text)
	}
	v.text = strings.TrimSpace(v.text)
	s.seen = append(s.seen, v)
	return v
}
