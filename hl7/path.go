package hl7

import (
	"fmt"
	"strconv"
)

// maxIndex is the largest number a path may hold.
const maxIndex = 1_000_000

// Path is a position in a message. All numbers count from 1; 0 means not given:
// the first occurrence, the whole segment, field, repetition or component.
type Path struct {
	Segment      string // as written in the message, 1 to 4 letters or digits
	Occurrence   int    // among the segments of that name, inside the group if there is one
	Field        int
	Repetition   int
	Component    int
	Subcomponent int

	// Group narrows the search to one group: the GroupOccurrence-th segment of
	// that name (0: the first) and all that follow it up to the next of the same
	// name. "" means the whole message.
	Group           string
	GroupOccurrence int
}

// PathError says what is wrong with a path and where.
type PathError struct {
	Pos    int // byte offset in the path
	Reason string
}

// Error implements error. Paths are configuration, but may be mistyped values,
// so the path itself is not repeated.
func (e *PathError) Error() string {
	return fmt.Sprintf("hl7: %v at position %d: %s (a valid path is PID-3[2].4.1)", ErrBadPath, e.Pos, e.Reason)
}

// Unwrap gives [ErrBadPath].
func (e *PathError) Unwrap() error { return ErrBadPath }

// ParsePath compiles a path. The canonical form is PID-3[2].4.1 (segment, field,
// repetition, component, subcomponent), OBX[2]-5 (segment occurrence) and
// OBR[2]/OBX[3]-5 (the third OBX that belongs to the second OBR); also read are
// round brackets, a dot or dash between any two numbers (PID.3.1, PID-3-1) and a
// leading slash. It does not allocate when the path is good.
func ParsePath(path string) (Path, error) {
	s := pathScanner{text: path}
	s.accept('/')
	var p Path
	p.Segment = s.segment()
	p.Occurrence = s.index()
	if s.accept('/') {
		p.Group, p.GroupOccurrence = p.Segment, p.Occurrence
		p.Segment = s.segment()
		p.Occurrence = s.index()
	}
	if s.separator() {
		p.Field = s.number()
		p.Repetition = s.index()
		if s.separator() {
			p.Component = s.number()
			if s.separator() {
				p.Subcomponent = s.number()
			}
		}
	}
	if s.reason == "" && s.pos < len(path) {
		s.fail("unexpected character")
	}
	if s.reason != "" {
		return Path{}, &PathError{Pos: s.pos, Reason: s.reason}
	}
	return p, nil
}

// String is the canonical form.
func (p Path) String() string {
	b := make([]byte, 0, 24)
	if p.Group != "" {
		b = append(appendIndex(append(b, p.Group...), p.GroupOccurrence), '/')
	}
	b = append(b, p.Segment...)
	b = appendIndex(b, p.Occurrence)
	if p.Field == 0 {
		return string(b)
	}
	b = strconv.AppendInt(append(b, '-'), int64(p.Field), 10)
	b = appendIndex(b, p.Repetition)
	if p.Component == 0 {
		return string(b)
	}
	b = strconv.AppendInt(append(b, '.'), int64(p.Component), 10)
	if p.Subcomponent == 0 {
		return string(b)
	}
	return string(strconv.AppendInt(append(b, '.'), int64(p.Subcomponent), 10))
}

func appendIndex(b []byte, n int) []byte {
	if n == 0 {
		return b
	}
	return append(strconv.AppendInt(append(b, '['), int64(n), 10), ']')
}

// pathScanner reads left to right and remembers the first thing wrong.
type pathScanner struct {
	text   string
	pos    int
	reason string
}

func (s *pathScanner) fail(reason string) {
	if s.reason == "" {
		s.reason = reason
	}
}

func (s *pathScanner) accept(c byte) bool {
	if s.reason != "" || s.pos >= len(s.text) || s.text[s.pos] != c {
		return false
	}
	s.pos++
	return true
}

func (s *pathScanner) segment() string {
	start := s.pos
	for s.pos < len(s.text) && isAlnum(s.text[s.pos]) {
		s.pos++
	}
	if n := s.pos - start; n == 0 || n > maxNameLength {
		s.fail("want a segment name of 1 to 4 letters or digits")
	}
	return s.text[start:s.pos]
}

func (s *pathScanner) separator() bool { return s.accept('-') || s.accept('.') }

func (s *pathScanner) index() int {
	closing := byte(']')
	if s.accept('(') {
		closing = ')'
	} else if !s.accept('[') {
		return 0
	}
	n := s.number()
	if s.reason == "" && !s.accept(closing) {
		s.fail("want the closing bracket")
	}
	return n
}

func (s *pathScanner) number() int {
	if s.reason != "" {
		return 0
	}
	n, start := 0, s.pos
	for s.pos < len(s.text) && '0' <= s.text[s.pos] && s.text[s.pos] <= '9' {
		if n = n*10 + int(s.text[s.pos]-'0'); n > maxIndex {
			s.fail("number is too large")
			return 0
		}
		s.pos++
	}
	switch {
	case s.pos == start:
		s.fail("want a number")
	case n == 0:
		s.pos = start
		s.fail("numbers count from 1")
	}
	return n
}
