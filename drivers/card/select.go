package card

import (
	"context"

	"cardferry/drivers/decode"

	"go.yaml.in/yaml/v3"
)

// selection holds the keys of both kinds of SELECT.
type selection struct {
	P2     hexNumber   `yaml:"p2" doc:"00 FCI, 04 FCP, 0C nothing"`
	Le     expected    `yaml:"le" doc:"expected bytes: none, a number, 256 for all, or a list that is tried in order while the card answers 6700; none without it"`
	Expect []swPattern `yaml:"expect" doc:"status words that mean success, beside 9000"`
	answer `yaml:",inline"`
}

// send sends SELECT with each Le until the card does not mind the length.
func (b *selection) send(ctx context.Context, r *run, st *step, c command) ([]byte, error) {
	c.ins, c.p2 = 0xA4, byte(b.P2.value(r.vars))
	lengths := b.Le
	if lengths == nil {
		lengths = expected{{}}
	}
	for i, le := range lengths {
		c.ne = min(le.value(r.vars), maxShort)
		data, err := r.send(ctx, st, c, b.Expect...)
		if i < len(lengths)-1 && refusedWith(err, 0x6700) {
			continue
		}
		if err == nil {
			r.s.control = data
		}
		return data, err
	}
	return nil, nil
}

// selectAID: SELECT by DF name.
type selectAID struct {
	AID       decode.HexBytes `yaml:"aid,required" doc:"name of the application, 1 to 16 bytes"`
	selection `yaml:",inline"`
}

func (b *selectAID) validate(d *decode.Decoder, n *yaml.Node) {
	if len(b.AID) < 1 || len(b.AID) > 16 {
		d.Fail(n, "an AID has 1 to 16 bytes")
	}
}

func (b *selectAID) run(ctx context.Context, r *run, st *step) ([]byte, error) {
	return b.send(ctx, r, st, command{p1: 0x04, data: b.AID})
}

// selectFile: SELECT by file identifier or path.
type selectFile struct {
	FID       hexNumber       `yaml:"fid" doc:"file identifier, two bytes; or"`
	Path      decode.HexBytes `yaml:"path" doc:"file identifiers from the MF, which is not part of it"`
	P1        hexNumber       `yaml:"p1" doc:"00 any file, 01 child DF, 02 EF, 08 path from MF (with path), 09 path from DF"`
	selection `yaml:",inline"`
}

func (b *selectFile) validate(d *decode.Decoder, n *yaml.Node) {
	if b.FID.set == (b.Path != nil) || len(b.Path)%2 != 0 || len(b.Path) > 16 {
		d.Fail(n, "give either fid or path (pairs of bytes)")
	}
	if b.Path != nil && !b.P1.set {
		b.P1.lit = 0x08
	}
	if b.P1.lit == 0x04 {
		d.Fail(n, "P1 = 04 is select-aid")
	}
}

func (b *selectFile) run(ctx context.Context, r *run, st *step) ([]byte, error) {
	data := []byte(b.Path)
	if b.FID.set {
		fid := b.FID.value(r.vars)
		data = []byte{byte(fid >> 8), byte(fid)}
	}
	return b.send(ctx, r, st, command{p1: byte(b.P1.value(r.vars)), data: data})
}
