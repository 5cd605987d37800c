package code

import (
	"encoding/json"
	"reflect"

	"cardferry/drivers/decode"
)

// Schema is the JSON Schema (2020-12) of a file of code rules, for editors. It knows
// the shape of a file; what names what, patterns and dates only the loader knows.
func Schema() []byte {
	schema := decode.ShapeOf(reflect.TypeFor[ruleFile]()).Schema()
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["title"] = "cardferry code rules"
	schema["$defs"] = decode.Describe().Definitions()
	out, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		panic(err) // maps, slices and strings only
	}
	return append(out, '\n')
}
