package emrtd

import (
	"crypto/elliptic"
	"fmt"
	"io"
	"math/big"
)

// curve is a short Weierstrass curve y² = x³ + ax + b over a prime field, with a
// generator of prime order n and cofactor 1. The standard library has no brainpool
// curves, and PACE adds points, which its ECDH does not offer.
//
// The arithmetic is big.Int's and takes time that depends on the numbers. Here that
// tells nobody anything: a key is used for one exchange with a document that lies on
// a local reader, whoever could time it to the microsecond already reads the machine
// readable zone, and signatures are checked with public numbers only. It is not for
// keys that live longer.
type curve struct {
	name             string
	p, a, b, n       *big.Int
	generator        point
	size             int      // bytes of a field element
	three, two, four *big.Int // small constants
}

// point is a point in Jacobian coordinates: x/z², y/z³; z = 0 is the point at
// infinity.
type point struct{ x, y, z *big.Int }

func number(hex string) *big.Int {
	n, ok := new(big.Int).SetString(hex, 16)
	if !ok {
		panic("curve parameter is not hex") // constants of this file
	}
	return n
}

func newCurve(name, p, a, b, x, y, n string) *curve {
	c := &curve{name: name, p: number(p), a: number(a), b: number(b), n: number(n)}
	c.generator = point{number(x), number(y), big.NewInt(1)}
	return c.finished()
}

func (c *curve) finished() *curve {
	c.size = (c.p.BitLen() + 7) / 8
	c.two, c.three, c.four = big.NewInt(2), big.NewInt(3), big.NewInt(4)
	return c
}

// nist takes the parameters of FIPS 186-5 from the standard library; a is -3.
func nist(from elliptic.Curve) *curve {
	p := from.Params()
	c := &curve{name: p.Name, p: p.P, a: new(big.Int).Sub(p.P, big.NewInt(3)), b: p.B, n: p.N}
	c.generator = point{p.Gx, p.Gy, big.NewInt(1)}
	return c.finished()
}

// curves are the standardized domain parameters (Doc 9303-11, table 6) that documents
// use; the brainpool ones are those of RFC 5639, section 3.
var curves = map[int]*curve{
	12: nist(elliptic.P256()),
	13: newCurve("brainpoolP256r1",
		"a9fb57dba1eea9bc3e660a909d838d726e3bf623d52620282013481d1f6e5377",
		"7d5a0975fc2c3057eef67530417affe7fb8055c126dc5c6ce94a4b44f330b5d9",
		"26dc5c6ce94a4b44f330b5d9bbd77cbf958416295cf7e1ce6bccdc18ff8c07b6",
		"8bd2aeb9cb7e57cb2c4b482ffc81b7afb9de27e1e3bd23c23a4453bd9ace3262",
		"547ef835c3dac4fd97f8461a14611dc9c27745132ded8e545c1d54c72f046997",
		"a9fb57dba1eea9bc3e660a909d838d718c397aa3b561a6f7901e0e82974856a7"),
	14: newCurve("brainpoolP320r1",
		"d35e472036bc4fb7e13c785ed201e065f98fcfa6f6f40def4f92b9ec7893ec28fcd412b1f1b32e27",
		"3ee30b568fbab0f883ccebd46d3f3bb8a2a73513f5eb79da66190eb085ffa9f492f375a97d860eb4",
		"520883949dfdbc42d3ad198640688a6fe13f41349554b49acc31dccd884539816f5eb4ac8fb1f1a6",
		"43bd7e9afb53d8b85289bcc48ee5bfe6f20137d10a087eb6e7871e2a10a599c710af8d0d39e20611",
		"14fdd05545ec1cc8ab4093247f77275e0743ffed117182eaa9c77877aaac6ac7d35245d1692e8ee1",
		"d35e472036bc4fb7e13c785ed201e065f98fcfa5b68f12a32d482ec7ee8658e98691555b44c59311"),
	15: nist(elliptic.P384()),
	16: newCurve("brainpoolP384r1",
		"8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b412b1da197fb71123acd3a729901d1a71874700133107ec53",
		"7bc382c63d8c150c3c72080ace05afa0c2bea28e4fb22787139165efba91f90f8aa5814a503ad4eb04a8c7dd22ce2826",
		"04a8c7dd22ce28268b39b55416f0447c2fb77de107dcd2a62e880ea53eeb62d57cb4390295dbc9943ab78696fa504c11",
		"1d1c64f068cf45ffa2a63a81b7c13f6b8847a3e77ef14fe3db7fcafe0cbd10e8e826e03436d646aaef87b2e247d4af1e",
		"8abe1d7520f9c2a45cb1eb8e95cfd55262b70b29feec5864e19c054ff99129280e4646217791811142820341263c5315",
		"8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b31f166e6cac0425a7cf3ab6af6b7fc3103b883202e9046565"),
	17: newCurve("brainpoolP512r1",
		"aadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca703308717d4d9b009bc66842aecda12ae6a380e62881ff2f2d82c68528aa6056583a48f3",
		"7830a3318b603b89e2327145ac234cc594cbdd8d3df91610a83441caea9863bc2ded5d5aa8253aa10a2ef1c98b9ac8b57f1117a72bf2c7b9e7c1ac4d77fc94ca",
		"3df91610a83441caea9863bc2ded5d5aa8253aa10a2ef1c98b9ac8b57f1117a72bf2c7b9e7c1ac4d77fc94cadc083e67984050b75ebae5dd2809bd638016f723",
		"81aee4bdd82ed9645a21322e9c4c6a9385ed9f70b5d916c1b43b62eef4d0098eff3b1f78e2d0d48d50d1687b93b97d5f7c6d5047406a5e688b352209bcb9f822",
		"7dde385d566332ecc0eabfa9cf7822fdf209f70024a57b1aa000c55b881f8111b2dcde494a5f485e5bca4bd88a2763aed1ca2b2fa8f0540678cd1e0f3ad80892",
		"aadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca70330870553e5c414ca92619418661197fac10471db1d381085ddaddb58796829ca90069"),
	18: nist(elliptic.P521()),
}

func (c *curve) mod(n *big.Int) *big.Int { return n.Mod(n, c.p) }
func (c *curve) mul(a, b *big.Int) *big.Int {
	return c.mod(new(big.Int).Mul(a, b))
}
func (c *curve) sub(a, b *big.Int) *big.Int { return c.mod(new(big.Int).Sub(a, b)) }

func infinity() point { return point{big.NewInt(1), big.NewInt(1), new(big.Int)} }

// double returns 2q (Jacobian coordinates, any a).
func (c *curve) double(q point) point {
	if q.z.Sign() == 0 || q.y.Sign() == 0 {
		return infinity()
	}
	yy := c.mul(q.y, q.y)
	s := c.mul(c.four, c.mul(q.x, yy))
	zz := c.mul(q.z, q.z)
	m := c.mod(new(big.Int).Add(c.mul(c.three, c.mul(q.x, q.x)), c.mul(c.a, c.mul(zz, zz))))
	x := c.sub(c.mul(m, m), c.mul(c.two, s))
	y := c.sub(c.mul(m, c.sub(s, x)), c.mul(big.NewInt(8), c.mul(yy, yy)))
	return point{x, y, c.mul(c.two, c.mul(q.y, q.z))}
}

// add returns q + r.
func (c *curve) add(q, r point) point {
	switch {
	case q.z.Sign() == 0:
		return r
	case r.z.Sign() == 0:
		return q
	}
	qzz, rzz := c.mul(q.z, q.z), c.mul(r.z, r.z)
	u1, u2 := c.mul(q.x, rzz), c.mul(r.x, qzz)
	s1, s2 := c.mul(q.y, c.mul(r.z, rzz)), c.mul(r.y, c.mul(q.z, qzz))
	h, v := c.sub(u2, u1), c.sub(s2, s1)
	if h.Sign() == 0 {
		if v.Sign() == 0 {
			return c.double(q)
		}
		return infinity()
	}
	hh := c.mul(h, h)
	hhh, w := c.mul(h, hh), c.mul(u1, hh)
	x := c.sub(c.sub(c.mul(v, v), hhh), c.mul(c.two, w))
	y := c.sub(c.mul(v, c.sub(w, x)), c.mul(s1, hhh))
	return point{x, y, c.mul(h, c.mul(q.z, r.z))}
}

// times returns kq.
func (c *curve) times(k *big.Int, q point) point {
	r := infinity()
	for i := k.BitLen() - 1; i >= 0; i-- {
		r = c.double(r)
		if k.Bit(i) == 1 {
			r = c.add(r, q)
		}
	}
	return r
}

// affine returns the point with z = 1; false for the point at infinity.
func (c *curve) affine(q point) (point, bool) {
	if q.z.Sign() == 0 {
		return q, false
	}
	inverse := new(big.Int).ModInverse(q.z, c.p)
	ii := c.mul(inverse, inverse)
	return point{c.mul(q.x, ii), c.mul(q.y, c.mul(ii, inverse)), big.NewInt(1)}, true
}

// bytes is the uncompressed encoding 04 ‖ x ‖ y (BSI TR-03111, 3.2.1) of an affine point.
func (c *curve) bytes(q point) []byte {
	out := make([]byte, 1+2*c.size)
	out[0] = 0x04
	q.x.FillBytes(out[1 : 1+c.size])
	q.y.FillBytes(out[1+c.size:])
	return out
}

// parse reads an uncompressed point and checks that it lies on the curve.
func (c *curve) parse(b []byte) (point, error) {
	if len(b) != 1+2*c.size || b[0] != 0x04 {
		return point{}, fmt.Errorf("%w: not an uncompressed point on %s", ErrMalformed, c.name)
	}
	q := point{new(big.Int).SetBytes(b[1 : 1+c.size]), new(big.Int).SetBytes(b[1+c.size:]), big.NewInt(1)}
	if q.x.Cmp(c.p) >= 0 || q.y.Cmp(c.p) >= 0 {
		return point{}, fmt.Errorf("%w: not a point on %s", ErrMalformed, c.name)
	}
	right := c.mul(q.x, c.mul(q.x, q.x))
	right = c.mod(right.Add(right, c.mul(c.a, q.x)))
	right = c.mod(right.Add(right, c.b))
	if c.mul(q.y, q.y).Cmp(right) != 0 {
		return point{}, fmt.Errorf("%w: not a point on %s", ErrMalformed, c.name)
	}
	return q, nil
}

// private returns a number from 1 to n-1, made of 64 bits more than n has so that
// none is likelier than another (FIPS 186-5, A.2.1).
func (c *curve) private(random io.Reader) (*big.Int, error) {
	b := make([]byte, c.size+8)
	if _, err := io.ReadFull(random, b); err != nil {
		return nil, fmt.Errorf("random numbers: %w", err)
	}
	one := big.NewInt(1)
	k := new(big.Int).SetBytes(b)
	return k.Add(k.Mod(k, new(big.Int).Sub(c.n, one)), one), nil
}
