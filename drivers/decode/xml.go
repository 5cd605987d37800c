package decode

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
)

// parseXML reads a whole XML document. Names lose their namespaces, because
// those change between card generations while the names stay; document types
// and entities of their own are refused. Attributes are elements @name.
type parseXML struct{}

func (*parseXML) kinds() (in, out Kind) { return KindBytes, KindDocument }

func (*parseXML) apply(_ *evaluation, v Value) (Value, error) {
	if len(v.b) > maxInflated {
		return Value{}, errUnreadable
	}
	dec := xml.NewDecoder(bytes.NewReader(v.b))
	dec.CharsetReader = xmlCharset
	stack := []*element{{}} // the document itself
	for {
		tok, err := dec.RawToken()
		if errors.Is(err, io.EOF) && len(stack) == 1 && len(stack[0].children) == 1 {
			return documentValue(v.b, stack[0].children[0]), nil
		}
		if err != nil {
			return Value{}, errUnreadable
		}
		top := stack[len(stack)-1]
		switch t := tok.(type) {
		case xml.Directive:
			return Value{}, errUnreadable
		case xml.StartElement:
			e := &element{name: t.Name.Local}
			for _, a := range t.Attr {
				if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
					e.add("@"+a.Name.Local, a.Value)
				}
			}
			top.children = append(top.children, e)
			if stack = append(stack, e); len(stack) > maxDepth {
				return Value{}, errUnreadable
			}
		case xml.EndElement: // RawToken leaves it to us that it fits
			if len(stack) == 1 || top.name != t.Name.Local {
				return Value{}, errUnreadable
			}
			top.text = bytes.TrimSpace(top.text)
			stack = stack[:len(stack)-1]
		case xml.CharData:
			top.text = append(top.text, t...)
		}
	}
}

// xmlCharset serves the encodings that XML on cards declares.
func xmlCharset(name string, in io.Reader) (io.Reader, error) {
	name = strings.ToLower(name)
	i := slices.IndexFunc([]string{"iso-8859-1", "iso-8859-2", "iso-8859-5", "iso-8859-15", "windows-1252", "gb18030"}, func(s string) bool { return s == name })
	if i < 0 {
		return nil, errUnreadable
	}
	b, err := io.ReadAll(in) // bounded: it is the value
	if err != nil {
		return nil, errUnreadable
	}
	for _, c := range charsets {
		if c.name == name {
			b, err = c.enc.NewDecoder().Bytes(b)
		}
	}
	return bytes.NewReader(b), err
}
