package fhir

import (
	"crypto/sha1" //nolint:gosec // UUID version 5 is defined with SHA-1 (RFC 9562, 5.5)
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"cardferry/hl7/fhir/resource"
)

// identityKey is one way to know a resource again: all its parts must be there.
//
//	identifier:MR     the identifier of that type, system and value
//	identifier        the first identifier
//	Patient           the id of that resource in scope
//	partOf            the id of the resource behind that reference, or the
//	                  value of a primitive element (subscriberId)
//	OBX-3.1 ?OBX-4    a value of the message; with ? it may be absent
//	=display          no resource of its own: the reference shows its name
//	=message          derived from the message's key and the place in it
type identityKey struct {
	parts []keyPart
}

type keyPart struct {
	kind     partKind
	name     string // identifier type, label or element
	at       source
	optional bool
}

type partKind uint8

const (
	partIdentifier partKind = iota
	partResource
	partElement
	partValue
	partDisplay
	partMessage
)

func (c *compiler) identities(recs []*record) {
	c.t.identity = map[string][]identityKey{}
	for _, r := range recs {
		if r.removed() {
			continue
		}
		name := r.cells["resource"]
		typ, ok := c.model.Lookup(name)
		if !ok || !typ.Resource {
			c.mistake(r.failf("%q is not an R4 resource type", name))
			continue
		}
		var k identityKey
		for _, p := range strings.Fields(r.cells["key"]) {
			part, err := c.keyPart(p)
			if err != nil {
				c.mistake(r.fail(err))
				continue
			}
			if e, ok := typ.Element(part.name); part.kind == partElement && (!ok || e.Type.Name != "Reference" && e.Type.Primitive == nil) {
				c.mistake(r.failf("%s has no reference or primitive %q", name, part.name))
			}
			k.parts = append(k.parts, part)
		}
		if len(k.parts) == 0 {
			c.mistake(r.failf("column key is empty"))
			continue
		}
		c.t.identity[name] = append(c.t.identity[name], k)
	}
}

func (c *compiler) keyPart(s string) (keyPart, error) {
	p := keyPart{}
	p.optional = strings.HasPrefix(s, "?")
	s = strings.TrimPrefix(s, "?")
	name, typ, _ := strings.Cut(s, ":")
	switch {
	case s == "=display":
		p.kind = partDisplay
	case s == "=message":
		p.kind = partMessage
	case name == "identifier":
		p.kind, p.name = partIdentifier, typ
	case strings.Contains(s, "-"):
		p.kind = partValue
		var err error
		p.at, err = parseSource(s, "")
		return p, err
	case s != "" && s[0] >= 'A' && s[0] <= 'Z':
		p.kind, p.name = partResource, s
		_, err := c.labelType(s)
		return p, err
	case s != "":
		p.kind, p.name = partElement, s
	default:
		return p, fmt.Errorf("a key part is empty")
	}
	return p, nil
}

// identify derives the ids of all resources. Two resources of one type and key
// are one.
func (r *run) identify() {
	for _, b := range r.built {
		r.name(b)
	}
	for _, b := range r.built {
		if b.gone || b.display != "" {
			continue
		}
		first := r.byID[b.id]
		if first == nil {
			r.byID[b.id] = b
			continue
		}
		b.same = first
		if b.label == first.label {
			fill(first.node, b.node)
			first.brief = first.brief && b.brief
		} else {
			r.issue(Issue{Code: CodeMerge, Severity: "warning", Position: cursor{seg: b.seg}.position(),
				Detail: "two different roles in the message have the same identifier; nothing to merge"})
		}
	}
}

// fill adds the elements to dst that only src has.
func fill(dst, src *resource.Node) {
	for c := src.First(); c != nil; {
		next := c.Next()
		if e := c.Element(); !dst.Has(e) {
			for c != nil && c.Element() == e {
				next = c.Next()
				src.Remove(c)
				dst.Attach(e, c)
				c = next
			}
		}
		c = next
	}
}

// name derives the id of one resource, after those it depends on.
func (r *run) name(b *built) string {
	if b.id != "" || b.naming {
		return b.id
	}
	b.naming = true
	typ := b.node.Type().Name
	var short [192]byte
	start := append(append(short[:0], typ...), '|')
	for _, k := range r.t.tables.identity[typ] {
		if k.parts[0].kind == partMessage {
			break
		}
		if k.parts[0].kind == partDisplay {
			if b.display = display(b.node); b.display != "" {
				return ""
			}
			continue
		}
		if key, ok := r.keyOf(b, &k, start); ok {
			// Keys may repeat inside a message (two lines of one result): number them.
			if usesMessage(&k) {
				key = r.numbered(key)
			}
			b.identifyAs(r.t, key)
			return b.id
		}
	}
	key := append(append(append(append(start, "message|"...), r.key...), '|'), b.label...)
	b.identifyAs(r.t, r.numbered(key))
	return b.id
}

// usesMessage says whether the key holds values of the message, as opposed to
// identifiers of the thing itself.
func usesMessage(k *identityKey) bool {
	for i := range k.parts {
		if k.parts[i].kind != partIdentifier && k.parts[i].kind != partElement {
			return true
		}
	}
	return false
}

// numbered makes the nth use of a key different from the first.
func (r *run) numbered(key []byte) []byte {
	u := uuid5(r.t.namespace, key)
	r.keys[u]++
	if n := r.keys[u]; n > 1 {
		return strconv.AppendInt(append(key, '#'), int64(n), 10)
	}
	return key
}

// keyOf appends the parts of a key to dst; false when one is missing.
func (r *run) keyOf(b *built, k *identityKey, dst []byte) ([]byte, bool) {
	for i := range k.parts {
		p := &k.parts[i]
		if i > 0 {
			dst = append(dst, '|')
		}
		before := len(dst)
		if dst = r.part(b, p, dst); len(dst) == before && !p.optional {
			return nil, false
		}
	}
	return dst, true
}

func (r *run) part(b *built, p *keyPart, dst []byte) []byte {
	switch p.kind {
	case partIdentifier:
		return appendIdentifier(dst, b.node, p.name)
	case partResource:
		if to := b.grp.resource(p.name); to != nil && to != b {
			return append(dst, r.name(to)...)
		}
	case partElement:
		e := b.node.Child(p.name)
		if e != nil && e.Mark() > 0 {
			return append(dst, r.name(r.refs[e.Mark()-1].to)...)
		}
		if e != nil {
			return append(dst, e.Text()...)
		}
	case partValue:
		sc := scope{run: r, grp: b.grp, seg: b.seg}
		return append(dst, strings.TrimSpace(sc.find(&p.at).text())...)
	}
	return dst
}

// appendIdentifier appends "system|value" of the identifier of a type (v2-0203
// code), or of the first identifier.
func appendIdentifier(dst []byte, n *resource.Node, typ string) []byte {
	for c := n.First(); c != nil; c = c.Next() {
		if c.Element().Name != "identifier" {
			continue
		}
		value := c.Value("value")
		if value == "" || typ != "" && c.Value("type", "coding", "code") != typ {
			continue
		}
		return append(append(append(dst, c.Value("system")...), '|'), value...)
	}
	return dst
}

// display is the name of a person, organization or place, "" when it has an
// identifier or no name.
func display(n *resource.Node) string {
	name := n.Child("name")
	if name == nil {
		return ""
	}
	if name.Text() != "" {
		return name.Text()
	}
	if text := name.Value("text"); text != "" {
		return text
	}
	var parts []string
	for _, e := range [...]string{"prefix", "family", "given", "suffix"} {
		for c := name.First(); c != nil; c = c.Next() {
			if c.Element().Name == e && c.Text() != "" {
				parts = append(parts, c.Text())
			}
		}
	}
	return strings.Join(parts, " ")
}

// namespace is the UUID namespace of cardferry ids (a random UUID, fixed).
var namespace = [16]byte{0x6f, 0x1d, 0x3a, 0x5e, 0x90, 0x4b, 0x4c, 0x17, 0xa2, 0x2d, 0x71, 0xc8, 0x5b, 0x0e, 0x93, 0x44}

// uuid5 is the version 5 UUID of a name in a namespace (RFC 9562, 5.5).
func uuid5(ns [16]byte, name []byte) [16]byte {
	var short [256]byte
	sum := sha1.Sum(append(append(short[:0], ns[:]...), name...)) //nolint:gosec // not for security: defined so by the RFC
	u := [16]byte(sum[:16])
	u[6] = u[6]&0x0F | 0x50
	u[8] = u[8]&0x3F | 0x80
	return u
}

// appendUUID appends the version 5 UUID of a key in the site's namespace.
func (t *Translator) appendUUID(dst, key []byte) []byte {
	u := uuid5(t.namespace, key)
	var b [36]byte
	hex.Encode(b[0:8], u[0:4])
	hex.Encode(b[9:13], u[4:6])
	hex.Encode(b[14:18], u[6:8])
	hex.Encode(b[19:23], u[8:10])
	hex.Encode(b[24:36], u[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return append(dst, b[:]...)
}

// identifyAs gives the resource the id derived from a key: its URN, id and place
// on the server are parts of one text.
func (b *built) identifyAs(t *Translator, key []byte) {
	var short [160]byte
	typ := b.node.Type().Name
	text := t.appendUUID(append(short[:0], urnUUID...), key)
	text = append(append(append(text, typ...), '/'), text[len(urnUUID):]...)
	all := string(text)
	b.url, b.put = all[:len(urnUUID)+36], all[len(urnUUID)+36:]
	b.id = b.url[len(urnUUID):]
}

// urnUUID begins the fullUrl of every entry.
const urnUUID = "urn:uuid:"
