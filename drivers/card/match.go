package card

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"

	"cardferry/drivers/decode"

	"go.yaml.in/yaml/v3"
)

// matching says how a card is recognised: `probe` decides, the rest only sorts
// candidates or keeps hopeless ones away. One chip family serves many cards and
// one card many chips, so an ATR alone proves nothing.
type matching struct {
	ATR       []atrPattern `yaml:"atr"`       // hints
	Protocol  string       `yaml:"protocol"`  // T=0, T=1; any without it
	Interface string       `yaml:"interface"` // contact, contactless; any without it
	Priority  int          `yaml:"priority"`  // among equals the higher goes first
	Probe     []step       `yaml:"probe,required"`
	Confirm   []confirm    `yaml:"confirm"` // content that must be there after the probe
}

// confirm is a look at a capture of the probe.
type confirm struct {
	From   decode.Source   `yaml:"from,required"`
	Equals decode.HexBytes `yaml:"equals,required"`
}

// refusal is a card that must not be read as a patient's.
type refusal struct {
	ATR     []atrPattern `yaml:"atr,required"`
	Medium  string       `yaml:"medium,required"`  // what the card is
	Message string       `yaml:"message,required"` // for the clerk
}

// atrPattern is an ATR in hex with . for any digit, or "hist:TEXT" for historical
// bytes that contain TEXT. A pattern shorter than the ATR matches its start.
type atrPattern struct {
	hex  string
	hist []byte
}

func (p *atrPattern) DecodeNode(d *decode.Decoder, n *yaml.Node) {
	if text, ok := strings.CutPrefix(n.Value, "hist:"); ok && n.Kind == yaml.ScalarNode {
		if p.hist = []byte(text); len(text) < 2 {
			d.Fail(n, "historical bytes to look for are at least two characters")
		}
		return
	}
	p.hex = strings.ToUpper(strings.ReplaceAll(n.Value, " ", ""))
	if n.Kind != yaml.ScalarNode || len(p.hex) < 4 || strings.Trim(p.hex, "0123456789ABCDEF.") != "" {
		d.Fail(n, "want an ATR in hex, . for any digit, or hist:TEXT")
	}
}

// weight returns how specific a match is, in digits; 0 is no match.
func (p atrPattern) weight(atr []byte) int {
	if p.hist != nil {
		if bytes.Contains(historicalBytes(atr), p.hist) {
			return 2 * len(p.hist)
		}
		return 0
	}
	text, fixed := strings.ToUpper(hex.EncodeToString(atr)), 0
	if len(text) < len(p.hex) {
		return 0
	}
	for i := range len(p.hex) {
		switch p.hex[i] {
		case '.':
		case text[i]:
			fixed++
		default:
			return 0
		}
	}
	return fixed
}

// exact says whether the pattern names this very ATR, so that a refusal never
// hits a longer ATR that merely starts the same.
func (p atrPattern) exact(atr []byte) bool {
	return p.weight(atr) > 0 && (p.hist != nil || len(p.hex) == 2*len(atr))
}

// historicalBytes takes them out of an ATR (ISO/IEC 7816-3, section 8.2): T0
// announces interface bytes and count, each TDi announces more.
func historicalBytes(atr []byte) []byte {
	if len(atr) < 2 {
		return nil
	}
	count, next, i := int(atr[1]&0x0F), atr[1]>>4, 2
	for next != 0 {
		td := next&0x8 != 0
		for bit := byte(1); bit <= 4; bit <<= 1 { // TAi TBi TCi
			if next&bit != 0 {
				i++
			}
		}
		if next = 0; td && i < len(atr) {
			next = atr[i] >> 4
			i++
		}
	}
	if i > len(atr) {
		return nil
	}
	return atr[i:min(len(atr), i+count)]
}

// candidates returns the profiles worth trying on a card, likeliest first.
func candidates(all []*Profile, info Info) []*Profile {
	type rated struct {
		p      *Profile
		weight int
	}
	var list []rated
	for _, p := range all {
		m := p.spec.Match
		if m.Protocol != "" && m.Protocol != info.Protocol.String() ||
			m.Interface != "" && (m.Interface == "contactless") != info.Contactless {
			continue
		}
		best := 0
		for _, a := range m.ATR {
			best = max(best, a.weight(info.ATR))
		}
		list = append(list, rated{p, best})
	}
	slices.SortStableFunc(list, func(a, b rated) int {
		if a.weight != b.weight {
			return b.weight - a.weight
		}
		return b.p.spec.Match.Priority - a.p.spec.Match.Priority
	})
	out := make([]*Profile, len(list))
	for i, r := range list {
		out[i] = r.p
	}
	return out
}
