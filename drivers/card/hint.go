package card

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// A recording keeps the structure of what a card says and masks the rest
// (record.go). What is structure, the profile knows: its fields say how they look
// into a capture. Hints are these looks, taken from the profile's text.

// hint is one field's way into a capture: the stages that the bytes go through.
type hint []hintStage

type hintStage struct {
	name string
	arg  *yaml.Node // nil: the stage is one word
}

// Bounds of hints: fields can refer to fields in more ways than there are fields.
const (
	maxHints     = 512
	maxHintDepth = 64
)

// hintsOf returns the hints of a profile's fields by capture.
func hintsOf(root *yaml.Node) map[string][]hint {
	type way struct {
		capture string
		hint
	}
	ways := map[string][]way{} // of a field
	out := map[string][]hint{}
	count := 0
	for _, f := range pairsOf(valueOf(root, "fields")) {
		var stages hint
		if do := valueOf(f.value, "do"); do != nil {
			for _, s := range do.Content {
				stages = append(stages, stageOf(s)...)
			}
		}
		for _, key := range []string{"from", "first"} {
			for _, s := range listOf(valueOf(f.value, key)) {
				name, cut, found := strings.Cut(s.Value, "[")
				from, known := ways[name]
				if !known {
					from = []way{{capture: name}}
				}
				for _, w := range from {
					if count++; count > maxHints || len(w.hint)+len(stages) >= maxHintDepth {
						continue
					}
					h := append(hint(nil), w.hint...)
					if found {
						h = append(h, hintStage{"slice", &yaml.Node{Kind: yaml.ScalarNode, Value: strings.TrimSuffix(cut, "]")}})
					}
					h = append(h, stages...)
					ways[f.key] = append(ways[f.key], way{w.capture, h})
					out[w.capture] = append(out[w.capture], h)
				}
			}
		}
	}
	return out
}

func stageOf(n *yaml.Node) hint {
	switch {
	case n.Kind == yaml.ScalarNode:
		return hint{{n.Value, nil}}
	case n.Kind == yaml.MappingNode && len(n.Content) == 2:
		return hint{{n.Content[0].Value, n.Content[1]}}
	}
	return nil
}

type pairOf struct {
	key   string
	value *yaml.Node
}

func pairsOf(n *yaml.Node) []pairOf {
	var out []pairOf
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		out = append(out, pairOf{n.Content[i].Value, n.Content[i+1]})
	}
	return out
}

func valueOf(n *yaml.Node, key string) *yaml.Node {
	for _, p := range pairsOf(n) {
		if p.key == key {
			return p.value
		}
	}
	return nil
}

// listOf is a list's entries, or the node as the only one.
func listOf(n *yaml.Node) []*yaml.Node {
	switch {
	case n == nil:
		return nil
	case n.Kind == yaml.SequenceNode:
		return n.Content
	}
	return []*yaml.Node{n}
}
