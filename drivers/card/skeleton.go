package card

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cardferry/drivers/card/isocard"
	"cardferry/drivers/decode"
)

// ErrSkeleton is wrapped when no profile can be made of a recording.
var ErrSkeleton = errors.New("cannot make a profile of this recording")

// maxSkeletonReads bounds how many reads a skeleton has; the rest is a comment.
const maxSkeletonReads = 32

// Skeleton writes a card profile to go on from, out of a replay file: a recording
// (see Record) or an image. It recognises the card, reads what could be read, shows
// each piece as it is, with a hint of what it looks like, and carries the card as
// its test. It loads and passes as it stands. The name is a plain name such as
// "xy-clinic". Errors wrap isocard.ErrReplay or ErrSkeleton.
func Skeleton(replay []byte, name string) ([]byte, error) {
	doc, err := isocard.Decode(replay)
	if err != nil {
		return nil, err
	}
	if _, err := isocard.New(doc); err != nil {
		return nil, err
	}
	if !decode.PlainName(name) {
		return nil, fmt.Errorf("%w: the name is letters, digits and -, starting with a letter", ErrSkeleton)
	}
	s := &skeleton{name: name, doc: doc, pairs: map[classInstruction]bool{}}
	if doc.Exchange != nil {
		s.fromExchange()
	} else {
		s.fromImage()
	}
	if len(s.steps) == 0 {
		return nil, fmt.Errorf("%w: the card answered nothing that could be read", ErrSkeleton)
	}
	draft, err := parseProfile(name+".yaml", s.text(nil), nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSkeleton, err)
	}
	e, err := NewEngine([]*Profile{draft})
	if err != nil {
		return nil, err
	}
	expect, err := e.expectation(s.doc)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSkeleton, err)
	}
	return s.text(expect), nil
}

// expectation is the read of a card as a profile's test writes it.
func (e *Engine) expectation(doc Replay) (map[string]any, error) {
	raw, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("encode replay: %w", err)
	}
	return e.comparable(context.Background(), raw)
}

// skeleton is a profile in the making.
type skeleton struct {
	name    string
	doc     Replay // with the exchanges that the profile's steps will repeat
	probe   string
	steps   []string
	reads   []skeletonRead
	pairs   map[classInstruction]bool // outside class 00
	getP2   byte                      // P2 of GET RESPONSE, where the card wants one
	skipped int
	storage bool
}

// skeletonRead is a capture.
type skeletonRead struct {
	name, what string
	data       []byte
}

// add adds a step that reads.
func (s *skeleton) add(step, what string, data []byte) {
	if len(s.reads) >= maxSkeletonReads || len(data) == 0 {
		s.skipped++
		return
	}
	name := fmt.Sprintf("part-%d", len(s.reads)+1)
	s.steps = append(s.steps, strings.Replace(step, "AS", "as: "+name, 1))
	s.reads = append(s.reads, skeletonRead{name, what, data})
}

// fromExchange takes a recorded dialogue apart: what succeeded becomes a step, and
// only that stays in the test's replay.
func (s *skeleton) fromExchange() {
	said := make([]exchanged, len(s.doc.Exchange))
	for i, x := range s.doc.Exchange {
		said[i] = exchanged{x.C, x.R}
	}
	groups, _ := (&trace{said: said}).groups()
	var used []isocard.Exchange
	seen := map[string]bool{}
	for _, g := range groups {
		last := said[g[len(g)-1]]
		var data []byte
		for _, i := range g {
			data = append(data, said[i].data()...)
		}
		sw := last.sw()
		c, err := parseCommand(said[g[0]].command)
		if answered := sw == swOK || sw == 0x6282 && len(data) > 0; err != nil || !answered {
			continue
		}
		steps := len(s.steps)
		if s.step(c, data, seen); len(s.steps) == steps {
			continue
		}
		for _, i := range g {
			if x := said[i].command; i != g[0] && x[3] != 0 {
				s.getP2 = x[3]
			}
			used = append(used, s.doc.Exchange[i])
		}
	}
	s.doc.Exchange = used
	if used == nil {
		s.doc.Exchange = []isocard.Exchange{}
	}
}

// step turns one command that succeeded into a step that sends the same.
func (s *skeleton) step(c command, data []byte, seen map[string]bool) {
	once := fmt.Sprintf("%02X%02X%02X%02X%X", c.cla, c.ins, c.p1, c.p2, c.data)
	le := ""
	if c.ne > 0 {
		le = fmt.Sprintf(", le: %d", c.ne)
	}
	p2 := ""
	if c.p2 != 0 {
		p2 = fmt.Sprintf(", p2: %02X", c.p2)
	}
	switch {
	case c.cla == 0x00 && c.ins == 0xA4 && c.p1 == 0x04 && len(c.data) > 0 && len(c.data) <= 16:
		s.selects(fmt.Sprintf("select-aid: {aid: \"%X\"%s%s}", c.data, p2, le))
	case c.cla == 0x00 && c.ins == 0xA4 && c.p1 <= 0x02 && len(c.data) == 2:
		s.selects(fmt.Sprintf("select-file: {fid: \"%X\", p1: %02X%s%s}", c.data, c.p1, p2, le))
	case c.cla == 0x00 && c.ins == 0xA4 && (c.p1 == 0x08 || c.p1 == 0x09) && len(c.data) > 0 && len(c.data)%2 == 0:
		s.selects(fmt.Sprintf("select-file: {path: \"%X\", p1: %02X%s%s}", c.data, c.p1, p2, le))
	case c.cla == 0x00 && c.ins == 0xB0 && c.data == nil && c.ne > 0:
		where, what := fmt.Sprintf("offset: %d, ", int(c.p1)<<8|int(c.p2)), "bytes of the file selected before"
		if c.p1&0x80 != 0 {
			where, what = fmt.Sprintf("sfi: %02X, offset: %d, ", c.p1&0x1F, c.p2), fmt.Sprintf("file with short identifier %02X", c.p1&0x1F)
		}
		if c.ne == maxShort { // the end may be a block that nobody asked for
			s.add(fmt.Sprintf(`read-binary: {%slength: eof, chunk: 256, eof: ["6A82"], AS}`, where), what, data)
		} else {
			s.add(fmt.Sprintf("read-binary: {%slength: %d, chunk: %d, AS}", where, c.ne, c.ne), what, data)
		}
	case c.cla == 0x00 && c.ins == 0xB2 && c.data == nil && c.ne > 0 && (c.p2&0x07 == 0x04 && c.p1 != 0 || c.p2&0x07 == 0):
		sfi := ""
		if c.p2>>3 != 0 {
			sfi = fmt.Sprintf("sfi: %02X, ", c.p2>>3)
		}
		key := fmt.Sprintf("number: %d", c.p1)
		if c.p2&0x07 == 0 {
			key = fmt.Sprintf("tag: %02X", c.p1)
		}
		s.add(fmt.Sprintf("read-record: {%s%s, length: %d, AS}", sfi, key, c.ne), fmt.Sprintf("record %d", c.p1), data)
	case c.cla == 0xFF && c.ins == 0xCA && c.p2 == 0 && c.p1 <= 1 && c.ne == maxShort:
		kind := map[byte]string{0: "uid", 1: "ats"}[c.p1]
		if !seen[once] {
			seen[once] = true
			s.add(kind+": {AS}", strings.ToUpper(kind), data)
		}
	case c.cla == 0xFF && (c.ins == 0x82 || c.ins == 0x86 || c.ins == 0xB0):
		s.storage = true // keys have names only the site knows
	case len(data) > 0 && (c.cla == 0x00 && readInstruction(c.ins) || permit(classInstruction(c.cla)<<8|classInstruction(c.ins), []classInstruction{classInstruction(c.cla)<<8 | classInstruction(c.ins)}) == nil):
		raw, err := c.encode(T1)
		if err != nil || c.ins == 0x84 {
			return
		}
		if c.cla != 0x00 {
			s.pairs[classInstruction(c.cla)<<8|classInstruction(c.ins)] = true
		}
		s.add(fmt.Sprintf("apdu: {command: \"%X\", AS}", raw), fmt.Sprintf("answer to %02X%02X", c.cla, c.ins), data)
	}
}

// selects adds a SELECT. The first application that answers recognises the card.
func (s *skeleton) selects(step string) {
	if s.probe == "" && strings.HasPrefix(step, "select-aid") {
		s.probe = step
	}
	s.steps = append(s.steps, step)
}

// fromImage makes steps of the files of an image.
func (s *skeleton) fromImage() {
	if s.doc.UID != nil {
		s.add("uid: {AS}", "UID", s.doc.UID)
	}
	if m := s.doc.Memory; m != nil {
		s.storage = true
		dialect := m.Dialect
		if dialect == "" {
			dialect = "acs"
		}
		s.steps = append(s.steps, fmt.Sprintf("memory-card: {dialect: %s, type: %s}", dialect, m.Type))
		n := min(len(m.Data), 256)
		s.add(fmt.Sprintf("read-memory: {address: 0, length: %d, AS}", max(1, n)), "memory", m.Data[:n])
	}
	if m := s.doc.Mifare; m != nil {
		s.storage = true
		for _, sector := range m.Sectors {
			if key := s.keyName(sector.KeyA); key != "" {
				s.add(fmt.Sprintf("mifare-read: {sector: %d, blocks: [0, 1, 2], key: %s, AS}", sector.Sector, key), "sector "+strconv.Itoa(sector.Sector), append(slices.Clone(sector.Data), 0))
			}
		}
	}
	selected := ""
	for _, f := range s.doc.Files {
		path := strings.ReplaceAll(strings.TrimPrefix(f.Path, "3F00"), "/", "")
		if f.AID != nil && string(f.AID) != selected {
			selected = string(f.AID)
			s.selects(fmt.Sprintf("select-aid: {aid: \"%X\", p2: 0C}", []byte(f.AID)))
		}
		sfi := ""
		switch {
		case f.SW != nil || f.Data == nil && f.Records == nil:
			continue
		case f.SFI != 0:
			sfi = fmt.Sprintf("sfi: %02X, ", f.SFI)
		case path != "":
			s.selects(fmt.Sprintf("select-file: {path: \"%s\", p2: 0C}", path))
		default:
			continue
		}
		if f.Data != nil {
			s.add("read-binary: {"+sfi+"length: eof, AS}", "file "+path, *f.Data)
			continue
		}
		for i, r := range *f.Records {
			s.add(fmt.Sprintf("read-record: {%snumber: %d, AS}", sfi, i+1), fmt.Sprintf("record %d of file %s", i+1, path), r)
		}
	}
}

// keyName is the name of a key of the replay or of one that everybody knows.
func (s *skeleton) keyName(key []byte) string {
	for name, k := range publicKeys {
		if bytes.Equal(k, key) {
			return name
		}
	}
	for name, k := range s.doc.Keys {
		if bytes.Equal(k, key) {
			return name
		}
	}
	return ""
}

func upperHex(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) }
