package structure

import (
	"fmt"
	"strings"
	"testing"

	"cardferry/hl7"
)

// write makes the segments of a grammar: only what is required, or everything
// that may stand, repeated where it may repeat.
func (g *grammar) write(at int, all bool, out []string) []string {
	n := &g.nodes[at]
	if n.optional && !all {
		return out
	}
	times := 1
	if n.many && all {
		times = 2
	}
	for range times {
		if n.kind == segmentNode {
			out = append(out, n.name)
			continue
		}
		for kid := n.child; kid != 0; kid = g.nodes[kid].next {
			out = g.write(kid, all, out)
			if n.kind == choice {
				break
			}
		}
	}
	return out
}

// TestEveryStructure writes the least and the most each structure of each version
// allows; nothing may be found in the order of the segments. Then it leaves out
// one required segment after the other; each must be missed.
func TestEveryStructure(t *testing.T) {
	order := func(v version, structure string, segments []string) []Finding {
		code, trigger, _ := strings.Cut(structure, "_")
		if trigger == "" {
			trigger = "A01"
		}
		head := fmt.Sprintf("MSH|^~\\&|||||||%s^%s^%s|1|P|%s\r", code, trigger, structure, v)
		m, err := hl7.Parse([]byte(head+strings.Join(segments, "\r")), hl7.Options{})
		if err != nil {
			t.Fatal(err)
		}
		c := newChecker(m, Options{Max: 1000})
		c.structure()
		return c.list.sorted(1000)
	}
	for v := range versions {
		d := dialects[v]()
		for name, g := range d.messages {
			for _, all := range []bool{false, true} {
				segments := g.write(0, all, nil)[1:]
				for _, f := range order(version(v), name, segments) {
					if f.Code != CodeSegmentUnknown && f.Code != CodeStructureMismatch { // of structures older or newer than the version
						t.Errorf("%s in %s, all %v: %s %s: %s", name, d.version, all, f.Code, f.Path, f.Text)
					}
				}
			}
			least := g.write(0, false, nil)[1:]
			for i, gone := range least {
				rest := append(append([]string{}, least[:i]...), least[i+1:]...)
				missed := false
				for _, f := range order(version(v), name, rest) {
					missed = missed || f.Code == CodeSegmentMissing && f.Path == gone || f.Code == CodeSegmentOrder
				}
				if !missed {
					t.Errorf("%s in %s: nobody misses %s", name, d.version, gone)
				}
			}
		}
	}
}
