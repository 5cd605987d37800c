package code

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"cardferry/drivers/decode"
)

// Reference is the reference of the rule language in Markdown: a table of the keys of
// a rule and one for each key that has keys of its own. Fields, stages and output are
// those of card profiles and described there.
func Reference() []byte {
	var b bytes.Buffer
	file := decode.ShapeOf(reflect.TypeFor[ruleFile]())
	keyTable(&b, "rules[]", *file.Keys[0].Shape.Item)
	return b.Bytes()
}

// keyTable writes the keys of a mapping, then those of the mappings in it.
func keyTable(b *bytes.Buffer, where string, s decode.Shape) {
	fmt.Fprintf(b, "### `%s`\n\n| Key | Value | Meaning |\n|---|---|---|\n", where)
	for _, k := range s.Keys {
		required := ""
		if k.Required {
			required = " (required)"
		}
		fmt.Fprintf(b, "| `%s`%s | %s | %s |\n", k.Name, required, kindOf(k.Shape), cell(k.Shape.Doc))
	}
	b.WriteString("\n")
	for _, k := range s.Keys {
		if k.Name == "fields" || k.Name == "output" { // the language of card profiles
			continue
		}
		if inner, suffix, ok := mapping(k.Shape); ok {
			keyTable(b, where+"."+k.Name+suffix, inner)
		}
	}
}

// mapping is the mapping with keys in a shape, by itself or as the entry of a list.
func mapping(s decode.Shape) (inner decode.Shape, suffix string, ok bool) {
	switch s.Type {
	case decode.ShapeMapping:
		return s, "", len(s.Keys) > 0
	case decode.ShapeList:
		inner, suffix, ok = mapping(*s.Item)
		return inner, "[]" + suffix, ok
	case decode.ShapeChoice:
		for _, a := range s.Any {
			if inner, suffix, ok = mapping(a); ok {
				return inner, suffix, true
			}
		}
	}
	return decode.Shape{}, "", false
}

// kindOf says in a few words what stands at a place.
func kindOf(s decode.Shape) string {
	switch s.Type {
	case decode.ShapeText:
		if s.Words != nil {
			return "`" + strings.Join(s.Words, "`, `") + "`"
		}
		return "text"
	case decode.ShapeList:
		return "list of " + kindOf(*s.Item)
	case decode.ShapeChoice:
		var kinds []string
		for _, a := range s.Any {
			kinds = append(kinds, kindOf(a))
		}
		return strings.Join(kinds, " or ")
	case decode.ShapeRef:
		return s.Ref
	}
	return string(s.Type)
}

// Catalogue lists the rules in Markdown: what each recognises, what becomes of it and
// where its layout is published.
func (r *Rules) Catalogue() []byte {
	var b bytes.Buffer
	b.WriteString("| Medium | Rule | What it is | Says | Source |\n|---|---|---|---|---|\n")
	list := r.List()
	slices.SortStableFunc(list, func(a, b Info) int { return strings.Compare(a.Medium, b.Medium) })
	for _, i := range list {
		says := i.Warnings
		if i.Withheld {
			says = append(says, "withheld")
		}
		if i.OneTime {
			says = append(says, "one time")
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s |\n", i.Medium, i.Name, cell(i.About), strings.Join(says, ", "), cell(i.Source))
	}
	return b.Bytes()
}

// cell is text that can stand in a cell of a Markdown table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(strings.TrimSpace(s))
}
