package chip

import (
	"crypto/elliptic"
	"math/big"
	"strings"
)

// domain is an elliptic curve. Points are affine and sums follow the chord and the
// tangent of the textbook: slow, and nothing like what the reader does.
type domain struct {
	p, a, b, n *big.Int
	g          affine
}

// affine is a point; x nil is the point at infinity.
type affine struct{ x, y *big.Int }

// domains are those of Doc 9303-11, table 6, that the reader knows but for
// brainpoolP320r1; the brainpool curves are in RFC 5639, 3.4, 3.6 and 3.7.
var domains = map[int]*domain{
	12: standard(elliptic.P256().Params()),
	15: standard(elliptic.P384().Params()),
	18: standard(elliptic.P521().Params()),
	13: brainpool(`A9FB57DB A1EEA9BC 3E660A90 9D838D72 6E3BF623 D5262028 2013481D 1F6E5377,
		7D5A0975 FC2C3057 EEF67530 417AFFE7 FB8055C1 26DC5C6C E94A4B44 F330B5D9,
		26DC5C6C E94A4B44 F330B5D9 BBD77CBF 95841629 5CF7E1CE 6BCCDC18 FF8C07B6,
		8BD2AEB9 CB7E57CB 2C4B482F FC81B7AF B9DE27E1 E3BD23C2 3A4453BD 9ACE3262,
		547EF835 C3DAC4FD 97F8461A 14611DC9 C2774513 2DED8E54 5C1D54C7 2F046997,
		A9FB57DB A1EEA9BC 3E660A90 9D838D71 8C397AA3 B561A6F7 901E0E82 974856A7`),
	16: brainpool(`8CB91E82 A3386D28 0F5D6F7E 50E641DF 152F7109 ED5456B4 12B1DA19 7FB71123 ACD3A729 901D1A71 87470013 3107EC53,
		7BC382C6 3D8C150C 3C72080A CE05AFA0 C2BEA28E 4FB22787 139165EF BA91F90F 8AA5814A 503AD4EB 04A8C7DD 22CE2826,
		04A8C7DD 22CE2826 8B39B554 16F0447C 2FB77DE1 07DCD2A6 2E880EA5 3EEB62D5 7CB43902 95DBC994 3AB78696 FA504C11,
		1D1C64F0 68CF45FF A2A63A81 B7C13F6B 8847A3E7 7EF14FE3 DB7FCAFE 0CBD10E8 E826E034 36D646AA EF87B2E2 47D4AF1E,
		8ABE1D75 20F9C2A4 5CB1EB8E 95CFD552 62B70B29 FEEC5864 E19C054F F9912928 0E464621 77918111 42820341 263C5315,
		8CB91E82 A3386D28 0F5D6F7E 50E641DF 152F7109 ED5456B3 1F166E6C AC0425A7 CF3AB6AF 6B7FC310 3B883202 E9046565`),
	17: brainpool(`AADD9DB8 DBE9C48B 3FD4E6AE 33C9FC07 CB308DB3 B3C9D20E D6639CCA 70330871 7D4D9B00 9BC66842 AECDA12A E6A380E6 2881FF2F 2D82C685 28AA6056 583A48F3,
		7830A331 8B603B89 E2327145 AC234CC5 94CBDD8D 3DF91610 A83441CA EA9863BC 2DED5D5A A8253AA1 0A2EF1C9 8B9AC8B5 7F1117A7 2BF2C7B9 E7C1AC4D 77FC94CA,
		3DF91610 A83441CA EA9863BC 2DED5D5A A8253AA1 0A2EF1C9 8B9AC8B5 7F1117A7 2BF2C7B9 E7C1AC4D 77FC94CA DC083E67 984050B7 5EBAE5DD 2809BD63 8016F723,
		81AEE4BD D82ED964 5A21322E 9C4C6A93 85ED9F70 B5D916C1 B43B62EE F4D0098E FF3B1F78 E2D0D48D 50D1687B 93B97D5F 7C6D5047 406A5E68 8B352209 BCB9F822,
		7DDE385D 566332EC C0EABFA9 CF7822FD F209F700 24A57B1A A000C55B 881F8111 B2DCDE49 4A5F485E 5BCA4BD8 8A2763AE D1CA2B2F A8F05406 78CD1E0F 3AD80892,
		AADD9DB8 DBE9C48B 3FD4E6AE 33C9FC07 CB308DB3 B3C9D20E D6639CCA 70330870 553E5C41 4CA92619 41866119 7FAC1047 1DB1D381 085DDADD B5879682 9CA90069`),
}

func standard(p *elliptic.CurveParams) *domain {
	return &domain{p.P, big.NewInt(-3), p.B, p.N, affine{p.Gx, p.Gy}}
}

// brainpool reads p, a, b, the generator and its order.
func brainpool(text string) *domain {
	var v []*big.Int
	for part := range strings.SplitSeq(text, ",") {
		n, ok := new(big.Int).SetString(strings.Join(strings.Fields(part), ""), 16)
		if !ok {
			panic("chip: domain parameter is not hex")
		}
		v = append(v, n)
	}
	return &domain{v[0], v[1], v[2], v[5], affine{v[3], v[4]}}
}

func (d *domain) plus(q, r affine) affine {
	if q.x == nil {
		return r
	}
	if r.x == nil {
		return q
	}
	rise, run := new(big.Int).Sub(r.y, q.y), new(big.Int).Sub(r.x, q.x)
	if run.Sign() == 0 {
		if rise.Sign() != 0 || q.y.Sign() == 0 {
			return affine{}
		}
		rise.Mul(q.x, q.x).Mul(rise, big.NewInt(3)).Add(rise, d.a)
		run.Lsh(q.y, 1)
	}
	slope := run.ModInverse(run.Mod(run, d.p), d.p)
	slope.Mul(slope, rise).Mod(slope, d.p)
	x := new(big.Int).Mul(slope, slope)
	x.Sub(x, q.x).Sub(x, r.x).Mod(x, d.p)
	y := new(big.Int).Sub(q.x, x)
	y.Mul(y, slope).Sub(y, q.y).Mod(y, d.p)
	return affine{x, y}
}

// times adds up from the lowest bit.
func (d *domain) times(k *big.Int, q affine) affine {
	var out affine
	for i := range k.BitLen() {
		if k.Bit(i) == 1 {
			out = d.plus(out, q)
		}
		q = d.plus(q, q)
	}
	return out
}

func (d *domain) encode(q affine) []byte {
	size := (d.p.BitLen() + 7) / 8
	out := make([]byte, 1+2*size)
	out[0] = 4
	if q.x != nil {
		q.x.FillBytes(out[1 : 1+size])
		q.y.FillBytes(out[1+size:])
	}
	return out
}

func (d *domain) decode(b []byte) (affine, bool) {
	size := (d.p.BitLen() + 7) / 8
	if len(b) != 1+2*size || b[0] != 4 {
		return affine{}, false
	}
	q := affine{new(big.Int).SetBytes(b[1 : 1+size]), new(big.Int).SetBytes(b[1+size:])}
	left := new(big.Int).Mul(q.y, q.y)
	right := new(big.Int).Exp(q.x, big.NewInt(3), nil)
	right.Add(right, new(big.Int).Mul(d.a, q.x)).Add(right, d.b)
	return q, left.Sub(left, right).Mod(left, d.p).Sign() == 0
}
