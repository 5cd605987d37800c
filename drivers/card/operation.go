package card

import (
	"context"

	"cardferry/drivers/decode"

	"go.yaml.in/yaml/v3"
)

// selectAIDBody: SELECT by DF name (ISO/IEC 7816-4, section 11.1.1, P1 = 04).
type selectAIDBody struct {
	AID    decode.HexBytes `yaml:"aid,required"`
	P2     hexNumber       `yaml:"p2"` // 00 FCI, 04 FCP, 0C nothing
	Le     number          `yaml:"le"` // expected bytes, 256 for all; none without it
	answer `yaml:",inline"`
}

func (b *selectAIDBody) validate(d *decode.Decoder, n *yaml.Node) {
	if len(b.AID) < 1 || len(b.AID) > 16 {
		d.Fail(n, "an AID has 1 to 16 bytes")
	}
}

func (b *selectAIDBody) run(ctx context.Context, r *run, st *step) ([]byte, error) {
	return r.send(ctx, st, command{ins: 0xA4, p1: 0x04, p2: byte(b.P2.value(r.vars)), data: b.AID, ne: b.Le.value(r.vars)})
}

// selectFileBody: SELECT by file identifier or path.
type selectFileBody struct {
	FID    hexNumber       `yaml:"fid"`  // two bytes
	Path   decode.HexBytes `yaml:"path"` // from the MF, which is not part of it (P1 = 08)
	P1     hexNumber       `yaml:"p1"`   // 00 any file, 01 child DF, 02 EF, 08 path from MF, 09 path from DF
	P2     hexNumber       `yaml:"p2"`
	Le     number          `yaml:"le"`
	answer `yaml:",inline"`
}

func (b *selectFileBody) validate(d *decode.Decoder, n *yaml.Node) {
	if b.FID.set == (b.Path != nil) || len(b.Path)%2 != 0 || len(b.Path) > 16 {
		d.Fail(n, "give either fid or path (pairs of bytes)")
	}
	if b.Path != nil && !b.P1.set {
		b.P1.lit = 0x08
	}
}

func (b *selectFileBody) run(ctx context.Context, r *run, st *step) ([]byte, error) {
	data := []byte(b.Path)
	if b.FID.set {
		fid := b.FID.value(r.vars)
		data = []byte{byte(fid >> 8), byte(fid)}
	}
	return r.send(ctx, st, command{ins: 0xA4, p1: byte(b.P1.value(r.vars)), p2: byte(b.P2.value(r.vars)), data: data, ne: b.Le.value(r.vars)})
}

// readBinaryBody: READ BINARY of one transparent file.
type readBinaryBody struct {
	SFI    hexNumber  `yaml:"sfi"` // 01 to 1E; the current file without it
	Offset number     `yaml:"offset"`
	Length fileLength `yaml:"length,required"`
	Chunk  number     `yaml:"chunk"` // largest block of this file; the transport's without it
	answer `yaml:",inline"`
}

// fileLength is a number, eof, or a header that says how long the content is.
type fileLength struct {
	count  number
	Header string `yaml:"header,required"`
	At     int    `yaml:"at"`
	Count  int    `yaml:"count"` // of pointer pairs
}

func (l *fileLength) DecodeNode(d *decode.Decoder, n *yaml.Node) {
	switch {
	case n.Kind == yaml.MappingNode:
		type plain fileLength
		d.Decode(n, (*plain)(l))
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == "header" {
				d.Choice(n.Content[i+1], "be16", "le16", "ber", "pairs")
			}
		}
		if (l.Header == "pairs") != (l.Count > 0) || l.Count > 16 || l.At > 64 {
			d.Fail(n, "count (1 to 16) belongs to header pairs; at is at most 64")
		}
	case n.Value == "eof":
	default:
		before := d.Mistakes()
		d.Decode(n, &l.count)
		if d.Mistakes() == before && l.count.ref == "" && l.count.lit < 1 {
			d.Fail(n, "length is a number from 1, eof, or {header: …}")
		}
	}
}

func (b *readBinaryBody) validate(d *decode.Decoder, n *yaml.Node) {
	off := b.Offset.lit
	if off > maxOffset || b.SFI.set && off > 255 {
		d.Fail(n, "offset is at most 32767, with sfi at most 255")
	}
	if b.SFI.set && b.SFI.ref == "" && (b.SFI.lit < 1 || b.SFI.lit > 30) {
		d.Fail(n, "sfi is 01 to 1E (hex)")
	}
	if b.Chunk.set && b.Chunk.ref == "" && (b.Chunk.lit < 1 || b.Chunk.lit > maxShort) {
		d.Fail(n, "chunk is 1 to 256")
	}
}

func (b *readBinaryBody) run(ctx context.Context, r *run, st *step) ([]byte, error) {
	plan := readPlan{
		sfi: b.SFI.value(r.vars) & 0x1F, offset: b.Offset.value(r.vars), length: -1,
		header: b.Length.Header, at: b.Length.At, pairs: b.Length.Count, chunk: r.p.chunk(),
	}
	if b.Length.count.set {
		plan.length = b.Length.count.value(r.vars)
	}
	if b.Chunk.set {
		plan.chunk = min(max(1, b.Chunk.value(r.vars)), maxShort)
	}
	data, sw, err := r.s.readBinary(ctx, plan)
	if err != nil {
		return nil, err
	}
	if sw != swOK {
		return nil, r.refusal(st, sw)
	}
	return data, nil
}

// readRecordBody: READ RECORD by number or by identifier.
type readRecordBody struct {
	SFI    hexNumber `yaml:"sfi"`
	Number number    `yaml:"number"` // from 1 (P2 = xxxxx100), or
	Tag    hexNumber `yaml:"tag"`    // record identifier (P2 = xxxxx000)
	Length number    `yaml:"length"` // expected bytes; 256, that is all, without it
	answer `yaml:",inline"`
}

func (b *readRecordBody) validate(d *decode.Decoder, n *yaml.Node) {
	if b.Number.set == b.Tag.set {
		d.Fail(n, "give either number or tag")
	}
}

func (b *readRecordBody) run(ctx context.Context, r *run, st *step) ([]byte, error) {
	c := command{ins: 0xB2, p1: byte(b.Tag.value(r.vars)), p2: byte(b.SFI.value(r.vars)) << 3, ne: maxShort}
	if b.Number.set {
		c.p1, c.p2 = byte(b.Number.value(r.vars)), c.p2|0x04
	}
	if b.Length.set {
		c.ne = min(max(1, b.Length.value(r.vars)), maxShort)
	}
	return r.send(ctx, st, c)
}

// getDataBody: GET DATA of one data object.
type getDataBody struct {
	Tag    hexNumber `yaml:"tag,required"` // P1 P2
	Length number    `yaml:"length"`       // 256, that is all, without it
	answer `yaml:",inline"`
}

func (b *getDataBody) run(ctx context.Context, r *run, st *step) ([]byte, error) {
	tag, ne := b.Tag.value(r.vars), maxShort
	if b.Length.set {
		ne = min(max(1, b.Length.value(r.vars)), maxShort)
	}
	return r.send(ctx, st, command{ins: 0xCA, p1: byte(tag >> 8), p2: byte(tag), ne: ne})
}

// apduBody sends a command as written, if the guard lets it.
type apduBody struct {
	Command apduTemplate `yaml:"command,required"`
	Expect  []swPattern  `yaml:"expect"` // status words that mean success, beside 9000
	answer  `yaml:",inline"`
}

func (b *apduBody) validate(d *decode.Decoder, n *yaml.Node) {
	if b.Command.parts == nil {
		return
	}
	if _, err := parseCommand(b.Command.bytes(nil)); err != nil {
		d.Fail(n, "%v", err)
	}
}

func (b *apduBody) run(ctx context.Context, r *run, st *step) ([]byte, error) {
	c, err := parseCommand(b.Command.bytes(r.vars))
	if err != nil {
		return nil, err
	}
	data, sw, err := r.s.command(ctx, c)
	switch {
	case err != nil:
		return nil, err
	case sw == swOK, sw&0xFF00 == 0x6100, sw == 0x6282 && len(data) > 0, matchSW(b.Expect, uint16(sw)):
		return data, nil
	}
	return nil, r.refusal(st, sw)
}
