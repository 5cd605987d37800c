package code

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

// scan is what came from the reader, and the texts that rules see in it. Rules
// share these: most differ in pattern only. It belongs to one goroutine.
type scan struct {
	raw   []byte
	utf8  bool   // the bytes are UTF-8, whatever charset a rule expects
	aim   string // symbology of an AIM identifier at the front, such as "Q1"
	plain []view // not normalised
	views []view
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
	s.utf8 = utf8.Valid(s.raw)
	s.aim, _ = cutAIM(string(s.raw[:min(3, len(s.raw))]))
	return s
}

// view returns the scan without the identifiers of some symbologies, decoded by a
// charset where it is not UTF-8, and normalised.
func (s *scan) view(aims []aim, c charset, steps []normaliser) view {
	cut := s.aim != "" && slices.ContainsFunc(aims, func(a aim) bool { return a.is(s.aim) })
	for i := range s.views {
		if v := &s.views[i]; v.cut == cut && v.charset == c && slices.Equal(v.normalise, steps) {
			return *v
		}
	}
	v := s.plainView(cut, c)
	v.charset, v.normalise = c, steps
	for _, n := range steps {
		v.text = n.apply(v.text)
	}
	v.text = strings.TrimSpace(v.text)
	s.views = append(s.views, v)
	return v
}

// plainView decodes the scan. Charsets only differ where the bytes are not UTF-8.
func (s *scan) plainView(cut bool, c charset) view {
	if s.utf8 {
		c = "utf-8"
	}
	for _, v := range s.plain {
		if v.cut == cut && v.charset == c {
			return v
		}
	}
	v := view{cut: cut, charset: c, bytes: s.raw}
	if cut {
		v.bytes = s.raw[3:]
	}
	var err error
	if v.text, v.lossy, err = Text(v.bytes, string(c)); err != nil {
		v.lossy = true
	}
	s.plain = append(s.plain, v)
	return v
}
