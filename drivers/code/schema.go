package code

import (
	"encoding/json"
	"reflect"

	"cardferry/drivers/decode"
)

// Schema is the JSON Schema (2020-12) of a file of code rules, for editors. It knows
// the shape of a file; what names what, patterns and dates only the loader knows.
func Schema() []byte {
	language := decode.Describe()
	defs := map[string]any{"stage": stageSchema(language.Stages)}
	for name, shape := range language.Types {
		defs[name] = schemaOf(shape)
	}
	schema := schemaOf(decode.ShapeOf(reflect.TypeFor[ruleFile]()))
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["title"] = "cardferry code rules"
	schema["$defs"] = defs
	out, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		panic(err) // maps, slices and strings only
	}
	return append(out, '\n')
}

// object is a JSON object.
type object = map[string]any

// schemaOf is the schema of a shape.
func schemaOf(s decode.Shape) object {
	out := object{}
	if s.Doc != "" {
		out["description"] = s.Doc
	}
	switch s.Type {
	case decode.ShapeText:
		out["type"] = "string"
		if s.Words != nil {
			out["enum"] = s.Words
		}
		if s.Pattern != "" {
			out["pattern"] = s.Pattern
		}
	case decode.ShapeHex: // YAML reads some hex as a number
		out["type"] = []string{"string", "number"}
	case decode.ShapeNumber:
		out["type"] = "integer"
	case decode.ShapeBool:
		out["type"] = "boolean"
	case decode.ShapeList:
		out["type"], out["items"] = "array", schemaOf(*s.Item)
	case decode.ShapeMapping:
		out["type"] = "object"
		if s.Item != nil {
			out["additionalProperties"] = schemaOf(*s.Item)
			break
		}
		properties, required := object{}, []string{}
		for _, k := range s.Keys {
			properties[k.Name] = schemaOf(k.Shape)
			if k.Required {
				required = append(required, k.Name)
			}
		}
		out["properties"], out["additionalProperties"] = properties, false
		if len(required) > 0 {
			out["required"] = required
		}
	case decode.ShapeChoice:
		var choices []object
		for _, a := range s.Any {
			choices = append(choices, schemaOf(a))
		}
		out["anyOf"] = choices
	case decode.ShapeRef:
		out["$ref"] = "#/$defs/" + s.Ref
	}
	return out
}

// stageSchema is the schema of an entry of `do`: a word, or one key with its argument.
func stageSchema(stages []decode.StageDoc) object {
	var words []string
	keys := object{}
	for _, s := range stages {
		if s.Argument == nil || s.Optional {
			words = append(words, s.Name)
		}
		if s.Argument != nil {
			argument := schemaOf(*s.Argument)
			argument["description"] = s.Doc
			keys[s.Name] = argument
		}
	}
	return object{"anyOf": []object{
		{"type": "string", "enum": words},
		{"type": "object", "properties": keys, "additionalProperties": false, "minProperties": 1, "maxProperties": 1},
	}}
}
