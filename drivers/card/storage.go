package card

import (
	"context"

	"cardferry/drivers/decode"

	"go.yaml.in/yaml/v3"
)

// Steps for cards without a file system, read with commands to the reader: PC/SC
// part 3, section 3.2.2 (UID, MIFARE Classic), and the makers' pseudo-APDUs for
// memory cards (ACS reference manuals of ACR38 and ACR39; OMNIKEY synchronous
// API). Only these steps can send class FF A4, 82 and 86; guard.go knows their
// exact form.

// uid: Get Data, UID.
type uid struct {
	answer `yaml:",inline"`
}

func (*uid) run(ctx context.Context, r *run, st *step) ([]byte, error) {
	return r.send(ctx, st, command{builtin: true, cla: 0xFF, ins: 0xCA, ne: maxShort})
}

// ats: Get Data, historical bytes of the ATS.
type ats struct {
	answer `yaml:",inline"`
}

func (*ats) run(ctx context.Context, r *run, st *step) ([]byte, error) {
	return r.send(ctx, st, command{builtin: true, cla: 0xFF, ins: 0xCA, p1: 0x01, ne: maxShort})
}

// mifareRead: blocks of one MIFARE Classic sector.
type mifareRead struct {
	Sector number      `yaml:"sector,required" doc:"0 to 39"`
	Blocks []number    `yaml:"blocks,required" doc:"blocks within the sector, from 0; their data is joined"`
	Key    string      `yaml:"key,required" doc:"name of a key that the site has configured; transport (FFFFFFFFFFFF) and mad (A0A1A2A3A4A5) need no configuration"`
	Kind   keyKindWord `yaml:"kind" doc:"kind of key, A or B; A without it"`
	answer `yaml:",inline"`
}

// publicKeys are no secrets: as delivered by NXP (MF1S50 data sheet, 8.6.3) and of the
// MIFARE application directory (AN10787).
var publicKeys = map[string][]byte{
	"transport": {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF},
	"mad":       {0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5},
}

func (b *mifareRead) validate(d *decode.Decoder, n *yaml.Node) {
	_, size := mifareBlocks(b.Sector.lit)
	bad := b.Sector.outside(0, 39) || len(b.Blocks) == 0 || len(b.Blocks) > 16
	for _, x := range b.Blocks {
		bad = bad || x.outside(0, 15) || b.Sector.ref == "" && x.outside(0, size-1)
	}
	if bad {
		d.Fail(n, "sector is 0 to 39, blocks are 0 to 3, in sectors from 32 up to 15")
	}
	if !decode.PlainName(b.Key) || b.Kind != "" && b.Kind != "A" && b.Kind != "B" {
		d.Fail(n, "key is a plain name, kind is A or B")
	}
}

// mifareBlocks returns a sector's first block and how many it has.
func mifareBlocks(sector int) (first, count int) {
	if sector < 32 {
		return 4 * sector, 4
	}
	return 128 + 16*(sector-32), 16
}

func (b *mifareRead) run(ctx context.Context, r *run, st *step) ([]byte, error) {
	first, count := mifareBlocks(b.Sector.value(r.vars))
	if err := b.open(ctx, r, st, first); err != nil {
		return nil, err
	}
	var all []byte
	for _, x := range b.Blocks {
		data, err := r.send(ctx, st, command{builtin: true, cla: 0xFF, ins: 0xB0, p2: byte(first + x.value(r.vars)%count), ne: 16})
		if err != nil {
			return nil, err
		}
		all = append(all, data[:min(len(data), 16)]...)
	}
	return all, nil
}

// open authenticates the sector, once for all steps that use the same key. The key
// goes into the reader's volatile memory.
func (b *mifareRead) open(ctx context.Context, r *run, st *step, block int) error {
	kind := byte(0x60)
	if b.Kind == "B" {
		kind = 0x61
	}
	with := opened{block: block, kind: kind, key: b.Key}
	if r.s.opened == with {
		return nil
	}
	r.s.opened = opened{}
	key, ok := publicKeys[b.Key]
	if !ok {
		if key, ok = r.s.siteKey(b.Key); ok {
			r.trace.usesKey(b.Key)
		}
	}
	if !ok || len(key) != 6 {
		r.warn("needs_key", b.Key)
		return &StatusError{Profile: r.p.Label(), Step: st.kind, Line: st.line, SW: 0x6982, Reason: "the site has not configured the MIFARE key " + b.Key + " (6 bytes)"}
	}
	if _, err := r.send(ctx, st, command{builtin: true, cla: 0xFF, ins: 0x82, data: key}); err != nil {
		return err
	}
	if _, err := r.send(ctx, st, command{builtin: true, cla: 0xFF, ins: 0x86, data: []byte{0x01, 0x00, byte(block), kind, 0x00}}); err != nil {
		return err
	}
	r.s.opened = with
	return nil
}

// opened is a sector of a MIFARE Classic card that is open, by its first block.
type opened struct {
	block int
	kind  byte // 60 or 61; 0 when none is open
	key   string
}

// memoryCard: which memory card is in the reader and how the reader wants to be
// talked to.
type memoryCard struct {
	Dialect dialectWord `yaml:"dialect,required" doc:"acs (FFA4 selects the type), omnikey (nothing to send) or ct-api (the terminal shows the chip as an ISO 7816 file)"`
	Type    memoryWord  `yaml:"type,required" doc:"chip family"`
	answer  `yaml:",inline"`
}

// memoryTypes are the type codes of ACS readers.
var memoryTypes = map[string]byte{"at24c01-16": 0x01, "at24c32-1024": 0x02, "sle4428": 0x05, "sle4442": 0x06}

func (b *memoryCard) validate(d *decode.Decoder, n *yaml.Node) {
	if b.Dialect != "acs" && b.Dialect != "omnikey" && b.Dialect != "ct-api" {
		d.Fail(n, "dialect is acs, omnikey or ct-api")
	}
	if memoryTypes[string(b.Type)] == 0 {
		d.Fail(n, "type is sle4442, sle4428, at24c01-16 or at24c32-1024")
	}
}

func (b *memoryCard) run(ctx context.Context, r *run, st *step) ([]byte, error) {
	r.s.memory = ""
	if b.Dialect == "acs" {
		if _, err := r.send(ctx, st, command{builtin: true, cla: 0xFF, ins: 0xA4, data: []byte{memoryTypes[string(b.Type)]}}); err != nil {
			return nil, err
		}
	}
	r.s.memory = string(b.Dialect)
	return nil, nil
}

// readMemory: bytes of the memory card.
type readMemory struct {
	Address number `yaml:"address,required" doc:"first byte, 0 to 65535"`
	Length  number `yaml:"length,required" doc:"bytes, 1 to 2048"`
	answer  `yaml:",inline"`
}

// memoryChunk is the largest block that every reader delivers (ACR38 manual: EC).
const memoryChunk = 0xEC

func (b *readMemory) validate(d *decode.Decoder, n *yaml.Node) {
	if b.Address.outside(0, 0xFFFF) || b.Length.outside(1, 2048) {
		d.Fail(n, "address is 0 to 65535, length 1 to 2048")
	}
}

func (b *readMemory) run(ctx context.Context, r *run, st *step) ([]byte, error) {
	if r.s.memory == "" {
		return nil, &StatusError{Profile: r.p.Label(), Step: st.kind, Line: st.line, SW: 0x6985, Reason: "no memory-card step succeeded before it"}
	}
	c := command{builtin: true, cla: 0xFF, ins: 0xB0}
	if r.s.memory == "ct-api" {
		c.cla = 0x00
	}
	var all []byte
	address, left := b.Address.value(r.vars), min(max(1, b.Length.value(r.vars)), 2048)
	for left > 0 {
		c.p1, c.p2, c.ne = byte(address>>8), byte(address), min(left, r.p.chunk(), memoryChunk)
		data, err := r.send(ctx, st, c)
		if err != nil {
			return nil, err
		}
		if len(data) == 0 {
			break
		}
		data = data[:min(len(data), c.ne)] // some readers add the protection bits
		all = append(all, data...)
		address, left = address+len(data), left-len(data)
	}
	return all, nil
}
