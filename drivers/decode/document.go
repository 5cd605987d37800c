package decode

import (
	"bytes"
	"compress/gzip"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds of documents on a card; real ones are a few kilobytes.
const (
	maxInflated = 256 << 10
	maxXMLDepth = 32
)

// gunzip inflates one gzip member (RFC 1952); what follows it is file padding.
type gunzip struct{}

func (*gunzip) kinds() (in, out Kind) { return KindBytes, KindBytes }

func (*gunzip) apply(_ *evaluation, v Value) (Value, error) {
	zr, err := gzip.NewReader(bytes.NewReader(v.b))
	if err != nil {
		return Value{}, errUnreadable
	}
	zr.Multistream(false)
	out, err := io.ReadAll(io.LimitReader(zr, maxInflated+1))
	if err != nil || len(out) > maxInflated {
		return Value{}, errUnreadable
	}
	return BytesValue(out), nil
}

// element is a node of a document: its name, its own text, its children.
type element struct {
	name     string
	text     []byte
	children []*element
}

// find returns the first element at a path, in document order.
func (e *element) find(path [][]string) *element {
	if len(path) == 0 {
		return e
	}
	for _, c := range e.children {
		if slices.Contains(path[0], c.name) {
			if found := c.find(path[1:]); found != nil {
				return found
			}
		}
	}
	return nil
}

// parseXML reads a whole XML document. Names lose their namespaces, because
// those change between card generations while the names stay; document types
// and entities of their own are refused.
type parseXML struct{}

func (*parseXML) kinds() (in, out Kind) { return KindBytes, KindDocument }

func (*parseXML) apply(_ *evaluation, v Value) (Value, error) {
	if len(v.b) > maxInflated {
		return Value{}, errUnreadable
	}
	dec := xml.NewDecoder(bytes.NewReader(v.b))
	dec.CharsetReader = func(name string, in io.Reader) (io.Reader, error) {
		switch name = strings.ToLower(name); name {
		case "iso-8859-15", "iso-8859-1", "windows-1252":
			return charsetByName(name).NewDecoder().Reader(in), nil
		}
		return nil, errUnreadable
	}
	stack := []*element{{}} // the document itself
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) && len(stack) == 1 && len(stack[0].children) == 1 {
			return Value{b: v.b, kind: KindDocument, doc: stack[0].children[0]}, nil
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
			top.children = append(top.children, e)
			if stack = append(stack, e); len(stack) > maxXMLDepth {
				return Value{}, errUnreadable
			}
		case xml.EndElement:
			top.text = bytes.TrimSpace(top.text)
			stack = stack[:len(stack)-1]
		case xml.CharData:
			top.text = append(top.text, t...)
		}
	}
}

// path takes the text of the first element at a path of names below the root:
// `path: Versicherter/Person/Vorname`. A step may name alternatives with |.
type path struct{ steps [][]string }

func (p *path) DecodeNode(d *Decoder, n *yaml.Node) {
	for step := range strings.SplitSeq(d.Text(n), "/") {
		alt := strings.Split(step, "|")
		if slices.Contains(alt, "") {
			d.Fail(n, "want a path of element names, such as Versicherter/Person/Vorname")
		}
		p.steps = append(p.steps, alt)
	}
}

func (*path) kinds() (in, out Kind) { return KindDocument, KindText }

func (p *path) apply(_ *evaluation, v Value) (Value, error) {
	e := v.doc.find(p.steps)
	if e == nil {
		return Value{}, errAbsent
	}
	return textValue(e.text), nil
}
