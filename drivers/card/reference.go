package card

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"

	"cardferry/drivers/decode"
)

// Reference returns the reference part of the documentation of card profiles, in
// Markdown: tables of keys, steps and stages, made of what the loader itself knows.
func Reference() []byte {
	var b bytes.Buffer
	section := func(title, intro string, s decode.Shape) {
		fmt.Fprintf(&b, "## %s\n\n%s\n\n", title, intro)
		keyTable(&b, s.Keys)
	}
	of := func(v any) decode.Shape { return decode.ShapeOf(reflect.TypeOf(v)) }
	section("A profile", "The keys of a profile, a YAML file of one mapping.", of(spec{}))
	section("Amendment", "A site changes a shipped profile in a file of its own and leaves the rest to later versions of it.", of(amendment{}))
	section("match", "`probe` decides; ATRs only sort the candidates.", of(matching{}))
	section("refuse", "", of(refusal{}))
	section("says", "The read has the medium, no patient and the code as its warning.", of(says{}))
	section("transport", "", of(transport{}))
	section("transport.get-response", "", of(getResponse{}))
	section("limits", "", of(limits{}))
	section("define", "Each entry is a macro.", of(macro{}))
	section("variants", "Each entry is a generation of the card; `${variant}` is its name in output, and `variant` a text that fields can use.", of(variant{}))
	section("variants: match", "", of(variantMatch{}))
	steps(&b)
	l := decode.Describe()
	section("fields", "Each entry is a value.", *l.Fields.Item)
	section("Predicate", "What `when` and `confirm` hold: a source and exactly one test.", of(decode.Predicate{}))
	stages(&b, l.Stages)
	section("output", "FHIR R4 as in JSON with `${field}` where a value belongs. What would hold only absent fields is left out; `${field?}` may be absent; `$if: field` keeps an object only with that field.", l.Output)
	section("tests", "Each entry is one card and its read.", of(testCase{}))
	return append(bytes.TrimRight(b.Bytes(), "\n"), '\n')
}

func keyTable(b *bytes.Buffer, keys []decode.Key) {
	b.WriteString("| Key | Value | Meaning |\n|---|---|---|\n")
	for _, k := range keys {
		name := "`" + k.Name + "`"
		if k.Required {
			name += " (required)"
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", name, cell(valueText(k.Shape)), cell(k.Shape.Doc))
	}
	b.WriteString("\n")
}

func steps(b *bytes.Buffer) {
	b.WriteString("## Steps\n\nA step is one key, an operation or a macro of `define`. These keys are common to all:\n\n")
	keyTable(b, decode.ShapeOf(reflect.TypeFor[answer]()).Keys)
	b.WriteString("`try` and `for-each` take `when` and `only-for` of them.\n\n")
	shared := map[string]bool{}
	for _, k := range sharedKeys {
		shared[k] = true
	}
	for _, o := range operations {
		fmt.Fprintf(b, "### %s\n\n%s.\n\n```yaml\n- %s\n```\n\n", o.name, sentence(o.doc), o.example)
		var own []decode.Key
		for _, k := range decode.ShapeOf(reflect.TypeOf(o.body()).Elem()).Keys {
			if !shared[k.Name] {
				own = append(own, k)
			}
		}
		if len(own) > 0 {
			keyTable(b, own)
		}
	}
	b.WriteString("### length of read-binary\n\nA number, `eof`, or a mapping:\n\n")
	for _, s := range new(fileLength).Shape().Any {
		if s.Type == decode.ShapeMapping {
			keyTable(b, s.Keys)
		}
	}
}

func stages(b *bytes.Buffer, list []decode.StageDoc) {
	b.WriteString("## Stages\n\n| Stage | Takes | Gives | Argument | Meaning | Example |\n|---|---|---|---|---|---|\n")
	for _, st := range list {
		arg := "–"
		if st.Argument != nil {
			arg = valueText(*st.Argument)
			if st.Optional {
				arg += ", or none"
			}
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s | `%s` |\n", st.Name, st.Takes, st.Gives, cell(arg), cell(st.Doc), cell(st.Example))
	}
	b.WriteString("\n")
}

// sentence begins with a capital letter.
func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// cell keeps a text within its table cell.
func cell(s string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ").Replace(s)
}

// valueText says in a few words what may stand at a place.
func valueText(s decode.Shape) string {
	switch s.Type {
	case decode.ShapeText:
		if len(s.Words) > 0 {
			return "`" + strings.Join(s.Words, "` `") + "`"
		}
		return "text"
	case decode.ShapeHex:
		return "hex"
	case decode.ShapeNumber, decode.ShapeSigned:
		return string(s.Type)
	case decode.ShapeBool:
		return "`true` `false`"
	case decode.ShapeList:
		return "list of " + valueText(*s.Item)
	case decode.ShapeMapping:
		if s.Item != nil {
			return "names with " + valueText(*s.Item)
		}
		var keys []string
		for _, k := range s.Keys {
			keys = append(keys, "`"+k.Name+"`")
		}
		return "mapping of " + strings.Join(keys, " ")
	case decode.ShapeChoice:
		var all []string
		for _, a := range s.Any {
			if a.Pattern == referencePattern {
				continue // numbers may be parameters everywhere
			}
			all = append(all, valueText(a))
		}
		return strings.Join(all, ", or ")
	case decode.ShapeRef:
		return s.Ref
	}
	return "anything"
}
