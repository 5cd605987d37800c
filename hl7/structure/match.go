package structure

// place is where the matcher put one segment.
type place struct {
	node int // 0: it found none
	// fresh is the depth of the outermost group that starts with this segment, -1
	// when it goes on in the groups of the segment before it.
	fresh int
}

// matcher walks the segments of a message through a grammar. It looks ahead only
// within the grammar, never in the message, so its time is linear in the number
// of segments.
type matcher struct {
	g   *grammar
	cur int // the node of the last segment that found its place
	// missing are the nodes that the last step had to pass over although they are
	// required.
	missing []int
}

// begin puts the first segment, MSH, in its place.
func (m *matcher) begin() place {
	m.cur = m.g.nodes[0].child
	return place{node: m.cur, fresh: -1}
}

// step finds the place of the next segment: first one that leaves nothing out;
// if there is none and lenient is set, one that leaves out what is then in
// m.missing. It does not move; accept does.
func (m *matcher) step(symbol int, lenient bool) (place, bool) {
	m.missing = m.missing[:0]
	at := m.cur
	n := &m.g.nodes[at]
	if n.symbol == symbol && n.many {
		return place{at, -1}, true
	}
	for {
		n = &m.g.nodes[at]
		parent := n.parent
		if parent < 0 {
			return place{}, false
		}
		up := &m.g.nodes[parent]
		if up.kind != choice {
			for sib := n.next; sib != 0; sib = m.g.nodes[sib].next {
				if found, ok := m.enter(sib, symbol, lenient); ok {
					return place{found, m.freshDepth(sib)}, true
				}
				if !m.pass(sib, lenient) {
					return place{}, false
				}
			}
		}
		if up.many {
			if found, ok := m.enter(parent, symbol, lenient); ok {
				fresh := up.depth
				if up.kind != group {
					fresh = -1
				}
				return place{found, fresh}, true
			}
		}
		at = parent
	}
}

// freshDepth is the depth of the group that a sibling opens, -1 for a segment.
func (m *matcher) freshDepth(sib int) int {
	if n := &m.g.nodes[sib]; n.kind == group {
		return n.depth
	}
	return -1
}

// pass steps over a node that does not match and says whether that is allowed.
func (m *matcher) pass(at int, lenient bool) bool {
	if m.g.nodes[at].optional {
		return true
	}
	if lenient {
		m.missing = append(m.missing, at)
	}
	return lenient
}

// enter finds symbol at the start of a node.
func (m *matcher) enter(at, symbol int, lenient bool) (int, bool) {
	n := &m.g.nodes[at]
	if n.kind == segmentNode {
		return at, n.symbol == symbol
	}
	kept := len(m.missing)
	for kid := n.child; kid != 0; kid = m.g.nodes[kid].next {
		if found, ok := m.enter(kid, symbol, lenient); ok {
			return found, true
		}
		if n.kind == choice {
			continue
		}
		if !m.pass(kid, lenient) {
			break
		}
	}
	m.missing = m.missing[:kept]
	return 0, false
}

// accept moves to a place that step found.
func (m *matcher) accept(p place) { m.cur = p.node }

// end collects in m.missing what must still have come after the last segment.
func (m *matcher) end() {
	m.missing = m.missing[:0]
	for at := m.cur; m.g.nodes[at].parent >= 0; at = m.g.nodes[at].parent {
		if m.g.nodes[m.g.nodes[at].parent].kind == choice {
			continue
		}
		for sib := m.g.nodes[at].next; sib != 0; sib = m.g.nodes[sib].next {
			m.pass(sib, true)
		}
	}
}
