package resource

import (
	"unicode/utf8"

	"cardferry/hl7/fhir/definition"
)

// AppendJSON appends the node as JSON (http://hl7.org/fhir/R4/json.html).
// Decimals are written as they were set; strings escape only what JSON demands.
func (n *Node) AppendJSON(b []byte) []byte {
	if n.typ.Primitive != nil && n.elem != nil {
		return n.appendValue(b)
	}
	b = append(b, '{')
	sep := false
	if n.typ.Resource {
		b = append(b, `"resourceType":`...)
		b = appendString(b, n.typ.Name)
		sep = true
	}
	for c := n.first; c != nil; {
		run := c
		valued, extended := false, false
		for ; c != nil && c.elem == run.elem; c = c.next {
			valued = valued || c.typ.Primitive == nil || c.text != ""
			extended = extended || c.typ.Primitive != nil && c.first != nil
		}
		if valued {
			b = appendName(b, &sep, "", run.elem.Name)
			b = appendRun(b, run, (*Node).appendValue)
		}
		if extended {
			b = appendName(b, &sep, "_", run.elem.Name)
			b = appendRun(b, run, (*Node).appendExtended)
		}
	}
	return append(b, '}')
}

func appendName(b []byte, sep *bool, prefix, name string) []byte {
	if *sep {
		b = append(b, ',')
	}
	*sep = true
	b = append(b, '"')
	b = append(b, prefix...)
	b = append(b, name...)
	return append(b, '"', ':')
}

// appendRun appends the instances of one element, the first of which is run.
func appendRun(b []byte, run *Node, value func(*Node, []byte) []byte) []byte {
	if !run.elem.Many {
		return value(run, b)
	}
	b = append(b, '[')
	for c := run; c != nil && c.elem == run.elem; c = c.next {
		if c != run {
			b = append(b, ',')
		}
		b = value(c, b)
	}
	return append(b, ']')
}

func (n *Node) appendValue(b []byte) []byte {
	p := n.typ.Primitive
	switch {
	case p == nil:
		return n.AppendJSON(b)
	case n.text == "":
		return append(b, "null"...)
	case p.JSON == definition.String:
		return appendString(b, n.text)
	}
	return append(b, n.text...)
}

// appendExtended appends the id and extensions of a primitive.
func (n *Node) appendExtended(b []byte) []byte {
	if n.first == nil {
		return append(b, "null"...)
	}
	b = append(b, '{')
	sep := false
	for c := n.first; c != nil; {
		run := c
		b = appendName(b, &sep, "", c.elem.Name)
		b = appendRun(b, run, (*Node).appendValue)
		for c != nil && c.elem == run.elem {
			c = c.next
		}
	}
	return append(b, '}')
}

const hex = "0123456789abcdef"

// appendString appends s quoted. Bytes that are not UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(append(b, s[start:i]...), "\uFFFD"...)
				start = i + 1
			}
			i += size
			continue
		}
		if c >= 0x20 && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		start = i
	}
	return append(append(b, s[start:]...), '"')
}
