package card

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"cardferry/drivers/decode"
)

// text writes the profile; without expect it has no test yet.
func (s *skeleton) text(expect map[string]any) []byte {
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# A card still to be described: say here what it is, where its layout is published and what is odd about it.")
	line("#")
	line("# This is a beginning, made from a recording. It loads and its test passes; go on from here:")
	line("#   cardferry card test FILE      replays the test below and shows what differs")
	line("#   cardferry card schema         the whole language, for completion in an editor")
	line("profile: %s", s.name)
	line("version: 1")
	line("title: %s (a card still to be described)", s.name)
	line("assurance: %s", s.assurance())
	line("")
	s.match(line)
	if len(s.pairs) > 0 {
		var pairs []string
		for p := range s.pairs {
			pairs = append(pairs, fmt.Sprintf("%04X", uint16(p)))
		}
		slices.Sort(pairs)
		line("# Commands outside class 00 that the steps send. The guard lets none through that writes or counts a try.")
		line("allow: [\"%s\"]", strings.Join(pairs, "\", \""))
		line("")
	}
	if s.getP2 != 0 {
		line("transport:")
		line("  get-response: {p2: [{atr: \"%s\", value: %02X}]}", upperHex(s.doc.ATR), s.getP2)
		line("")
	}
	line("limits: {apdus: 256, bytes: 262144}")
	line("")
	line("# What could be read. Give the captures names that say what they are, take out what nobody needs, and write")
	line("# optional: [\"6A82\"] where another generation of the card may lack a file.")
	line("steps:")
	for _, st := range s.steps {
		line("  - %s", st)
	}
	if s.skipped > 0 {
		line("  # %d more answers were empty or too many.", s.skipped)
	}
	if s.storage && s.doc.Mifare == nil && s.doc.Memory == nil {
		line("  # MIFARE sectors were read with keys of the site: mifare-read: {sector: 1, blocks: [0, 1, 2], key: NAME, as: sector-1}")
	}
	line("")
	line("fields:")
	if len(s.reads) == 0 {
		line("  {}")
	}
	for _, r := range s.reads {
		line("  # %s, %d bytes: %s", r.what, len(r.data), looksLike(r.data))
		line("  show-%s: {from: %s, do: [%s]}", r.name, r.name, showStages(r.data))
	}
	line("")
	line("output:")
	line("  # patient:")
	line("  #   identifier:")
	line("  #     - system: https://example.org/sid/%s-number", s.name)
	line("  #       value: ${number}")
	line("  #   name: [{use: official, text: \"${name}\"}]")
	line("  #   gender: ${sex}")
	line("  #   birthDate: ${birth}")
	line("  extras:")
	if len(s.reads) == 0 {
		line("    {}")
	}
	for _, r := range s.reads {
		line("    %s: ${show-%s}", r.name, r.name)
	}
	if expect != nil {
		s.test(&b, expect)
	}
	return b.Bytes()
}

func (s *skeleton) assurance() string {
	if s.storage || s.probe == "" && len(s.reads) <= 2 && s.doc.UID != nil {
		return "memory-read"
	}
	return "chip-read"
}

// match writes how the card is recognised.
func (s *skeleton) match(line func(string, ...any)) {
	atr := upperHex(s.doc.ATR)
	line("match:")
	if s.doc.Contactless || s.doc.UID != nil || s.doc.ATS != nil || s.doc.Mifare != nil {
		line("  interface: contactless")
	}
	if len(s.doc.ATR) >= 2 {
		if h := historicalBytes(s.doc.ATR); len(h) > 0 {
			line("  # Historical bytes: %s%s", upperHex(h), readable(h))
		}
		line("  # One card has this ATR; other makers and generations have others. . stands for any digit.")
		line("  atr: [\"%s\"]", atr)
	}
	line("  # While you work on it, it goes before others that fit as well.")
	line("  priority: 100")
	switch {
	case s.probe != "":
		line("  # What decides: these steps succeed on this card only. Add confirm if others know the name too.")
		line("  probe:")
		line("    - %s", s.probe)
	case (atrPattern{hex: atr}).complete():
		line("  # Nothing but the ATR tells this card: look for a file or a content that only it has.")
	default:
		line("  # This succeeds on many cards: look for a file or a content that only this one has.")
		line("  probe:")
		line("    - %s", strings.Replace(s.steps[0], "as: part-1", "as: probe-1", 1))
	}
	line("")
}

func readable(b []byte) string {
	if slices.ContainsFunc(b, func(c byte) bool { return c < ' ' || c > '~' }) {
		return ""
	}
	return fmt.Sprintf(" (%q)", b)
}

// test writes the recording and what the profile makes of it.
func (s *skeleton) test(b *bytes.Buffer, expect map[string]any) {
	fmt.Fprintf(b, "\ntests:\n  as-recorded:\n    replay:\n")
	raw, err := json.MarshalIndent(s.doc, "      ", " ")
	if err != nil {
		return // hex and numbers: cannot fail
	}
	fmt.Fprintf(b, "      %s\n    expect:\n", raw)
	if raw, err = json.MarshalIndent(expect, "      ", " "); err == nil {
		fmt.Fprintf(b, "      %s\n", raw)
	}
}

// looksLike says in words what bytes look like. It quotes no byte but tags.
func looksLike(b []byte) string {
	c := newContent(b)
	lo, hi := c.trimmed(0, len(b))
	var notes []string
	switch {
	case lo == hi:
		return "empty, only padding"
	case c.berHeaders(0, len(b), 0, true):
		notes = append(notes, "BER-TLV with tags "+strings.Join(berTags(b, 0), " ")+"; try tlv: {form: ber, path: …}")
	default:
		if i := bytes.Index(b, []byte{0x1F, 0x8B, 0x08}); i >= 0 {
			notes = append(notes, fmt.Sprintf("gzip from byte %d; cut there, then inflate: gzip", i))
		}
		if i := bytes.Index(b, []byte{0xFF, 0xD8, 0xFF}); i >= 0 {
			notes = append(notes, fmt.Sprintf("JPEG from byte %d; image: jpeg, and sensitivity: sensitive", i))
		}
		if b[0] != 0 && len(b) > 2 && int(b[1]) == len(b)-2 {
			notes = append(notes, fmt.Sprintf("one SIMPLE-TLV object; tlv: {form: simple, path: \"%02X\"}", b[0]))
		}
		if len(b) > 4 && int(b[0])<<8|int(b[1]) == len(b)-2 {
			notes = append(notes, "begins with its length (be16)")
		}
		switch l := judge(b[lo:hi], b, leaf{to: len(b)}); {
		case l.kind == dateLeaf:
			notes = append(notes, "a date in digits; text: ascii, date: "+l.layout)
		case l.kind == packedDateLeaf:
			notes = append(notes, "a date in BCD; bcd, date: "+l.layout)
		case l.kind == bcdLeaf:
			notes = append(notes, "packed decimal digits; bcd")
		case l.kind == wide16LittleLeaf:
			notes = append(notes, "UTF-16; text: utf-16le")
		case l.kind == wide16Leaf:
			notes = append(notes, "UTF-16; text: utf-16be")
		case l.kind == textLeaf && !utf8.Valid(b[lo:hi]):
			notes = append(notes, "text in a charset of one or two bytes a character; try text: gb18030, big5, tis-620, iso-8859-1")
		case l.kind == textLeaf && !isASCII(b[lo:hi]):
			notes = append(notes, "text in UTF-8; text: utf-8")
		case l.kind == textLeaf:
			notes = append(notes, "ASCII; cut it with [from:to]")
		}
	}
	if len(notes) == 0 {
		return "binary"
	}
	return strings.Join(notes, "; ")
}

func isASCII(b []byte) bool {
	return !slices.ContainsFunc(b, func(c byte) bool { return c >= 0x80 })
}

// berTags lists the tags of BER objects, nested ones in parentheses.
func berTags(b []byte, depth int) []string {
	var out []string
	for len(b) > 0 && len(out) < 24 && depth < 4 {
		if b[0] == 0 || b[0] == 0xFF {
			b = b[1:]
			continue
		}
		tag, hl, vl, ok := decode.TLVBER.Head(b)
		if !ok || vl > len(b)-hl {
			break
		}
		text := fmt.Sprintf("%02X", tag)
		if b[0]&0x20 != 0 {
			if inner := berTags(b[hl:hl+vl], depth+1); len(inner) > 0 {
				text += "(" + strings.Join(inner, " ") + ")"
			}
		}
		out = append(out, text)
		b = b[hl+vl:]
	}
	return out
}

// showStages are stages that show bytes as they are.
func showStages(b []byte) string {
	c := newContent(b)
	lo, hi := c.trimmed(0, len(b))
	if lo < hi && !slices.ContainsFunc(b[lo:hi], func(x byte) bool { return x < ' ' || x > '~' }) {
		return "trim: [nul, space, ff], text: ascii"
	}
	return "hex"
}
