package emrtd

import (
	"bytes"
	"crypto/cipher"
	"crypto/subtle"
	"fmt"
	"slices"
)

// messaging is secure messaging as ISO/IEC 7816-4 has it and Doc 9303-11, 9.8 uses it:
// each command and each response is encrypted and has a checksum over a counter.
type messaging struct {
	suite suite
	enc   cipher.Block
	mac   []byte // key
	ssc   []byte // send sequence counter, one block
	dead  bool
}

func newMessaging(s suite, secret, ssc []byte) *messaging {
	return &messaging{suite: s, enc: s.block(s.derive(secret, forEncryption)), mac: s.derive(secret, forMAC), ssc: bytes.Clone(ssc)}
}

// count steps the counter.
func (m *messaging) count() {
	for i := len(m.ssc) - 1; i >= 0; i-- {
		if m.ssc[i]++; m.ssc[i] != 0 {
			return
		}
	}
}

// iv is zero for 3DES and the encrypted counter for AES.
func (m *messaging) iv() []byte {
	iv := make([]byte, m.suite.blockSize())
	if m.suite != tripleDES {
		m.enc.Encrypt(iv, m.ssc)
	}
	return iv
}

// checksum is that of a command or response whose protected objects are given.
func (m *messaging) checksum(parts ...[]byte) []byte {
	message := slices.Concat(append([][]byte{m.ssc}, parts...)...)
	if m.suite != tripleDES { // 3DES pads by itself
		message = pad(message, m.suite.blockSize())
	}
	return m.suite.mac(m.mac, message)
}

// protect returns the protected form of a command of cases 2 to 4. ne is how many
// bytes are expected, 0 for none, at most 256.
func (m *messaging) protect(ins, p1, p2 byte, data []byte, ne int) []byte {
	m.count()
	head := []byte{0x0C, ins, p1, p2}
	size := m.suite.blockSize()
	var body []byte
	if len(data) > 0 {
		body = encode(0x87, []byte{0x01}, encrypt(m.enc, m.iv(), pad(data, size)))
	}
	if ne > 0 {
		body = append(body, encode(0x97, []byte{byte(ne)})...)
	}
	body = append(body, encode(0x8E, m.checksum(pad(head, size), body))...)
	return append(append(append(head, byte(len(body))), body...), 0x00)
}

// open checks a response and returns what it held and the protected status word. A
// response without protection means that the document left secure messaging.
func (m *messaging) open(response []byte) ([]byte, uint16, error) {
	m.count()
	data, sw, err := m.opened(response)
	if err != nil {
		m.dead = true
	}
	return data, sw, err
}

func (m *messaging) opened(response []byte) ([]byte, uint16, error) {
	if len(response) < 2 {
		return nil, 0, fmt.Errorf("%w: no status word", ErrMessaging)
	}
	body, plain := response[:len(response)-2], uint16(response[len(response)-2])<<8|uint16(response[len(response)-1])
	if len(body) == 0 {
		return nil, plain, fmt.Errorf("%w: unprotected answer %04X", ErrMessaging, plain)
	}
	list, err := objects(body)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrMessaging, err)
	}
	sum, ok := find(list, 0x8E)
	last := list[len(list)-1]
	if !ok || last.tag != 0x8E || len(sum) != 8 {
		return nil, 0, fmt.Errorf("%w: no checksum", ErrMessaging)
	}
	protected := body[:len(body)-10]
	if subtle.ConstantTimeCompare(sum, m.checksum(protected)) != 1 {
		return nil, 0, fmt.Errorf("%w: wrong checksum", ErrMessaging)
	}
	status, ok := find(list, 0x99)
	if !ok || len(status) != 2 {
		return nil, 0, fmt.Errorf("%w: no protected status word", ErrMessaging)
	}
	sw := uint16(status[0])<<8 | uint16(status[1])
	hidden, ok := find(list, 0x87)
	if !ok {
		return nil, sw, nil
	}
	size := m.suite.blockSize()
	if len(hidden) < 1+size || hidden[0] != 0x01 || (len(hidden)-1)%size != 0 {
		return nil, 0, fmt.Errorf("%w: cryptogram of a strange form", ErrMessaging)
	}
	data, ok := unpad(decrypt(m.enc, m.iv(), hidden[1:]))
	if !ok {
		return nil, 0, fmt.Errorf("%w: cryptogram without padding", ErrMessaging)
	}
	return data, sw, nil
}
