package emrtd

import (
	"bytes"
	"context"
	"crypto/subtle"
	"fmt"
	"io"
	"slices"
)

// basicAccess is Basic Access Control (Doc 9303-11, 4.3): three passes with the keys
// that the machine readable zone gives, then secure messaging with 3DES. The
// application is selected.
func basicAccess(ctx context.Context, send Transceive, key Key, random io.Reader) (*messaging, error) {
	seed := key.secret()[:16]
	enc := tripleDES.block(tripleDES.derive(seed, forEncryption))
	mac := tripleDES.derive(seed, forMAC)
	chipRandom, sw, err := plain(ctx, send, []byte{0x00, 0x84, 0x00, 0x00, 0x08})
	if err != nil {
		return nil, err
	}
	if sw != swOK || len(chipRandom) != 8 {
		return nil, &StatusError{"GET CHALLENGE", sw}
	}
	own := make([]byte, 8+16) // RND.IFD, K.IFD
	if _, err := io.ReadFull(random, own); err != nil {
		return nil, fmt.Errorf("random numbers: %w", err)
	}
	zero := make([]byte, 8)
	token := encrypt(enc, zero, slices.Concat(own[:8], chipRandom, own[8:]))
	token = append(token, tripleDES.mac(mac, token)...)
	answer, sw, err := plain(ctx, send, slices.Concat([]byte{0x00, 0x82, 0x00, 0x00, 0x28}, token, []byte{0x28}))
	if err != nil {
		return nil, err
	}
	if sw == 0x6A80 || sw == 0x6988 || sw == 0x6982 || sw == 0x6985 || sw&0xFF00 == 0x6300 {
		return nil, fmt.Errorf("EXTERNAL AUTHENTICATE: %04X: %w", sw, ErrKey)
	}
	if sw != swOK {
		return nil, &StatusError{"EXTERNAL AUTHENTICATE", sw}
	}
	if len(answer) != 40 || subtle.ConstantTimeCompare(tripleDES.mac(mac, answer[:32]), answer[32:]) != 1 {
		return nil, fmt.Errorf("EXTERNAL AUTHENTICATE: %w: the document did not prove its key", ErrMessaging)
	}
	theirs := decrypt(enc, zero, answer[:32])
	if !bytes.Equal(theirs[:8], chipRandom) || !bytes.Equal(theirs[8:16], own[:8]) {
		return nil, fmt.Errorf("EXTERNAL AUTHENTICATE: %w: not the numbers of this session", ErrMessaging)
	}
	shared := make([]byte, 16)
	subtle.XORBytes(shared, own[8:], theirs[16:])
	return newMessaging(tripleDES, shared, slices.Concat(chipRandom[4:], own[4:8])), nil
}
