package main

import (
	"encoding/csv"
	"errors"
	"os"
	"strconv"
	"strings"
)

// part is an element of a message structure: a segment, a group, or one of
// several alternatives.
type part struct {
	name           string // of a segment
	optional, many bool
	oneOf          bool
	parts          []part
}

// readStructures reads the grammar of hl7/structure/tables/messages.txt, as far
// as version 2.5.1 goes.
func readStructures(file string) (map[string]*part, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	texts := map[string]string{}
	name := ""
	for line := range strings.SplitSeq(string(b), "\n") {
		switch {
		case line == "" || line[0] == '#':
		case line[0] == ' ':
			texts[name] += line
		default:
			name, texts[name], _ = strings.Cut(line, " ")
			_, rest, _ := strings.Cut(line, " ")
			texts[name] = rest
		}
	}
	out := make(map[string]*part, len(texts))
	for name, text := range texts {
		p := grammar{text: text}
		parts := p.sequence()
		if p.pos < len(p.text) {
			return nil, errors.New(file + ": structure " + name + " cannot be read")
		}
		out[name] = &part{parts: parts}
	}
	return out, nil
}

type grammar struct {
	text string
	pos  int
}

func (g *grammar) sequence() []part {
	var out []part
	for g.pos < len(g.text) {
		switch c := g.text[g.pos]; {
		case c == ' ' || c == '|':
			g.pos++
		case c == ')':
			return out
		default:
			p, in := g.element()
			if in {
				out = append(out, p)
			}
		}
	}
	return out
}

func (g *grammar) element() (p part, in bool) {
	p.name = g.while(func(c byte) bool { return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c == '_' })
	if g.peek() == '(' {
		p.oneOf = p.name == ""
		g.pos++
		p.name, p.parts = "", g.sequence()
		g.pos++ // ')'
	}
	switch g.peek() {
	case '?':
		p.optional = true
		g.pos++
	case '*':
		p.optional, p.many = true, true
		g.pos++
	case '+':
		p.many = true
		g.pos++
	}
	in = true
	if g.peek() == '@' {
		g.pos++
		in = contains251(g.while(func(c byte) bool { return c >= '0' && c <= '9' || c == '.' || c == '-' }))
	}
	return p, in
}

func (g *grammar) peek() byte {
	if g.pos < len(g.text) {
		return g.text[g.pos]
	}
	return 0
}

func (g *grammar) while(in func(byte) bool) string {
	start := g.pos
	for g.pos < len(g.text) && in(g.text[g.pos]) {
		g.pos++
	}
	if g.pos == start && g.peek() != '(' {
		g.pos++ // what the grammar does not have is stepped over
	}
	return g.text[start:g.pos]
}

// contains251 says whether a range such as "2.5-" or "2.3-2.4" has v2.5.1. The
// versions of the tables compare as texts.
func contains251(versions string) bool {
	from, to, isRange := strings.Cut(versions, "-")
	if !isRange {
		return from == "2.5.1"
	}
	return from <= "2.5.1" && (to == "" || to >= "2.5.1")
}

type event struct{ code, structure, trigger string }

func readEvents(file string) ([]event, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var out []event
	for line := range strings.SplitSeq(string(b), "\n") {
		col := strings.Split(line, "\t")
		if len(col) != 3 || strings.HasPrefix(line, "#") || col[2] == "*" {
			continue
		}
		for trigger := range strings.FieldsSeq(col[2]) {
			out = append(out, event{col[0], col[1], trigger})
		}
	}
	return out, nil
}

// readCodes are codes by the number of their HL7 table: those that HL7 closes,
// and those of the vocabulary that the translation knows.
func readCodes(closed, vocabulary string) (map[int][]string, error) {
	out := map[int][]string{}
	b, err := os.ReadFile(closed)
	if err != nil {
		return nil, err
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		col := strings.Split(line, "\t")
		if n, err := strconv.Atoi(col[0]); err == nil && len(col) == 3 {
			out[n] = strings.Fields(col[2])
		}
	}
	f, err := os.Open(vocabulary)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	r := csv.NewReader(f)
	r.Comment, r.FieldsPerRecord = '#', -1
	rows, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		if len(row) < 4 {
			continue
		}
		_, table, ok := strings.Cut(row[3], "/CodeSystem/v2-")
		if n, err := strconv.Atoi(table); ok && err == nil {
			out[n] = append(out[n], row[1])
		}
	}
	// Tables whose targets are no v2 code systems, by their commonest codes.
	for table, codes := range common {
		out[table] = append(out[table], strings.Fields(codes)...)
	}
	return out, nil
}

var common = map[int]string{
	1: "A F M N O U", 2: "A D I M P S W", 4: "B C E I N O P R U", 7: "A C E L N R U", 52: "A F W", 63: "BRO CHD EMC FTH MTH SPO SEL", 69: "CAR MED PUL SUR URG",
	74: "AU BG CH CT HM LAB MB RAD SP", 78: "A AA B H HH L LL N R S", 102: "D F", 112: "01 02 03 20", 116: "C H I K O U", 127: "DA EA FA LA MA MC",
	128: "MI MO SV U", 131: "C E F I N S U", 190: "B BA C H L M O P", 200: "A B D L M N", 201: "ORN PRN WPN NET", 202: "BP CP FX Internet PH", 203: "AN DL MR NI PI PPN SS VN",
	276: "CHECKUP FOLLOWUP ROUTINE WALKIN", 277: "Complete Normal Tentative", 278: "Blocked Booked Cancelled Complete Dc Deleted Noshow Overbook Pending Started Waitlist",
	322: "CP NA PA RE", 443: "AP AT AU CN OP PP RP RT VP", 487: "BLD SER UR PLAS CSF", 270: "CN DS HP OP PN RA",
}
