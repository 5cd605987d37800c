package card

import (
	"bytes"
	"encoding/json"
	"reflect"

	"cardferry/drivers/decode"
)

// Schema returns the JSON Schema (2020-12) of card profiles and amendments, for
// completion and early complaints in an editor. The loader is stricter: a schema
// cannot follow a field to its capture, nor judge a command.
func Schema() []byte {
	defs := decode.Describe().Definitions()
	defs["step"] = stepSchema()
	profile := decode.ShapeOf(reflect.TypeFor[spec]()).Schema()
	profile["allOf"] = []any{together()}
	defs["profile"] = profile
	defs["amendment"] = decode.ShapeOf(reflect.TypeFor[amendment]()).Schema()
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
		"then": map[string]any{"if": map[string]any{"anyOf": []any{need("steps"), need("variants")}}, "then": reads, "else": map[string]any{"allOf": []any{none("fields", "output", "release", "constants"), recognisable()}}},
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
		body := decode.ShapeOf(reflect.TypeOf(o.body()).Elem()).Schema()
		body["description"] = o.doc
		props[o.name] = body
	}
	shared := decode.ShapeOf(reflect.TypeFor[answer]()).Schema()
	call := map[string]any{
		"type":                 "object",
		"description":          "a macro of define with its parameters",
		"properties":           shared["properties"],
		"additionalProperties": new(number).Shape().Schema(),
	}
	return map[string]any{
		"type": "object", "minProperties": 1, "maxProperties": 1, "properties": props,
		"propertyNames": map[string]any{"pattern": plainPattern}, "additionalProperties": call,
	}
}
