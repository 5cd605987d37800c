package card

import (
	"context"
	"slices"

	"cardferry/drivers/decode"

	"go.yaml.in/yaml/v3"
)

// readBinary: READ BINARY of one transparent file (ISO/IEC 7816-4, 11.2.3).
type readBinary struct {
	SFI    hexNumber   `yaml:"sfi" doc:"01 to 1E; the current file without it"`
	Offset number      `yaml:"offset" doc:"first byte, 0 without it"`
	Length fileLength  `yaml:"length,required" doc:"a number, eof, or a header that says how long the file is"`
	EOF    []swPattern `yaml:"eof" doc:"status words that mean the end of the file after its first block, beside 6B00, 6A86 and 6700"`
	Chunk  number      `yaml:"chunk" doc:"largest block of this file; the transport's without it"`
	answer `yaml:",inline"`
}

// headers are the kinds of header that say how long a file is.
var headers = []string{"be16", "le16", "ber", "pairs", "ascii-hex", "fcp"}

// fileLength is a number, eof, or a header that says how long the content is.
type fileLength struct {
	count  number
	Header headerWord `yaml:"header,required" doc:"be16, le16: length of what follows; ber: one BER-TLV object; pairs: big-endian pointer pairs, last byte inclusive; ascii-hex: length of what follows in ASCII hex digits; fcp: size in the answer to SELECT, else to the end"`
	At     int        `yaml:"at" doc:"where the header begins, at most 64; 0 without it"`
	Count  int        `yaml:"count" doc:"pointer pairs, 1 to 16 (with pairs)"`
	Digits int        `yaml:"digits" doc:"hex digits, 1 to 8 (with ascii-hex)"`
	Add    int        `yaml:"add" doc:"bytes there are beyond what the header says"`
	Max    int        `yaml:"max" doc:"never read more than this"`
}

func (l *fileLength) DecodeNode(d *decode.Decoder, n *yaml.Node) {
	switch {
	case n.Kind == yaml.MappingNode:
		type plain fileLength
		d.Decode(n, (*plain)(l))
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == "header" {
				d.Choice(n.Content[i+1], slices.Clone(headers)...)
			}
		}
		if (l.Header == "pairs") != (l.Count > 0) || l.Count > 16 || l.At > 64 {
			d.Fail(n, "count (1 to 16) belongs to header pairs; at is at most 64")
		}
		if (l.Header == "ascii-hex") != (l.Digits > 0) || l.Digits > 8 {
			d.Fail(n, "digits (1 to 8) belongs to header ascii-hex")
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

func (b *readBinary) validate(d *decode.Decoder, n *yaml.Node) {
	off := b.Offset.lit
	if off > maxOffset || b.SFI.set && off > 255 {
		d.Fail(n, "offset is at most 32767, with sfi at most 255")
	}
	if b.SFI.outside(1, 30) {
		d.Fail(n, "sfi is 01 to 1E (hex)")
	}
	if b.Chunk.outside(1, maxShort) {
		d.Fail(n, "chunk is 1 to 256")
	}
	if b.Length.Header == "fcp" && b.SFI.set {
		d.Fail(n, "header fcp is the size of the file selected before; it goes without sfi")
	}
}

func (b *readBinary) run(ctx context.Context, r *run, st *step) ([]byte, error) {
	l := b.Length
	plan := readPlan{
		sfi: b.SFI.value(r.vars) & 0x1F, offset: b.Offset.value(r.vars), length: -1, header: string(l.Header), at: l.At,
		pairs: l.Count, digits: l.Digits, add: l.Add, most: l.Max, chunk: r.p.chunk(), eof: b.EOF,
	}
	if l.count.set {
		plan.length = l.count.value(r.vars)
	}
	if b.Chunk.set {
		plan.chunk = min(max(1, b.Chunk.value(r.vars)), maxShort)
	}
	if l.Header == "fcp" {
		plan.header = ""
		if n, ok := fileSize(r.s.control); ok {
			plan.length = plan.bound(max(0, n-plan.offset) + l.Add)
		} else if l.Max > 0 {
			plan.length = l.Max
		}
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
