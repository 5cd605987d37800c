package card

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"

	"cardferry/drivers/decode"
)

// Schema returns the JSON Schema (2020-12) of card profiles and amendments, for
// completion and early complaints in an editor. The loader is stricter: a schema
// cannot follow a field to its capture, nor judge a command.
func Schema() []byte {
	l := decode.Describe()
	defs := map[string]any{}
	for name, s := range l.Types {
		defs[name] = schemaOf(s)
	}
	defs["stage"] = stageSchema(l.Stages)
	defs["step"] = stepSchema()
	profile := schemaOf(decode.ShapeOf(reflect.TypeFor[spec]()))
	profile["allOf"] = []any{together()}
	defs["profile"] = profile
	defs["amendment"] = schemaOf(decode.ShapeOf(reflect.TypeFor[amendment]()))
	root := map[string]any{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"title":       "cardferry card profile",
		"description": "A kind of card: how it is recognised, read and understood; or an amendment of one.",
		"type":        "object",
		"if":          map[string]any{"required": []string{"amends"}},
		"then":        map[string]any{"$ref": "#/$defs/amendment"},
		"else":        map[string]any{"$ref": "#/$defs/profile"},
		"$defs":       defs,
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(root); err != nil {
		panic(err) // maps of strings: cannot fail
	}
	return b.Bytes()
}

// together says which keys of a profile go together: it reads, by steps or variants,
// or it says why it does not.
func together() map[string]any {
	none := func(keys ...string) map[string]any {
		props := map[string]any{}
		for _, k := range keys {
			props[k] = false
		}
		return map[string]any{"properties": props}
	}
	need := func(keys ...string) map[string]any { return map[string]any{"required": keys} }
	reads := map[string]any{
		"if":   need("variants"),
		"then": map[string]any{"allOf": []any{need("assurance", "fields", "output"), none("steps"), map[string]any{"properties": map[string]any{"match": none("probe", "confirm", "uid-any")}}}},
		"else": map[string]any{"allOf": []any{need("assurance", "steps", "fields", "output"), recognisable()}},
	}
	return map[string]any{
		"if":   need("says"),
		"then": map[string]any{"allOf": []any{none("steps", "variants", "fields", "output", "release", "constants"), recognisable()}},
		"else": reads,
	}
}

// recognisable says that a match needs something to go by.
func recognisable() map[string]any {
	var one []any
	for _, k := range []string{"probe", "atr", "uid-any"} {
		one = append(one, map[string]any{"required": []string{k}})
	}
	return map[string]any{"properties": map[string]any{"match": map[string]any{"anyOf": one}}}
}

// stepSchema is a mapping of one key: an operation, or a macro with its parameters.
func stepSchema() map[string]any {
	props := map[string]any{}
	for _, o := range operations {
		body := schemaOf(decode.ShapeOf(reflect.TypeOf(o.body()).Elem()))
		body["description"] = o.doc
		props[o.name] = body
	}
	shared := schemaOf(decode.ShapeOf(reflect.TypeFor[answer]()))
	call := map[string]any{
		"type":                 "object",
		"description":          "a macro of define with its parameters",
		"properties":           shared["properties"],
		"additionalProperties": schemaOf(new(number).Shape()),
	}
	return map[string]any{
		"type": "object", "minProperties": 1, "maxProperties": 1, "properties": props,
		"propertyNames": map[string]any{"pattern": plainPattern}, "additionalProperties": call,
	}
}

// stageSchema is a word, or a mapping of one key with the stage's argument.
func stageSchema(stages []decode.StageDoc) map[string]any {
	var bare []string
	props := map[string]any{}
	for _, st := range stages {
		if st.Argument == nil || st.Optional {
			bare = append(bare, st.Name)
		}
		if st.Argument != nil {
			arg := schemaOf(*st.Argument)
			arg["description"] = st.Doc
			props[st.Name] = arg
		}
	}
	return map[string]any{"anyOf": []any{
		map[string]any{"type": "string", "enum": bare},
		map[string]any{"type": "object", "minProperties": 1, "maxProperties": 1, "properties": props, "additionalProperties": false},
	}}
}

// schemaOf turns a shape into a schema.
func schemaOf(s decode.Shape) map[string]any {
	out := map[string]any{}
	switch s.Type {
	case decode.ShapeText:
		out["type"] = "string"
		if len(s.Words) > 0 {
			out["enum"] = s.Words
		}
		if s.Pattern != "" {
			out["pattern"] = s.Pattern
		}
	case decode.ShapeHex: // 0201 and 4E5 are numbers to YAML
		out["type"], out["pattern"] = []string{"string", "number"}, "^(0x)?[0-9A-Fa-f ]+$"
	case decode.ShapeNumber:
		out["type"], out["minimum"] = "integer", 0
	case decode.ShapeBool:
		out["type"] = "boolean"
	case decode.ShapeList:
		out["type"], out["items"] = "array", schemaOf(*s.Item)
	case decode.ShapeChoice:
		var choice []any
		for _, a := range s.Any {
			choice = append(choice, schemaOf(a))
		}
		out["anyOf"] = choice
	case decode.ShapeRef:
		out["$ref"] = "#/$defs/" + s.Ref
	case decode.ShapeMapping:
		out["type"] = "object"
		if s.Item != nil {
			out["additionalProperties"] = schemaOf(*s.Item)
			break
		}
		props, required := map[string]any{}, []string{}
		for _, k := range s.Keys {
			props[k.Name] = schemaOf(k.Shape)
			if k.Required {
				required = append(required, k.Name)
			}
		}
		out["properties"], out["additionalProperties"] = props, false
		if len(required) > 0 {
			out["required"] = slices.Sorted(slices.Values(required))
		}
	}
	if s.Doc != "" {
		out["description"] = s.Doc
	}
	return out
}
