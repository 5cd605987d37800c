package decode

import (
	"reflect"
	"strings"

	"cardferry/hl7/fhir/r4"
)

// The language describes itself, so that a JSON Schema and a reference page can be
// generated from the same place that reads files: struct fields carry `yaml` and
// `doc` tags, types that read themselves carry a Shape method, and every stage has
// a row in the stage table.

// ShapeType says what may stand at a place of a file.
type ShapeType string

// The shapes.
const (
	ShapeText    ShapeType = "text"   // of Words if there are any, else matching Pattern if there is one
	ShapeHex     ShapeType = "hex"    // hex bytes, quoted or not
	ShapeNumber  ShapeType = "number" // decimal or 0x hex, no sign
	ShapeSigned  ShapeType = "number, may be negative"
	ShapeBool    ShapeType = "true or false"
	ShapeList    ShapeType = "list"     // of Item
	ShapeMapping ShapeType = "mapping"  // with Keys, or with free names and values of Item
	ShapeChoice  ShapeType = "one of"   // one of Any
	ShapeRef     ShapeType = "see"      // described elsewhere under the name Ref
	ShapeAny     ShapeType = "anything" // such as the JSON of a test
)

// Shape describes what may stand at a place of a file.
type Shape struct {
	Type    ShapeType
	Doc     string
	Words   []string
	Pattern string
	Item    *Shape
	Keys    []Key
	Any     []Shape
	Ref     string
}

// Key is one key of a mapping.
type Key struct {
	Name     string
	Required bool
	Shape    Shape
}

// Shaper is a NodeDecoder that describes what it reads.
type Shaper interface{ Shape() Shape }

// ShapeOf describes a type as a Decoder reads it: by its own Shape method, else by
// kind; of structs the `yaml` tags give the keys and the `doc` tags their meaning.
// A type that contains itself must cut the circle with a Shape of type ShapeRef.
func ShapeOf(t reflect.Type) Shape {
	if s, ok := reflect.New(t).Interface().(Shaper); ok {
		return s.Shape()
	}
	switch t.Kind() {
	case reflect.Pointer:
		return ShapeOf(t.Elem())
	case reflect.Struct:
		return Shape{Type: ShapeMapping, Keys: keysOfStruct(t)}
	case reflect.Slice:
		item := ShapeOf(t.Elem())
		return Shape{Type: ShapeList, Item: &item}
	case reflect.Map:
		item := ShapeOf(t.Elem())
		return Shape{Type: ShapeMapping, Item: &item}
	case reflect.Bool:
		return Shape{Type: ShapeBool}
	case reflect.Int:
		return Shape{Type: ShapeNumber}
	}
	return Shape{Type: ShapeText}
}

// shapeOfStruct describes a struct by its fields whatever methods it has.
func shapeOfStruct[T any]() Shape {
	return Shape{Type: ShapeMapping, Keys: keysOfStruct(reflect.TypeFor[T]())}
}

func keysOfStruct(t reflect.Type) []Key {
	var keys []Key
	for i := range t.NumField() {
		f := t.Field(i)
		name, opt, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case opt == "inline":
			keys = append(keys, keysOfStruct(f.Type)...)
		case name != "":
			s := ShapeOf(f.Type)
			if doc := f.Tag.Get("doc"); doc != "" {
				s.Doc = doc
			}
			keys = append(keys, Key{Name: name, Required: opt == "required", Shape: s})
		}
	}
	return keys
}

// textOf, listOf and eitherOf are shorthands for Shape methods.
func textOf(words ...string) Shape { return Shape{Type: ShapeText, Words: words} }

func listOf(item Shape) Shape { return Shape{Type: ShapeList, Item: &item} }

func eitherOf(shapes ...Shape) Shape { return Shape{Type: ShapeChoice, Any: shapes} }

// StageDoc describes one stage.
type StageDoc struct {
	Name     string
	Takes    Kind
	Gives    Kind
	Argument *Shape // nil: the stage is one word
	Optional bool   // the argument may be left out
	Doc      string
	Example  string // an entry of `do`
}

// Language is the whole language of values.
type Language struct {
	Fields Shape      // the mapping of names to fields; `do` refers to "stage"
	Output Shape      // patient and coverage refer to Types
	Stages []StageDoc // in the order of the reference
	// Types has what a ShapeRef other than "stage" refers to, by name: the FHIR
	// types as far as templates know them, and "template" for extras.
	Types map[string]Shape
}

// Describe returns the description of the language.
func Describe() Language {
	l := Language{Fields: ShapeOf(reflect.TypeFor[Fields]()), Output: ShapeOf(reflect.TypeFor[Output]()), Types: map[string]Shape{"template": extrasShape()}}
	for _, t := range []reflect.Type{reflect.TypeFor[r4.Patient](), reflect.TypeFor[r4.Coverage]()} {
		fhirTypes(t, l.Types)
	}
	for _, k := range stageTable {
		op := k.make()
		in, out := op.kinds()
		doc := StageDoc{Name: k.name, Takes: in, Gives: out, Doc: k.doc, Example: k.example}
		if _, takesArgument := op.(NodeDecoder); takesArgument {
			s := ShapeOf(reflect.TypeOf(op).Elem())
			doc.Argument = &s
			_, doc.Optional = op.(optionalArgument)
		}
		l.Stages = append(l.Stages, doc)
	}
	return l
}

const conditionDoc = "keeps the object only when this field is present"

// extrasShape describes a template of any shape.
func extrasShape() Shape {
	again := Shape{Type: ShapeRef, Ref: "template"}
	return eitherOf(fhirText(), Shape{Type: ShapeBool}, listOf(again), Shape{Type: ShapeMapping, Item: &again})
}

func fhirText() Shape { return Shape{Type: ShapeText, Doc: "text with ${field} or ${field?}"} }

// fhirTypes describes the template of a FHIR type and of all types in it.
func fhirTypes(t reflect.Type, into map[string]Shape) Shape {
	switch t.Kind() {
	case reflect.Pointer:
		return fhirTypes(t.Elem(), into)
	case reflect.Slice:
		return listOf(fhirTypes(t.Elem(), into))
	case reflect.Bool:
		return Shape{Type: ShapeBool}
	case reflect.Struct:
	default:
		return fhirText()
	}
	ref := Shape{Type: ShapeRef, Ref: t.Name()}
	if _, done := into[t.Name()]; done {
		return ref
	}
	into[t.Name()] = Shape{} // References hold Identifiers that hold References
	keys := []Key{{Name: "$if", Shape: Shape{Type: ShapeText, Doc: conditionDoc}}}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		keys = append(keys, Key{Name: name, Shape: fhirTypes(t.Field(i).Type, into)})
	}
	into[t.Name()] = Shape{Type: ShapeMapping, Keys: keys, Doc: "FHIR " + t.Name()}
	return ref
}
