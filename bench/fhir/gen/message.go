package main

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"cardferry/hl7/structure"
)

const version = "2.5.1"

// generator makes one message.
type generator struct {
	*rand.Rand
	codes map[int][]string
	dirt  int // per cent of values that are wrong on purpose
}

func (g *generator) percent(n int) bool { return g.IntN(100) < n }

func (g *generator) pick(from ...string) string { return from[g.IntN(len(from))] }

func (g *generator) message(e event, s *part, i int) string {
	var names []string
	g.walk(s, &names, 0)
	if g.percent(g.dirt * 2) {
		g.disturb(names)
	}
	head := fmt.Sprintf("MSH|^~\\&|HIS|330106001|CARDFERRY|REGION|%s||%s^%s^%s|G%06d|P|2.5.1|||AL|NE|CHN|UNICODE UTF-8", g.time(), e.code, e.trigger, e.structure, i)
	lines := []string{head}
	for n, name := range names {
		if name != "MSH" {
			lines = append(lines, g.segment(name, n))
		}
	}
	return strings.Join(lines, "\r") + "\r"
}

// walk chooses the segments of a message.
func (g *generator) walk(p *part, out *[]string, depth int) {
	times := 1
	if p.optional && !g.percent(75-10*depth) {
		times = 0
	}
	if times > 0 && p.many {
		times += g.IntN(3)
	}
	for range times {
		switch {
		case len(*out) > 200:
			return
		case p.oneOf:
			g.walk(&p.parts[g.IntN(len(p.parts))], out, depth+1)
		case p.parts != nil:
			for i := range p.parts {
				g.walk(&p.parts[i], out, depth+1)
			}
		default:
			*out = append(*out, p.name)
		}
	}
}

// disturb takes a segment away, doubles one, or changes the order.
func (g *generator) disturb(names []string) {
	if len(names) < 3 {
		return
	}
	i, j := 1+g.IntN(len(names)-1), 1+g.IntN(len(names)-1)
	switch g.IntN(3) {
	case 0:
		names[i] = "ZZZ" // what was there is missing
	case 1:
		names[i] = names[j]
	default:
		names[i], names[j] = names[j], names[i]
	}
}

func (g *generator) segment(name string, n int) string {
	var fields []string
	varies := g.pick("NM", "SN", "ST", "TX", "FT", "CWE", "CE", "DT", "TM", "TS", "ED", "CX", "RP", "XX")
	for f := 1; ; f++ {
		def, ok := structure.FieldName(name, f, version)
		if !ok {
			break
		}
		if def.Usage != structure.Required && !g.percent(55) {
			fields = append(fields, "")
			continue
		}
		reps := 1
		if def.Repeats != 1 && g.percent(30) || g.percent(g.dirt) {
			reps = 2 + g.IntN(2)
		}
		var values []string
		for range reps {
			value := ""
			switch {
			case name == "OBX" && f == 2:
				value = varies
			case def.Datatype == "varies":
				value = g.value(varies, 0, "^&")
			case def.Datatype == "SI":
				value = fmt.Sprint(n)
			default:
				value = g.value(def.Datatype, def.Table, "^&")
			}
			values = append(values, value)
		}
		fields = append(fields, strings.Join(values, "~"))
	}
	if len(fields) == 0 {
		return name + "|1|" + g.text()
	}
	return strings.TrimRight(name+"|"+strings.Join(fields, "|"), "|")
}

// value is a value of a datatype; separators are those of its parts and of
// theirs.
func (g *generator) value(datatype string, table int, separators string) string {
	if g.percent(g.dirt) {
		return g.pick(`""`, "20260230", "2026133", "99:99", "未测", "NaN", "1e400", "-", "+", "Q", "%%%", " ", `\T\\X41\\.br\`, strings.Repeat("长", 300), "<script>", "1^2^3^4", "\x7f\x0b", "A  B", "urn:oid:9.9", "0.", ".")
	}
	parts := structure.Components(datatype, version)
	if len(parts) == 0 || separators == "" {
		return g.primitive(datatype, table)
	}
	out := make([]string, len(parts))
	for i, p := range parts {
		if p.Usage != structure.Required && i > 0 && !g.percent(45) {
			continue
		}
		t := p.Table
		if t == 0 && i == 0 {
			t = table
		}
		out[i] = g.value(p.Datatype, t, separators[1:])
	}
	return strings.TrimRight(strings.Join(out, separators[:1]), separators[:1])
}

func (g *generator) primitive(datatype string, table int) string {
	if codes := g.codes[table]; len(codes) > 0 && g.percent(85) {
		return codes[g.IntN(len(codes))]
	}
	switch datatype {
	case "NM":
		return g.pick("0", "7", "13.20", "-4", "+5.0", ".5", "00120", "1000000.000001")
	case "SI":
		return g.pick("1", "2", "3")
	case "DT":
		return g.time()[:8]
	case "TM":
		return g.pick("0830", "08", "083015", "083015.1234", "0830+0800")
	case "DTM", "TS":
		return g.pick(g.time()[:4], g.time()[:6], g.time()[:8], g.time()[:10], g.time()[:12], g.time(), g.time()+".12", g.time()+"+0800", g.time()+".5-0330")
	case "ID", "IS":
		return g.pick("A", "L", "N", "Y", "U", "X1")
	case "HD", "ED", "RP":
		return g.text()
	}
	return g.text()
}

func (g *generator) time() string {
	return fmt.Sprintf("%04d%02d%02d%02d%02d%02d", 1930+g.IntN(97), 1+g.IntN(12), 1+g.IntN(28), g.IntN(24), g.IntN(60), g.IntN(60))
}

// text is a text or code; the numbers are made up.
func (g *generator) text() string {
	return g.pick("张", "王小明", "Lindqvist", "HIS", "LIS", "330106001", "R10.4", "2345-7", "I10", "LN", "UCUM", "mmol/L", "%", "10*9/L", "ISO", "1.2.156.1",
		"腹痛", "See note", "no. 3 West Lake Road", "+86-571-5551", "a@example.org", "A1", "007", "Base64", "QUJD", "application", "PDF", "text/plain", "http://example.org/x",
		fmt.Sprintf("%07d", g.IntN(10_000_000)))
}
