package card

import (
	"bytes"
	"compress/gzip"
	"encoding/xml"
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

func (*gunzip) kinds() (in, out valueKind) { return bytesKind, bytesKind }

func (*gunzip) apply(_ *reading, v value) (value, error) {
	zr, err := gzip.NewReader(bytes.NewReader(v.b))
	if err != nil {
		return value{}, errUnreadable
	}
	zr.Multistream(false)
	out, err := io.ReadAll(io.LimitReader(zr, maxInflated+1))
	if err != nil || len(out) > maxInflated {
		return value{}, errUnreadable
	}
	return value{out, false}, nil
}

// xmlStage takes the text of the first element at a path of local names below
// the root: `xml: Versicherter/Person/Vorname`. A step may name alternatives
// with |. Namespaces are ignored, because they change between card generations
// while the names stay; document types and entities are refused.
type xmlStage struct{ path [][]string }

func (x *xmlStage) decodeNode(d *decoder, n *yaml.Node) {
	for p := range strings.SplitSeq(d.text(n), "/") {
		alt := strings.Split(p, "|")
		if slices.Contains(alt, "") {
			d.fail(n, "want a path of element names, such as Versicherter/Person/Vorname")
		}
		x.path = append(x.path, alt)
	}
}

func (*xmlStage) kinds() (in, out valueKind) { return bytesKind, textKind }

func (x *xmlStage) apply(r *reading, v value) (value, error) {
	if len(v.b) > maxInflated {
		return value{}, errUnreadable
	}
	dec := xml.NewDecoder(bytes.NewReader(v.b))
	dec.CharsetReader = func(name string, in io.Reader) (io.Reader, error) {
		switch name = strings.ToLower(name); name {
		case "iso-8859-15", "iso-8859-1", "windows-1252":
			return charsetByName(name).NewDecoder().Reader(in), nil
		}
		return nil, errUnreadable
	}
	depth, on, found := 0, 0, false // on: leading elements of the stack that match
	var text strings.Builder
	for {
		tok, err := dec.Token()
		if err != nil { // also io.EOF: the root never closed or nothing matched
			if err == io.EOF && depth == 0 {
				return value{}, errAbsent
			}
			return value{}, errUnreadable
		}
		switch t := tok.(type) {
		case xml.Directive:
			return value{}, errUnreadable
		case xml.StartElement:
			if depth++; depth > maxXMLDepth {
				return value{}, errUnreadable
			}
			if level := depth - 2; level == on && on < len(x.path) && slices.Contains(x.path[on], t.Name.Local) {
				on++
				found = on == len(x.path)
			}
		case xml.CharData:
			if found && depth-1 == on {
				text.Write(t)
			}
		case xml.EndElement:
			if found && depth-1 == on {
				return value{[]byte(strings.TrimSpace(text.String())), true}, nil
			}
			depth--
			on = min(on, max(0, depth-1))
		}
	}
}
