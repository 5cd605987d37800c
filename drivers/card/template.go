package card

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"

	"cardferry/drivers/decode"

	"go.yaml.in/yaml/v3"
)

// apduTemplate is a command in hex with parameters: "80B0 ${off:be16} 02 ${len:be16}".
// CLA and INS are always literal, so that loading can judge the command.
type apduTemplate struct{ parts []apduPart }

type apduPart struct {
	lit  []byte
	ref  string
	form string // u8, be16, le16, bcd
}

func (t *apduTemplate) DecodeNode(d *decode.Decoder, n *yaml.Node) {
	rest := strings.ReplaceAll(n.Value, " ", "")
	if n.Kind != yaml.ScalarNode || rest == "" {
		d.Fail(n, "want a command in hex")
		return
	}
	for rest != "" {
		lit, ref, found := strings.Cut(rest, "${")
		b, err := hex.DecodeString(lit)
		if err != nil {
			d.Fail(n, "%q is not hex", lit)
			return
		}
		if len(b) > 0 {
			t.parts = append(t.parts, apduPart{lit: b})
		}
		if !found {
			break
		}
		ref, rest, found = strings.Cut(ref, "}")
		name, form, _ := strings.Cut(ref, ":")
		switch {
		case !found:
			d.Fail(n, "${ without }")
			return
		case !slices.Contains(scopeOf(d).vars, name):
			d.Fail(n, "%q is not a parameter or loop variable here", name)
		case !slices.Contains([]string{"u8", "be16", "le16", "bcd"}, form):
			d.Fail(n, "write ${%s:u8}, ${%s:be16}, ${%s:le16} or ${%s:bcd}", name, name, name, name)
		}
		t.parts = append(t.parts, apduPart{ref: name, form: form})
	}
	if len(t.parts) == 0 || len(t.parts[0].lit) < 2 {
		d.Fail(n, "CLA and INS must be written out")
		t.parts = nil
	}
}

// head returns CLA INS.
func (t apduTemplate) head() classInstruction {
	return classInstruction(binary.BigEndian.Uint16(t.parts[0].lit))
}

// bytes fills in the parameters.
func (t apduTemplate) bytes(vars map[string]int) []byte {
	var out []byte
	for _, p := range t.parts {
		v := vars[p.ref]
		switch p.form {
		case "u8":
			out = append(out, byte(v))
		case "be16":
			out = binary.BigEndian.AppendUint16(out, uint16(v))
		case "le16":
			out = binary.LittleEndian.AppendUint16(out, uint16(v))
		case "bcd":
			out = append(out, byte(v/10%10<<4|v%10))
		default:
			out = append(out, p.lit...)
		}
	}
	return out
}
