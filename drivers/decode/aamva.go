package decode

import (
	"slices"
	"strconv"
	"strings"
)

// parseAAMVA reads the PDF417 symbol of North American licences and identity cards
// (AAMVA DL/ID Card Design Standard, annex D): a document of elements by their
// three-letter ids, the header under version and issuer. Real symbols have wrong
// offsets in the header, so elements are found by their line ends, which must be
// there. Elements that say "NONE" or "unavl" (annex D.12) are absent.
type parseAAMVA struct{}

func (*parseAAMVA) kinds() (in, out Kind) { return kindEither, KindDocument }

// Bounds of a symbol: the header begins near the front, a symbol has a few dozen
// elements.
const (
	aamvaHeaderWithin = 16
	aamvaElements     = 512
)

func (*parseAAMVA) apply(_ *evaluation, v Value) (Value, error) {
	s := string(v.b)
	if v.kind == KindBytes {
		s = latin1(v.b)
	}
	header, ok := aamvaHeader(s)
	if !ok {
		return Value{}, errUnreadable
	}
	root := &element{}
	root.add("issuer", header.issuer)
	root.add("version", header.version)
	for line := range strings.FieldsFuncSeq(header.rest, func(c rune) bool { return c == '\n' || c == '\r' || c == 0x1E }) {
		// A subfile begins with its type, in front of its first element.
		if len(line) >= 5 && slices.Contains(header.types, line[:2]) && aamvaID(line[2:]) {
			line = line[2:]
		}
		if !aamvaID(line) || len(root.children) >= aamvaElements {
			continue
		}
		id, value := line[:3], strings.TrimSpace(line[3:])
		if value != "NONE" && value != "unavl" && root.find([][]string{{id}}) == nil {
			root.add(id, value)
		}
	}
	if len(root.children) < 3 {
		return Value{}, errUnreadable
	}
	return documentValue(v.b, root), nil
}

// aamvaID says whether a line begins with an element id: three upper-case letters,
// D for the standard's own, P for its later ones, Z for a jurisdiction's.
func aamvaID(line string) bool {
	return len(line) >= 3 && strings.IndexByte("DPZ", line[0]) >= 0 &&
		letter(line[1]) && (letter(line[2]) || line[2] >= '0' && line[2] <= '9')
}

func letter(c byte) bool { return c >= 'A' && c <= 'Z' }

type aamvaFile struct {
	issuer, version string
	types           []string // of the subfiles
	rest            string   // behind the header
}

// aamvaHeader reads "@ LF RS CR ANSI ", six digits of issuer, two of version, from
// version 2 on two of the jurisdiction's version, two digits that count the
// subfiles, and a designator of ten characters for each: type, offset, length.
func aamvaHeader(s string) (f aamvaFile, ok bool) {
	for _, mark := range []string{"ANSI ", "AAMVA"} {
		i := strings.Index(s[:min(len(s), aamvaHeaderWithin+len(mark))], mark)
		if i < 0 || s[0] != '@' {
			continue
		}
		s = s[i+len(mark):]
		if len(s) < 12 || !allDigits([]byte(s[:10])) {
			return f, false
		}
		f.issuer, f.version = s[:6], s[6:8]
		count := s[8:10]
		s = s[10:]
		if f.version >= "02" {
			count, s = s[:2], s[2:]
		}
		n, err := strconv.Atoi(count)
		if err != nil || n < 1 || n > 10 {
			return f, false
		}
		for ; n > 0 && len(s) >= 10 && letter(s[0]) && letter(s[1]) && allDigits([]byte(s[2:10])); n-- {
			f.types = append(f.types, s[:2])
			s = s[10:]
		}
		f.rest = s
		return f, len(f.types) > 0
	}
	return f, false
}
