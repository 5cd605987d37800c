package emrtd

import (
	"bytes"
	"context"
	"crypto/subtle"
	"fmt"
	"io"
	"math/big"
)

// authenticate is PACE with generic mapping over an elliptic curve (Doc 9303-11, 4.4):
// both sides map a nonce that only the password decrypts to a generator of their own
// and agree on a key with it.
func (p pace) authenticate(ctx context.Context, send Transceive, key Key, random io.Reader) (*messaging, error) {
	set := bytes.Join([][]byte{encode(0x80, p.oidBytes()), encode(0x83, []byte{key.reference()}), encode(0x84, []byte{byte(p.parameter)})}, nil)
	_, sw, err := plain(ctx, send, append([]byte{0x00, 0x22, 0xC1, 0xA4, byte(len(set))}, set...))
	if err != nil {
		return nil, err
	}
	// 63Cx: set, and so many tries are left before the password is suspended.
	if sw != swOK && sw&0xFFF0 != 0x63C0 {
		return nil, &StatusError{"MSE:Set AT", sw}
	}
	hidden, err := p.step(ctx, send, false, 0x80)
	if err != nil {
		return nil, err
	}
	size := p.suite.blockSize()
	if len(hidden) == 0 || len(hidden)%size != 0 || len(hidden) > 64 {
		return nil, fmt.Errorf("%w: nonce of %d bytes", ErrMalformed, len(hidden))
	}
	nonce := decrypt(p.suite.block(p.suite.derive(key.secret(), forPassword)), make([]byte, size), hidden)
	generator, err := p.mapped(ctx, send, new(big.Int).SetBytes(nonce), random)
	if err != nil {
		return nil, err
	}
	return p.agree(ctx, send, generator, random)
}

// mapped is the generator that the nonce maps to: s·G + H, with H of an anonymous
// Diffie-Hellman exchange (4.4.3.3.2).
func (p pace) mapped(ctx context.Context, send Transceive, nonce *big.Int, random io.Reader) (point, error) {
	h, _, _, err := p.exchange(ctx, send, p.curve.generator, 0x81, random)
	if err != nil {
		return point{}, err
	}
	g, ok := p.curve.affine(p.curve.add(p.curve.times(nonce, p.curve.generator), h))
	if !ok {
		return point{}, fmt.Errorf("%w: the nonce maps to no generator", ErrMalformed)
	}
	return g, nil
}

// exchange is one Diffie-Hellman exchange: ours in data object tag, theirs in the next
// one. The shared point is affine.
func (p pace) exchange(ctx context.Context, send Transceive, generator point, tag byte, random io.Reader) (shared point, own, theirs []byte, err error) {
	private, err := p.curve.private(random)
	if err != nil {
		return point{}, nil, nil, err
	}
	public, _ := p.curve.affine(p.curve.times(private, generator)) // 0 < private < n: never infinity
	own = p.curve.bytes(public)
	theirs, err = p.step(ctx, send, false, tag+1, encode(uint32(tag), own))
	if err != nil {
		return point{}, nil, nil, err
	}
	other, err := p.curve.parse(theirs)
	if err != nil {
		return point{}, nil, nil, err
	}
	shared, ok := p.curve.affine(p.curve.times(private, other))
	if !ok || bytes.Equal(own, theirs) {
		return point{}, nil, nil, fmt.Errorf("%w: the document's public key is not one", ErrMalformed)
	}
	return shared, own, theirs, nil
}

// agree agrees on the session keys with the mapped generator and checks that both
// sides have the same (4.4.3.4).
func (p pace) agree(ctx context.Context, send Transceive, generator point, random io.Reader) (*messaging, error) {
	shared, own, theirs, err := p.exchange(ctx, send, generator, 0x83, random)
	if err != nil {
		return nil, err
	}
	secret := shared.x.FillBytes(make([]byte, p.curve.size))
	mac := p.suite.derive(secret, forMAC)
	token := func(public []byte) []byte {
		return p.suite.mac(mac, encode(0x7F49, encode(0x06, p.oidBytes()), encode(0x86, public)))
	}
	proof, err := p.step(ctx, send, true, 0x86, encode(0x85, token(theirs)))
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(proof, token(own)) != 1 {
		return nil, fmt.Errorf("PACE: %w", ErrKey)
	}
	return newMessaging(p.suite, secret, make([]byte, p.suite.blockSize())), nil
}

// step is one GENERAL AUTHENTICATE: the commands of a chain, the last of which carries
// the token that a wrong password spoils.
func (p pace) step(ctx context.Context, send Transceive, last bool, want byte, data ...[]byte) ([]byte, error) {
	body := encode(0x7C, data...)
	class := byte(0x10)
	if last {
		class = 0x00
	}
	cmd := append([]byte{class, 0x86, 0x00, 0x00, byte(len(body))}, body...)
	answer, sw, err := plain(ctx, send, append(cmd, 0x00))
	if err != nil {
		return nil, err
	}
	if last && (sw&0xFF00 == 0x6300 || sw == 0x6982 || sw == 0x6983 || sw == 0x6985 || sw == 0x6A80 || sw == 0x6988) {
		return nil, fmt.Errorf("GENERAL AUTHENTICATE: %04X: %w", sw, ErrKey)
	}
	if sw != swOK {
		return nil, &StatusError{"GENERAL AUTHENTICATE", sw}
	}
	list, err := unwrap(answer, 0x7C)
	if err != nil {
		return nil, err
	}
	value, ok := find(list, uint32(want))
	if !ok {
		return nil, fmt.Errorf("%w: answer lacks object %02X", ErrMalformed, want)
	}
	return value, nil
}
