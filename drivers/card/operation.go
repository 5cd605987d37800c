package card

import (
	"context"
	"strconv"

	"cardferry/drivers/decode"

	"go.yaml.in/yaml/v3"
)

// readRecord: READ RECORD by number or identifier, or of a range of numbers
// (ISO/IEC 7816-4, section 11.3.3).
type readRecord struct {
	SFI    hexNumber `yaml:"sfi" doc:"01 to 1E; the current file without it"`
	Number number    `yaml:"number" doc:"record number from 1 (P2 = xxxxx100); or"`
	Tag    hexNumber `yaml:"tag" doc:"record identifier (P2 = xxxxx000); or"`
	From   number    `yaml:"from" doc:"first record number of a range,"`
	To     lastOne   `yaml:"to" doc:"its last one, or end: at most 32 records, up to the first that the card does not have"`
	Length number    `yaml:"length" doc:"expected bytes; 256, that is all, without it"`
	answer `yaml:",inline"`
}

// maxRecords bounds a range of records.
const maxRecords = 32

// lastOne is a number or `end`.
type lastOne struct {
	number
	end bool
}

func (x *lastOne) DecodeNode(d *decode.Decoder, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.Value == "end" {
		x.end, x.set = true, true
		return
	}
	d.Decode(n, &x.number)
}

func (b *readRecord) ranged() bool { return b.To.set }

func (b *readRecord) validate(d *decode.Decoder, n *yaml.Node) {
	given := 0
	for _, set := range []bool{b.Number.set, b.Tag.set, b.From.set} {
		if set {
			given++
		}
	}
	switch {
	case given != 1 || b.From.set != b.To.set:
		d.Fail(n, "give either number, or tag, or from and to")
	case b.SFI.outside(1, 30):
		d.Fail(n, "sfi is 01 to 1E (hex)")
	case b.ranged() && (b.From.ref != "" || b.To.ref != "" || b.From.outside(1, 254) || !b.To.end && (b.To.lit < b.From.lit || b.last()-b.From.lit >= maxRecords)):
		d.Fail(n, "from and to are numbers from 1, of at most %d records", maxRecords)
	case b.ranged() && (b.As.ref != "" || b.As.before == "" && b.Append.before == ""):
		d.Fail(n, "a range of records needs as: NAME, for the captures NAME-1, NAME-2 …")
	}
}

func (b *readRecord) last() int {
	if b.To.end {
		return min(b.From.lit+maxRecords-1, 254)
	}
	return b.To.lit
}

// captures are the names that a range of records makes.
func (b *readRecord) captures() map[string]decode.Kind {
	all := map[string]decode.Kind{b.As.before + "-count": decode.KindText}
	for n := range b.last() - b.From.lit + 1 {
		all[b.As.before+"-"+strconv.Itoa(n+1)] = decode.KindBytes
	}
	return all
}

func (b *readRecord) run(ctx context.Context, r *run, st *step) ([]byte, error) {
	c := command{ins: 0xB2, p1: byte(b.Tag.value(r.vars)), p2: byte(b.SFI.value(r.vars)) << 3, ne: maxShort}
	if b.Length.set {
		c.ne = min(max(1, b.Length.value(r.vars)), maxShort)
	}
	if b.ranged() {
		return b.runRange(ctx, r, st, c)
	}
	if b.Number.set {
		c.p1, c.p2 = byte(b.Number.value(r.vars)), c.p2|0x04
	}
	return r.send(ctx, st, c)
}

// runRange reads records until the card says that there are no more. The first one
// may be missing too: then there are none.
func (b *readRecord) runRange(ctx context.Context, r *run, st *step, c command) ([]byte, error) {
	var all []byte
	count := 0
	for n := b.From.lit; n <= b.last(); n++ {
		c.p1, c.p2 = byte(n), c.p2|0x04
		data, err := r.send(ctx, st, c)
		if refusedWith(err, 0x6A83) || count > 0 && (refusedWith(err, 0x6A82) || refusedWith(err, 0x6A86) || refusedWith(err, 0x6B00)) {
			break
		}
		if err != nil {
			return nil, err
		}
		count++
		if b.As.before != "" {
			r.keep(b.As.before+"-"+strconv.Itoa(count), data)
		}
		all = append(all, data...)
	}
	if b.As.before != "" {
		r.captures[b.As.before+"-count"] = decode.TextValue(strconv.Itoa(count))
	}
	return all, nil
}

// getData: GET DATA (ISO/IEC 7816-4, section 11.4.3).
type getData struct {
	Tag    hexNumber       `yaml:"tag,required" doc:"P1 P2"`
	Length number          `yaml:"length" doc:"expected bytes; without it all, or no Le if data is given"`
	Data   decode.HexBytes `yaml:"data" doc:"data field, for cards that want one"`
	Class  hexNumber       `yaml:"class" doc:"CLA, 00 without it; another one needs allow, such as 80CA"`
	answer `yaml:",inline"`
}

func (b *getData) validate(d *decode.Decoder, n *yaml.Node) {
	if b.Class.ref != "" || b.Class.lit > 0xFF || len(b.Data) > 255 {
		d.Fail(n, "class is one byte, data at most 255")
	}
}

func (b *getData) head() classInstruction { return classInstruction(b.Class.lit)<<8 | 0xCA }

func (b *getData) run(ctx context.Context, r *run, st *step) ([]byte, error) {
	tag := b.Tag.value(r.vars)
	c := command{cla: byte(b.Class.lit), ins: 0xCA, p1: byte(tag >> 8), p2: byte(tag), data: b.Data, ne: maxShort}
	switch {
	case b.Length.set:
		c.ne = min(max(1, b.Length.value(r.vars)), maxShort)
	case b.Data != nil:
		c.ne = 0
	}
	return r.send(ctx, st, c)
}

// apdu sends a command as written, if the guard lets it.
type apdu struct {
	Command apduTemplate `yaml:"command,required" doc:"hex; CLA and INS written out, the rest may hold ${name:u8}, ${name:be16}, ${name:le16} or ${name:bcd}"`
	Expect  []swPattern  `yaml:"expect" doc:"status words that mean success, beside 9000"`
	answer  `yaml:",inline"`
}

func (b *apdu) validate(d *decode.Decoder, n *yaml.Node) {
	if b.Command.parts == nil {
		return
	}
	if _, err := parseCommand(b.Command.bytes(nil)); err != nil {
		d.Fail(n, "%v", err)
	}
}

func (b *apdu) run(ctx context.Context, r *run, st *step) ([]byte, error) {
	c, err := parseCommand(b.Command.bytes(r.vars))
	if err != nil {
		return nil, err
	}
	return r.send(ctx, st, c, b.Expect...)
}
