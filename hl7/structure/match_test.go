package structure

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"cardferry/hl7"
)

// howOften says how often an element that may be left out, or repeated, is written.
type howOften func(optional, many bool) int

func least(optional, _ bool) int {
	if optional {
		return 0
	}
	return 1
}

func most(_, many bool) int {
	if many {
		return 2
	}
	return 1
}

func anything(r *rand.Rand) howOften {
	return func(optional, many bool) int {
		n := r.IntN(4)
		if !many {
			n = min(n, 1)
		}
		if !optional {
			n = max(n, 1)
		}
		return n
	}
}

// write makes the segments of a grammar.
func (g *grammar) write(at int, n howOften, out []string) []string {
	e := &g.nodes[at]
	for range n(e.optional, e.many) {
		if e.kind == segmentNode {
			out = append(out, e.name)
			continue
		}
		for kid := e.child; kid != 0; kid = g.nodes[kid].next {
			out = g.write(kid, n, out)
			if e.kind == choice {
				break
			}
		}
	}
	return out
}

// TestEveryStructure writes the least and the most each structure of each version
// allows, and something between; nothing may be found in the order of the segments. Then it leaves out
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
	ways := map[string]howOften{"least": least, "most": most}
	for i := range 20 {
		ways[fmt.Sprintf("random %d", i)] = anything(rand.New(rand.NewPCG(uint64(i), 0)))
	}
	for v := range versions {
		d := dialects[v]()
		for name, g := range d.messages {
			for how, n := range ways {
				segments := g.write(0, n, nil)[1:]
				for _, f := range order(version(v), name, segments) {
					if f.Code != CodeSegmentUnknown && f.Code != CodeStructureMismatch { // of structures older or newer than the version
						t.Errorf("%s in %s, %s: %s %s: %s", name, d.version, how, f.Code, f.Path, f.Text)
					}
				}
			}
			required := g.write(0, least, nil)[1:]
			for i, gone := range required {
				rest := slices.Delete(slices.Clone(required), i, i+1)
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
