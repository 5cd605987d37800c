package fhir

import (
	"strconv"

	"cardferry/hl7"
	"cardferry/hl7/fhir/resource"
)

// Origin says what made one element of a Bundle.
type Origin struct {
	// Entry is the entry's place on the server: "Patient/6b4…".
	Entry string
	// Path is the element: "Patient.name[0].family".
	Path string
	// Row is the id of the mapping row, in messages.csv for a reference that links
	// two resources, in segments or datatypes otherwise.
	Row string
	// Position is where in the message: "PID-5.1"; of a constant, what its row was
	// executed for.
	Position string
}

type origin struct{ row, position string }

// Explain is [Translator.Translate] with the row and the input of each element of
// the Bundle that tables made, in the order of the Bundle. It holds no values.
func (t *Translator) Explain(m *hl7.Message, key string) (Result, []Origin, error) {
	return t.translate(m, key, map[*resource.Node]origin{})
}

// explain walks what is left after checks and merging.
func (r *run) explain() []Origin {
	if r.origins == nil {
		return nil
	}
	var out []Origin
	for _, b := range r.built {
		if b.live() {
			out = r.explainNode(out, b, b.node, b.node.Type().Name, origin{})
		}
	}
	return out
}

// explainNode lists the primitives below n; those that a built-in set have the
// origin of the element it made.
func (r *run) explainNode(out []Origin, b *built, n *resource.Node, path string, from origin) []Origin {
	if o, ok := r.origins[n]; ok {
		from = o
	}
	if n.Text() != "" && from.row != "" {
		out = append(out, Origin{Entry: b.put, Path: path, Row: from.row, Position: from.position})
	}
	var prev *resource.Node
	index := 0
	for c := n.First(); c != nil; c = c.Next() {
		if index++; prev == nil || prev.Element() != c.Element() {
			index = 0
		}
		prev = c
		step := path + "." + c.Element().Name
		if c.Element().Many {
			step += "[" + strconv.Itoa(index) + "]"
		}
		out = r.explainNode(out, b, c, step, from)
	}
	return out
}
