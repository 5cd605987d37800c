package fhir

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"cardferry/hl7/fhir/definition"
	"cardferry/hl7/fhir/resource"
)

// builtin is one of the few things a table cannot say in rows:
//
//	@coding 1 2 3 7      a Coding of code, display, coding system, version
//	@codesystem          the URI of the coding system named by the source
//	@authority 1 2 3     the URI of an assigning authority (HD, or parts of EI)
//	@lines               all repetitions of the field, one a line
//	@whole               the value with all its components, joined as sent by ^ and &
//	@data 4 5            base64 of ED data, by its encoding (A, Hex, Base64)
//	@mime 2 3            the media type of ED type and subtype, or of RP
//	@after AIS-7 AIS-8   the source's time plus a duration and its unit (s, min, h,
//	                     d, wk; nothing without a known unit)
//	@narrative           an Attachment of the text in this OBX and those behind it
//	                     that go on with the same OBX-3 and type (TX, FT, ST)
//	@noted               nothing: the value is said by the raw message or by its
//	                     place and counts as mapped
type builtin struct {
	name  string
	args  []int
	from  []source // of @after: duration and unit
	typ   *definition.Type
	whole bool // takes the field with all repetitions
}

// builtinArgs is the number of components each takes.
var builtinArgs = map[string]int{"@coding": 4, "@codesystem": 0, "@authority": 3, "@lines": 0, "@whole": 0, "@data": 2, "@mime": 2, "@after": 2,
	"@narrative": 0, "@noted": 0}

func parseBuiltin(s string, typ *definition.Type) (*builtin, error) {
	f := strings.Fields(s)
	want, ok := builtinArgs[f[0]]
	if !ok || len(f)-1 != want {
		return nil, fmt.Errorf("%q: the built-ins are @coding c d s v, @codesystem, @authority n u t, @lines, @whole, @data e d, @mime t s, @after n u, @narrative, @noted", s)
	}
	b := &builtin{name: f[0], typ: typ, whole: f[0] == "@lines"}
	for _, a := range f[1:] {
		if b.name == "@after" {
			p, err := parseSource(a, "")
			if err != nil {
				return nil, err
			}
			b.from = append(b.from, p)
			continue
		}
		n, err := strconv.Atoi(a)
		if err != nil || n < 0 || n > maxComponents {
			return nil, fmt.Errorf("%q: %q is not a component number", s, a)
		}
		b.args = append(b.args, n)
	}
	makes := map[string]string{"@coding": "Coding", "@narrative": "Attachment"}[b.name]
	if b.name != "@noted" && makes != typ.Name && (makes != "" || typ.Primitive == nil) {
		return nil, fmt.Errorf("%s does not make a %s", b.name, typ.Name)
	}
	return b, nil
}

// arg is the component that argument i names; 0 is none.
func (b *builtin) arg(c cursor, i int) cursor {
	if b.args[i] == 0 {
		return cursor{seg: &noSegment}
	}
	return c.down(b.args[i])
}

// text makes a primitive value.
func (b *builtin) text(here *scope, c cursor) string {
	r := here.run
	switch b.name {
	case "@codesystem":
		c.use()
		return r.t.codingSystem(c.text())
	case "@authority":
		ns, id, kind := b.arg(c, 0), b.arg(c, 1), b.arg(c, 2)
		ns.use()
		id.use()
		kind.use()
		return r.t.authority(ns.text(), id.text(), kind.text())
	case "@lines":
		return lines(c)
	case "@whole":
		return whole(c)
	case "@data":
		return b.data(c)
	case "@mime":
		return b.mime(c)
	case "@after":
		return b.after(here, c)
	}
	return ""
}

// lines joins the repetitions of a field. An empty repetition between others is
// an empty line.
func lines(c cursor) string {
	var s strings.Builder
	last := uint16(1)
	for c.lo < c.hi {
		rep := c.seg.leaves[c.lo].rep
		for ; last < rep; last++ {
			s.WriteByte('\n')
		}
		v := c.down(int(rep))
		s.WriteString(whole(v))
		c.lo = v.hi
	}
	return cleanText(s.String())
}

// whole joins all components and subcomponents with the default delimiters.
func whole(c cursor) string {
	var s strings.Builder
	comp, sub := uint16(1), uint16(1)
	for i := c.lo; i < c.hi; i++ {
		l := &c.seg.leaves[i]
		l.used = true
		if l.null {
			continue
		}
		for ; comp < l.comp && c.depth < atComp; comp++ {
			s.WriteByte('^')
			sub = 1
		}
		for ; sub < l.sub; sub++ {
			s.WriteByte('&')
		}
		s.WriteString(l.text)
	}
	return cleanText(s.String())
}

// data is base64 of ED.5 according to ED.4 (HL7 table 0299). Base64 may be
// broken into lines or carry white space.
func (b *builtin) data(c cursor) string {
	enc, value := b.arg(c, 0), b.arg(c, 1)
	text := value.text()
	var out string
	switch strings.ToLower(enc.text()) {
	case "base64":
		out = strings.Map(func(c rune) rune {
			if unicode.IsSpace(c) {
				return -1
			}
			return c
		}, text)
	case "hex":
		raw, err := hex.DecodeString(strings.TrimSpace(text))
		if err != nil {
			return ""
		}
		out = base64.StdEncoding.EncodeToString(raw)
	default: // A: the text itself
		out = base64.StdEncoding.EncodeToString([]byte(text))
	}
	if out != "" {
		enc.use()
		value.use()
	}
	return out
}

// mediaTypes are those of HL7 tables 0291 (subtype) and 0191 (type) that stand
// without the other.
var mediaTypes = map[string]string{
	"PDF": "application/pdf", "JPEG": "image/jpeg", "PNG": "image/png", "TIFF": "image/tiff", "GIF": "image/gif",
	"DICOM": "application/dicom", "RTF": "application/rtf", "HTML": "text/html", "XML": "application/xml",
	"SGML": "text/sgml", "PLAIN": "text/plain", "TEXT": "text/plain", "BASIC": "audio/basic",
	"X-HL7-CDA-LEVEL-ONE": "application/x-hl7-cda-level-one+xml",
}

// mime is the media type of a v2 type ("AP", "IM", "text") and subtype.
func (b *builtin) mime(c cursor) string {
	kind, sub := b.arg(c, 0), b.arg(c, 1)
	kind.use()
	sub.use()
	k, s := strings.TrimSpace(kind.text()), strings.TrimSpace(sub.text())
	if m, ok := mediaTypes[strings.ToUpper(s)]; ok {
		return m
	}
	if strings.Contains(s, "/") {
		return strings.ToLower(s)
	}
	group := map[string]string{"IM": "image", "IMAGE": "image", "AU": "audio", "AUDIO": "audio", "TX": "text", "TEXT": "text",
		"FT": "text", "VIDEO": "video", "AP": "application", "APPLICATION": "application", "MULTIPART": "multipart"}[strings.ToUpper(k)]
	switch {
	case group != "" && s != "":
		return group + "/" + strings.ToLower(strings.Join(strings.Fields(s), ""))
	case group == "text":
		return "text/plain"
	}
	return "application/octet-stream"
}

// build fills a Coding: translated by the vocabulary when there is one and the
// code is of the table's own system, else as sent.
func (b *builtin) build(r *run, id string, node *resource.Node, c cursor, v *vocabulary) {
	code, display, system, version := b.arg(c, 0), b.arg(c, 1), b.arg(c, 2), b.arg(c, 3)
	if code.null() {
		code.use()
		return
	}
	text := oneLine(code.text())
	if text == "" && display.text() == "" {
		return
	}
	code.use()
	system.use()
	if v != nil && (system.text() == "" || strings.HasPrefix(system.text(), "HL7")) && text != "" {
		if to, _ := v.lookup(text, r.sender); to.code != "" {
			b.coding(r, node, to.system, to.code, to.display)
			if to.display == "" {
				set(r, node, "display", cleanText(display.text()))
			}
			display.use()
			return
		}
		r.issue(Issue{Code: CodeUnmappedCode, Severity: "information", Position: code.position(), Row: id,
			Detail: "code is not in the vocabulary table and is passed on as sent; add a row"})
	}
	uri := r.t.codingSystem(strings.TrimSpace(system.text()))
	b.coding(r, node, uri, cleanText(text), cleanText(display.text()))
	display.use()
	if s := cleanText(version.text()); s != "" {
		version.use()
		set(r, node, "version", s)
	}
}

func (b *builtin) coding(r *run, node *resource.Node, system, code, display string) {
	set(r, node, "system", system)
	set(r, node, "code", code)
	set(r, node, "display", display)
}

func set(r *run, node *resource.Node, name, text string) {
	if text != "" {
		node.Set(&r.arena, name, text)
	}
}
