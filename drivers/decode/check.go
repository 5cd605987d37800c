package decode

import (
	"slices"

	"cardferry/drivers/checkdigit"

	"go.yaml.in/yaml/v3"
)

// check verifies a check digit; a failure is the warning "check_digit" and the
// value stays. All algorithms but kvk-xor take text.
type check struct {
	valid func(string) bool
	bytes bool
}

// kvkXOR is the one check of bytes.
const kvkXOR = "kvk-xor"

func checkNames() []string {
	names := []string{kvkXOR}
	for _, a := range checkdigit.Algorithms() {
		names = append(names, a.Name)
	}
	slices.Sort(names)
	return names
}

func (*check) Shape() Shape { return textOf(checkNames()...) }

func (c *check) DecodeNode(d *Decoder, n *yaml.Node) {
	name := d.Choice(n, checkNames()...)
	c.bytes = name == kvkXOR
	for _, a := range checkdigit.Algorithms() {
		if a.Name == name {
			c.valid = a.Valid
		}
	}
}

func (c *check) kinds() (in, out Kind) {
	if c.bytes {
		return KindBytes, KindBytes
	}
	return KindText, KindText
}

func (c *check) apply(e *evaluation, v Value) (Value, error) {
	if c.bytes && !kvkValid(v.b) || !c.bytes && !c.valid(string(v.b)) {
		e.warn("check_digit")
	}
	return v, nil
}

// kvkValid says whether the bytes of the insured person's template of a
// Krankenversichertenkarte, tag 60 and checksum object 8E included, XOR to zero.
// The Technische Spezifikation der Versichertenkarte asks for it.
func kvkValid(b []byte) bool {
	tag, hl, vl, ok := berHead(b)
	if !ok || tag != 0x60 || vl > len(b)-hl {
		return false
	}
	var sum byte
	for _, c := range b[:hl+vl] {
		sum ^= c
	}
	return sum == 0
}
