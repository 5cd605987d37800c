package decode

import (
	"reflect"
	"strings"
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
	Field  Shape      // one entry of fields; its do refers to "stage"
	Output Shape      // refers to "template"
	Stages []StageDoc // in the order of the reference
}

// Describe returns the description of the language.
func Describe() Language {
	l := Language{Field: ShapeOf(reflect.TypeFor[Field]()), Output: ShapeOf(reflect.TypeFor[Output]())}
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
