package fhir

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// condition is a compiled "when":
//
//	PV1-45 valued and not (PV1-2.1 = 'P' or PV1-2.1 in ('N','U'))
//	count(PID-11) > 1, length(PID-7) >= 8, OBX-5 numeric, PID-8 null
//
// valued and empty do not count the null value ("") as a value.
type condition struct {
	op    condOp
	left  *condition
	right *condition
	at    source
	words []string
	num   int
	cmp   string
}

type condOp uint8

const (
	opAnd condOp = iota
	opOr
	opNot
	opValued
	opNull
	opNumeric
	opIn
	opCount
	opLength
)

func (c *condition) holds(s *scope) bool {
	switch c.op {
	case opAnd:
		return c.left.holds(s) && c.right.holds(s)
	case opOr:
		return c.left.holds(s) || c.right.holds(s)
	case opNot:
		return !c.left.holds(s)
	case opValued:
		return s.valued(&c.at)
	case opNull:
		return s.find(&c.at).null()
	case opNumeric:
		_, ok := decimal(s.find(&c.at).text())
		return ok
	case opIn:
		return slices.Contains(c.words, s.find(&c.at).text())
	case opCount:
		return compare(repetitions(s.fieldOf(&c.at)), c.cmp, c.num)
	}
	return compare(len(s.find(&c.at).text()), c.cmp, c.num)
}

// repetitions counts the non-empty repetitions of a field.
func repetitions(c cursor) int {
	n, last := 0, uint16(0)
	for i := c.lo; i < c.hi; i++ {
		if r := c.seg.leaves[i].rep; r != last {
			n, last = n+1, r
		}
	}
	return n
}

func compare(a int, op string, b int) bool {
	switch op {
	case "=":
		return a == b
	case "!=":
		return a != b
	case ">":
		return a > b
	case ">=":
		return a >= b
	case "<":
		return a < b
	}
	return a <= b
}

// mentions says whether the condition reads the position's field or component.
func (c *condition) mentions(p source) bool {
	if c == nil {
		return false
	}
	if c.op <= opNot {
		return c.left.mentions(p) || c.right.mentions(p)
	}
	return c.at.name == p.name && c.at.field == p.field && (c.at.field > 0 || c.at.comp == p.comp)
}

type condParser struct {
	toks     []string
	datatype string
	depth    int
}

// maxConditionDepth bounds brackets and nots.
const maxConditionDepth = 20

func parseCondition(s, datatype string) (*condition, error) {
	toks, err := condTokens(s)
	if err != nil {
		return nil, err
	}
	p := condParser{toks: toks, datatype: datatype}
	c, err := p.or()
	if err != nil {
		return nil, fmt.Errorf("condition %q: %w", s, err)
	}
	if len(p.toks) > 0 {
		return nil, fmt.Errorf("condition %q: unexpected %q", s, p.toks[0])
	}
	return c, nil
}

func condTokens(s string) ([]string, error) {
	var toks []string
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == ' ':
			i++
		case c == '\'':
			j := strings.IndexByte(s[i+1:], '\'')
			if j < 0 {
				return nil, fmt.Errorf("condition %q: a quote is not closed", s)
			}
			toks = append(toks, s[i:i+1+j])
			i += j + 2
		case strings.IndexByte("(),", c) >= 0:
			toks = append(toks, s[i:i+1])
			i++
		case strings.IndexByte("=!<>", c) >= 0:
			j := i + 1
			if j < len(s) && s[j] == '=' {
				j++
			}
			toks = append(toks, s[i:j])
			i = j
		default:
			j := i
			for j < len(s) && strings.IndexByte(" (),=!<>'", s[j]) < 0 {
				j++
			}
			toks = append(toks, s[i:j])
			i = j
		}
	}
	return toks, nil
}

func (p *condParser) next() string {
	if len(p.toks) == 0 {
		return ""
	}
	t := p.toks[0]
	p.toks = p.toks[1:]
	return t
}

func (p *condParser) accept(t string) bool {
	if len(p.toks) > 0 && p.toks[0] == t {
		p.toks = p.toks[1:]
		return true
	}
	return false
}

func (p *condParser) or() (*condition, error) {
	if p.depth++; p.depth > maxConditionDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxConditionDepth)
	}
	defer func() { p.depth-- }()
	left, err := p.and()
	for err == nil && p.accept("or") {
		var right *condition
		right, err = p.and()
		left = &condition{op: opOr, left: left, right: right}
	}
	return left, err
}

func (p *condParser) and() (*condition, error) {
	left, err := p.unary()
	for err == nil && p.accept("and") {
		var right *condition
		right, err = p.unary()
		left = &condition{op: opAnd, left: left, right: right}
	}
	return left, err
}

func (p *condParser) unary() (*condition, error) {
	switch {
	case p.accept("not"):
		if p.depth++; p.depth > maxConditionDepth {
			return nil, fmt.Errorf("nested deeper than %d", maxConditionDepth)
		}
		defer func() { p.depth-- }()
		c, err := p.unary()
		return &condition{op: opNot, left: c}, err
	case p.accept("("):
		c, err := p.or()
		if err == nil && !p.accept(")") {
			err = fmt.Errorf("a bracket is not closed")
		}
		return c, err
	case p.accept("count"):
		return p.measure(opCount)
	case p.accept("length"):
		return p.measure(opLength)
	}
	return p.test()
}

func (p *condParser) position() (source, error) {
	t := p.next()
	return parseSource(t, datatypeOf(t, p.datatype))
}

func (p *condParser) measure(op condOp) (*condition, error) {
	if !p.accept("(") {
		return nil, fmt.Errorf("count and length need a position in brackets")
	}
	at, err := p.position()
	if err != nil {
		return nil, err
	}
	if !p.accept(")") {
		return nil, fmt.Errorf("a bracket is not closed")
	}
	cmp := p.next()
	if !slices.Contains([]string{"=", "!=", ">", ">=", "<", "<="}, cmp) {
		return nil, fmt.Errorf("want a comparison after count or length")
	}
	n, err := strconv.Atoi(p.next())
	if err != nil {
		return nil, fmt.Errorf("want a whole number after the comparison")
	}
	if op == opCount && at.relative {
		return nil, fmt.Errorf("count needs a field")
	}
	return &condition{op: op, at: at, cmp: cmp, num: n}, nil
}

func (p *condParser) test() (*condition, error) {
	at, err := p.position()
	if err != nil {
		return nil, err
	}
	c := &condition{at: at, op: opIn}
	negate := false
	switch t := p.next(); t {
	case "valued":
		c.op = opValued
	case "empty":
		c.op, negate = opValued, true
	case "null":
		c.op = opNull
	case "numeric":
		c.op = opNumeric
	case "=", "!=":
		negate = t == "!="
		err = p.word(c)
	case "not":
		negate = true
		if !p.accept("in") {
			return nil, fmt.Errorf("want in after not")
		}
		err = p.list(c)
	case "in":
		err = p.list(c)
	default:
		return nil, fmt.Errorf("unknown test %q (valued, empty, null, numeric, =, !=, in, not in)", t)
	}
	if err == nil && negate {
		c = &condition{op: opNot, left: c}
	}
	return c, err
}

func (p *condParser) word(c *condition) error {
	w := p.next()
	if w == "" || w[0] != '\'' {
		return fmt.Errorf("a text is written in single quotes")
	}
	c.words = append(c.words, w[1:])
	return nil
}

func (p *condParser) list(c *condition) error {
	if !p.accept("(") {
		return fmt.Errorf("want a list in brackets")
	}
	for {
		if err := p.word(c); err != nil {
			return err
		}
		if p.accept(")") {
			return nil
		}
		if !p.accept(",") {
			return fmt.Errorf("want a comma or a bracket in the list")
		}
	}
}
