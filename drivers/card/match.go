package card

import (
	"bytes"
	"cmp"
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
	ATR       []atrPattern       `yaml:"atr" doc:"hints that sort the candidates: hex with . for any digit, matching the start, or hist:TEXT"`
	Protocol  protocolWord       `yaml:"protocol" doc:"any without it"`
	Interface interfaceWord      `yaml:"interface" doc:"any without it"`
	Priority  int                `yaml:"priority" doc:"among equals the higher goes first"`
	UIDAny    bool               `yaml:"uid-any" doc:"takes every contactless card that no other profile takes; needs interface contactless"`
	Probe     []step             `yaml:"probe" doc:"steps that succeed on this card only; may be missing if every atr is a whole ATR, or with uid-any"`
	Confirm   []decode.Predicate `yaml:"confirm" doc:"what must hold of the probe's captures"`
}

// variant is a generation of a card that is recognised and read in its own way.
type variant struct {
	Name  string       `yaml:"name,required" doc:"the value of ${variant}"`
	Match variantMatch `yaml:"match" doc:"how it is recognised"`
	Steps []step       `yaml:"steps,required" doc:"how it is read"`
}

// variantMatch is matching for a variant. Unlike a profile's, its ATRs decide.
type variantMatch struct {
	ATR     []atrPattern       `yaml:"atr" doc:"tried only on a card with one of these ATRs"`
	Probe   []step             `yaml:"probe" doc:"steps that succeed on this variant only"`
	Confirm []decode.Predicate `yaml:"confirm" doc:"what must hold of the probe's captures"`
}

// fits says whether the variant is worth trying on a card with this ATR. Without a
// probe the ATR has to be the very one.
func (v *variant) fits(atr []byte) bool {
	return len(v.Match.ATR) == 0 || slices.ContainsFunc(v.Match.ATR, func(a atrPattern) bool {
		return a.weight(atr) > 0 && (len(v.Match.Probe) > 0 || a.exact(atr))
	})
}

// refusal is a card that must not be read as a patient's.
type refusal struct {
	ATR     []atrPattern `yaml:"atr,required" doc:"whole ATRs, or hist:TEXT"`
	Medium  string       `yaml:"medium,required" doc:"what the card is"`
	Message string       `yaml:"message,required" doc:"for the clerk"`
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
	if 2*len(atr) < len(p.hex) {
		return 0
	}
	fixed := 0
	for i := range len(p.hex) {
		switch p.hex[i] {
		case '.':
		case "0123456789ABCDEF"[atr[i/2]>>(4-i%2*4)&0x0F]:
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

// historicalBytes takes them out of an ATR.
func historicalBytes(atr []byte) []byte {
	i, count := historical(atr)
	if i > len(atr) {
		return nil
	}
	return atr[i:min(len(atr), i+count)]
}

// historical says where the historical bytes of an ATR begin and how many there
// are (ISO/IEC 7816-3, section 8.2): T0 announces interface bytes and count, each
// TDi announces more.
func historical(atr []byte) (from, count int) {
	if len(atr) < 2 {
		return 0, 0
	}
	next, i := atr[1]>>4, 2
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
	return i, int(atr[1] & 0x0F)
}

// complete says whether the pattern names every digit of a whole ATR, whose check
// byte may be missing.
func (p atrPattern) complete() bool {
	b, err := hex.DecodeString(p.hex)
	from, count := historical(b)
	return p.hist == nil && err == nil && len(b) >= 2 && (len(b) == from+count || len(b) == from+count+1)
}

// candidates returns the profiles worth trying on a card, likeliest first: those
// that read, then those that only say what the card is, then the one that takes any.
func candidates(all []*Profile, info Info) []*Profile {
	type rated struct {
		p            *Profile
		rank, weight int
	}
	var list []rated
	for _, p := range all {
		m := &p.spec.Match
		if m.Protocol != "" && string(m.Protocol) != info.Protocol.String() ||
			m.Interface != "" && (m.Interface == "contactless") != info.Contactless {
			continue
		}
		r := rated{p: p}
		for _, a := range m.ATR {
			r.weight = max(r.weight, a.weight(info.ATR))
		}
		switch {
		case m.UIDAny:
			r.rank = 2
		case p.spec.Says != nil:
			r.rank = 1
		}
		list = append(list, r)
	}
	slices.SortStableFunc(list, func(a, b rated) int {
		return cmp.Or(a.rank-b.rank, b.weight-a.weight, b.p.spec.Match.Priority-a.p.spec.Match.Priority)
	})
	out := make([]*Profile, len(list))
	for i, r := range list {
		out[i] = r.p
	}
	return out
}
