package card

import (
	"reflect"

	"cardferry/drivers/decode"
)

// What a profile may hold describes itself, so that the JSON Schema (schema.go) and
// the reference (reference.go) come from the types that read it: struct fields carry
// doc tags, and types that read themselves say here what they take.

// Words that a key may have.
type (
	assuranceWord   string
	protocolWord    string
	interfaceWord   string
	headerWord      string
	keyKindWord     string
	dialectWord     string
	memoryWord      string
	saysWord        string
	promptWord      string
	documentKeyWord string
	disconnectWord  string
	coldResetWord   string
)

func words(w ...string) decode.Shape { return decode.Shape{Type: decode.ShapeText, Words: w} }

// Shape describes the words of assurance, and so on for the other keys.
func (assuranceWord) Shape() decode.Shape   { return words("uid-only", "memory-read", "chip-read") }
func (protocolWord) Shape() decode.Shape    { return words("T=0", "T=1") }
func (interfaceWord) Shape() decode.Shape   { return words("contact", "contactless") }
func (headerWord) Shape() decode.Shape      { return words(headers...) }
func (keyKindWord) Shape() decode.Shape     { return words("A", "B") }
func (dialectWord) Shape() decode.Shape     { return words("acs", "omnikey", "ct-api") }
func (memoryWord) Shape() decode.Shape      { return words(decode.KeysOf(memoryTypes)...) }
func (saysWord) Shape() decode.Shape        { return words(saysCodes...) }
func (documentKeyWord) Shape() decode.Shape { return words("mrz", "can") }
func (promptWord) Shape() decode.Shape      { return words("mrz", "can", "card-no") }
func (disconnectWord) Shape() decode.Shape  { return words("leave", "reset", "unpower") }
func (coldResetWord) Shape() decode.Shape   { return words("on-fail") }

const (
	plainPattern     = `^[A-Za-z][A-Za-z0-9-]{0,63}$`
	referencePattern = `^\$\{[A-Za-z][A-Za-z0-9-]*\}$`
)

func patterned(pattern string) decode.Shape {
	return decode.Shape{Type: decode.ShapeText, Pattern: pattern}
}

func either(shapes ...decode.Shape) decode.Shape {
	return decode.Shape{Type: decode.ShapeChoice, Any: shapes}
}

func list(item decode.Shape) decode.Shape {
	return decode.Shape{Type: decode.ShapeList, Item: &item}
}

// Shape describes a number or a reference to a parameter.
func (*number) Shape() decode.Shape {
	return either(decode.Shape{Type: decode.ShapeNumber}, patterned(referencePattern))
}

// Shape describes hex digits or a reference to a parameter.
func (*hexNumber) Shape() decode.Shape {
	return either(decode.Shape{Type: decode.ShapeHex}, patterned(referencePattern))
}

// Shape describes Le.
func (*expected) Shape() decode.Shape {
	one := either(words("none"), decode.Shape{Type: decode.ShapeNumber}, patterned(referencePattern))
	return either(one, list(one))
}

// Shape describes the name of a capture.
func (*captureName) Shape() decode.Shape {
	return patterned(`^[A-Za-z][A-Za-z0-9-]*(\$\{[A-Za-z][A-Za-z0-9-]*\}[A-Za-z0-9-]*)?$`)
}

// Shape describes a status word.
func (*swPattern) Shape() decode.Shape {
	return either(patterned(`^[0-9A-Fa-fx]{4}$`), decode.Shape{Type: decode.ShapeNumber})
}

// Shape describes a time.
func (*duration) Shape() decode.Shape { return patterned(`^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`) }

// Shape describes a pattern of ATRs.
func (*atrPattern) Shape() decode.Shape {
	return either(patterned(`^(hist:.{2,}|[0-9A-Fa-f. ]{4,})$`), decode.Shape{Type: decode.ShapeNumber})
}

// Shape describes a command.
func (*apduTemplate) Shape() decode.Shape {
	return either(patterned(`^[0-9A-Fa-f ]{4,}([0-9A-Fa-f ]|\$\{[^}]*:(u8|be16|le16|bcd)\})*$`), decode.Shape{Type: decode.ShapeNumber})
}

// Shape describes how much of a file is read.
func (*fileLength) Shape() decode.Shape {
	type plain fileLength
	return either(decode.Shape{Type: decode.ShapeNumber}, words("eof"), patterned(referencePattern), decode.ShapeOf(reflect.TypeFor[plain]()))
}

// Shape describes the last record of a range.
func (*lastOne) Shape() decode.Shape {
	return either(decode.Shape{Type: decode.ShapeNumber}, words("end"))
}

// Shape refers to the steps.
func (*step) Shape() decode.Shape { return decode.Shape{Type: decode.ShapeRef, Ref: "step"} }

// Shape describes a macro.
func (*macro) Shape() decode.Shape {
	type plain macro
	return decode.ShapeOf(reflect.TypeFor[plain]())
}

// Shape describes a loop.
func (*forEach) Shape() decode.Shape {
	type plain forEach
	return decode.ShapeOf(reflect.TypeFor[plain]())
}
