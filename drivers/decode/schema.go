package decode

import "slices"

// Definitions is the language's part of a JSON Schema (2020-12), for its $defs: the
// types by name, and "stage", an entry of `do`.
func (l Language) Definitions() map[string]any {
	defs := map[string]any{"stage": stageSchema(l.Stages)}
	for name, shape := range l.Types {
		defs[name] = shape.Schema()
	}
	return defs
}

// Schema is the shape as a JSON Schema (2020-12). References are to $defs.
func (s Shape) Schema() map[string]any {
	out := map[string]any{}
	switch s.Type {
	case ShapeText:
		out["type"] = "string"
		if len(s.Words) > 0 {
			out["enum"] = s.Words
		}
		if s.Pattern != "" {
			out["pattern"] = s.Pattern
		}
	case ShapeHex: // 0201 and 4E5 are numbers to YAML
		out["type"], out["pattern"] = []string{"string", "number"}, "^(0x)?[0-9A-Fa-f ]+$"
	case ShapeNumber:
		out["type"], out["minimum"] = "integer", 0
	case ShapeSigned:
		out["type"] = "integer"
	case ShapeBool:
		out["type"] = "boolean"
	case ShapeList:
		out["type"], out["items"] = "array", s.Item.Schema()
	case ShapeChoice:
		var choice []any
		for _, a := range s.Any {
			choice = append(choice, a.Schema())
		}
		out["anyOf"] = choice
	case ShapeRef:
		out["$ref"] = "#/$defs/" + s.Ref
	case ShapeMapping:
		out["type"] = "object"
		if s.Item != nil {
			out["additionalProperties"] = s.Item.Schema()
			break
		}
		properties, required := map[string]any{}, []string{}
		for _, k := range s.Keys {
			properties[k.Name] = k.Shape.Schema()
			if k.Required {
				required = append(required, k.Name)
			}
		}
		out["properties"], out["additionalProperties"] = properties, false
		if len(required) > 0 {
			out["required"] = slices.Sorted(slices.Values(required))
		}
	}
	if s.Doc != "" {
		out["description"] = s.Doc
	}
	return out
}

// stageSchema is a word, or a mapping of one key with the stage's argument.
func stageSchema(stages []StageDoc) map[string]any {
	var words []string
	properties := map[string]any{}
	for _, st := range stages {
		if st.Argument == nil || st.Optional {
			words = append(words, st.Name)
		}
		if st.Argument != nil {
			argument := st.Argument.Schema()
			argument["description"] = st.Doc
			properties[st.Name] = argument
		}
	}
	return map[string]any{"anyOf": []any{
		map[string]any{"type": "string", "enum": words},
		map[string]any{"type": "object", "minProperties": 1, "maxProperties": 1, "properties": properties, "additionalProperties": false},
	}}
}
