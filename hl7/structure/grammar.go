package structure

import "strings"

// grammar is the abstract syntax of one message structure in one version: a
// tree, its nodes in the order they are written.
type grammar struct {
	name    string
	nodes   []node
	symbols map[string]int // segment names of this structure, numbered from 0
}

type nodeKind uint8

const (
	group nodeKind = iota
	segmentNode
	choice // one of its children
)

type node struct {
	name     string
	kind     nodeKind
	optional bool
	many     bool
	symbol   int // of a segment
	parent   int // -1 for the root
	next     int // the sibling behind it, 0 for none
	child    int // the first child, 0 for none
	depth    int
}

// messages reads the structures of the version.
func (r *reader) messages(text string) {
	const file = "messages.txt"
	var name string
	var body strings.Builder
	at := 0
	flush := func() {
		if name == "" {
			return
		}
		p := grammarParser{text: body.String(), v: r.d.version, g: &grammar{name: name, symbols: map[string]int{}}}
		if reason := p.parse(); reason != "" {
			r.fail(file, at, reason)
			return
		}
		if r.d.messages[name] != nil {
			r.fail(file, at, "structure stands twice")
		}
		r.d.messages[name] = p.g
	}
	for n, line := range rows(text) {
		if line[0] != ' ' {
			flush()
			var rest string
			name, rest, _ = strings.Cut(line, " ")
			at = n
			body.Reset()
			line = rest
		}
		body.WriteString(line)
		body.WriteByte(' ')
	}
	flush()
}

// maxGroups bounds how deep groups may nest in the tables.
const maxGroups = 12

// grammarParser reads one line of messages.txt.
type grammarParser struct {
	text string
	pos  int
	v    version
	g    *grammar
}

// parse fills the grammar and says what is wrong with the text.
func (p *grammarParser) parse() string {
	p.g.nodes = append(p.g.nodes, node{name: p.g.name, parent: -1})
	if reason := p.elements(0, 0); reason != "" {
		return reason
	}
	if p.pos < len(p.text) {
		return "a group closes that was not opened"
	}
	if p.g.nodes[0].child == 0 {
		return "structure is empty"
	}
	for i := range p.g.nodes {
		if n := &p.g.nodes[i]; n.kind == segmentNode {
			n.symbol = p.symbol(n.name)
		}
	}
	return ""
}

// elements reads the children of a node up to the closing bracket or the end.
func (p *grammarParser) elements(parent, depth int) string {
	if depth > maxGroups {
		return "groups nest too deep"
	}
	last := 0
	for {
		p.skip(" |")
		if p.pos == len(p.text) || p.text[p.pos] == ')' {
			return ""
		}
		at := len(p.g.nodes)
		in, reason := p.element(parent, depth)
		if reason != "" {
			return reason
		}
		if !in {
			p.g.nodes = p.g.nodes[:at]
			continue
		}
		if last == 0 {
			p.g.nodes[parent].child = at
		} else {
			p.g.nodes[last].next = at
		}
		last = at
	}
}

// element reads one segment, group or choice and says whether the version has
// it.
func (p *grammarParser) element(parent, depth int) (in bool, reason string) {
	at := len(p.g.nodes)
	n := node{name: p.word(), parent: parent, depth: depth, kind: segmentNode}
	p.g.nodes = append(p.g.nodes, n)
	if p.accept('(') {
		n.kind = group
		if n.name == "" {
			n.kind = choice
		}
		if reason := p.elements(at, depth+1); reason != "" {
			return false, reason
		}
		if !p.accept(')') {
			return false, "a group does not close"
		}
		n.child = p.g.nodes[at].child
	} else if n.name == "" {
		return false, "unexpected character in a structure"
	}
	switch {
	case p.accept('?'):
		n.optional = true
	case p.accept('*'):
		n.optional, n.many = true, true
	case p.accept('+'):
		n.many = true
	}
	if n.kind == group && p.nothingRequired(n.child) { // (OBX? NTE*)+ is there even when it is empty
		n.optional = true
	}
	in = true
	if p.accept('@') {
		start := p.pos
		for p.pos < len(p.text) && strings.IndexByte("0123456789.-", p.text[p.pos]) >= 0 {
			p.pos++
		}
		var ok bool
		if in, ok = inRange(p.text[start:p.pos], p.v); !ok {
			return false, "versions cannot be read"
		}
	}
	if n.kind != segmentNode && n.child == 0 { // the version has none of its segments
		in = false
	}
	p.g.nodes[at] = n
	return in, ""
}

func (p *grammarParser) nothingRequired(kid int) bool {
	for ; kid != 0; kid = p.g.nodes[kid].next {
		if !p.g.nodes[kid].optional {
			return false
		}
	}
	return true
}

func (p *grammarParser) symbol(name string) int {
	s, ok := p.g.symbols[name]
	if !ok {
		s = len(p.g.symbols)
		p.g.symbols[name] = s
	}
	return s
}

func (p *grammarParser) word() string {
	start := p.pos
	for p.pos < len(p.text) && (p.text[p.pos] == '_' || 'A' <= p.text[p.pos] && p.text[p.pos] <= 'Z' || '0' <= p.text[p.pos] && p.text[p.pos] <= '9') {
		p.pos++
	}
	return p.text[start:p.pos]
}

func (p *grammarParser) accept(c byte) bool {
	if p.pos < len(p.text) && p.text[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

func (p *grammarParser) skip(set string) {
	for p.pos < len(p.text) && strings.IndexByte(set, p.text[p.pos]) >= 0 {
		p.pos++
	}
}

// starts is the first segment that a node can start with and must have, for
// saying what is missing: ORDER_OBSERVATION(ORC? OBR ...) starts with OBR.
func (g *grammar) starts(at int) string {
	for {
		n := &g.nodes[at]
		if n.kind == segmentNode {
			return n.name
		}
		kid := n.child
		for k := kid; k != 0; k = g.nodes[k].next {
			if !g.nodes[k].optional {
				kid = k
				break
			}
		}
		at = kid
	}
}

// neighbour says where a symbol has its first place: before the next segment that
// must be there, or else behind the one written in front of it.
func (g *grammar) neighbour(symbol int) string {
	last := ""
	for i := range g.nodes {
		n := &g.nodes[i]
		switch {
		case n.kind != segmentNode:
		case n.symbol != symbol:
			last = n.name
		default:
			for at := i; at > 0; at = g.nodes[at].parent {
				for sib := g.nodes[at].next; sib != 0; sib = g.nodes[sib].next {
					if !g.nodes[sib].optional {
						return "before " + g.starts(sib)
					}
				}
			}
			return "behind " + last
		}
	}
	return ""
}
