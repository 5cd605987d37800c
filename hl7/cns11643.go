package hl7

import (
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/transform"
)

// eucTW is CNS 11643-1992 as messages carry it, in EUC-TW: two bytes A1-FE for
// plane 1, 8E, A1 to B0 and two such bytes for any plane. Planes 1 and 2 hold all
// of Big5 and are known here; characters of rarer planes become U+FFFD. Like any
// EUC it has no ASCII bytes inside characters.
type eucTW struct{}

func (eucTW) NewDecoder() *encoding.Decoder {
	return &encoding.Decoder{Transformer: &cnsDecoder{big5: traditionalchinese.Big5.NewDecoder()}}
}

func (eucTW) NewEncoder() *encoding.Encoder {
	return &encoding.Encoder{Transformer: &cnsEncoder{big5: traditionalchinese.Big5.NewEncoder()}}
}

const (
	cnsSide    = 94 // cells in a row, rows in a plane
	big5Side   = 157
	cnsShift   = 0x8E // single shift two: a plane number and one character follow
	cnsFirst   = 0xA1
	cnsMissing = -1
)

// cnsDecoder turns EUC-TW into UTF-8 by way of Big5.
type cnsDecoder struct {
	transform.NopResetter
	big5 *encoding.Decoder
}

// Transform implements transform.Transformer.
func (d *cnsDecoder) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	for nSrc < len(src) {
		place, size := cnsPlace(src[nSrc:])
		if size == 0 && !atEOF {
			return nDst, nSrc, transform.ErrShortSrc
		}
		if len(dst)-nDst < utf8.UTFMax {
			return nDst, nSrc, transform.ErrShortDst
		}
		r := utf8.RuneError
		switch {
		case src[nSrc] < utf8.RuneSelf:
			r = rune(src[nSrc])
		case place != cnsMissing:
			r = d.char(uint16(place))
		}
		nDst += utf8.EncodeRune(dst[nDst:], r)
		nSrc += max(size, 1)
	}
	return nDst, nSrc, nil
}

// cnsPlace reads the character at b[0]: its place, cnsMissing when it has none
// here, and its size in bytes, 0 when b ends inside it.
func cnsPlace(b []byte) (place, size int) {
	plane, at := 1, 0
	switch {
	case b[0] < utf8.RuneSelf:
		return cnsMissing, 1
	case b[0] == cnsShift:
		if len(b) < 2 {
			return cnsMissing, 0
		}
		if plane, at = int(b[1])-cnsFirst+1, 2; plane < 1 || plane > 16 {
			return cnsMissing, 1
		}
	}
	if len(b) < at+2 {
		return cnsMissing, 0
	}
	row, cell := int(b[at])-cnsFirst, int(b[at+1])-cnsFirst
	switch {
	case row < 0 || row >= cnsSide || cell < 0 || cell >= cnsSide:
		return cnsMissing, 1
	case plane > 2:
		return cnsMissing, at + 2
	}
	return ((plane-1)*cnsSide+row)*cnsSide + cell, at + 2
}

func (d *cnsDecoder) char(place uint16) rune {
	for _, c := range cnsOnly {
		if c.cns == place {
			return c.char
		}
	}
	for _, run := range cnsRuns {
		if place-run.cns >= run.count { // also when place is before the run
			continue
		}
		code := int(run.big5 + place - run.cns)
		pair := [2]byte{byte(0xA1 + code/big5Side), byte(0x40 + code%big5Side)}
		if pair[1] > 0x7E {
			pair[1] += 0xA1 - 0x7F
		}
		var out [2 * utf8.UTFMax]byte
		n, _, err := d.big5.Transform(out[:], pair[:], true)
		r, size := utf8.DecodeRune(out[:n])
		if err != nil || size != n {
			return utf8.RuneError
		}
		return r
	}
	return utf8.RuneError
}

// cnsEncoder turns UTF-8 into EUC-TW.
type cnsEncoder struct {
	transform.NopResetter
	big5 *encoding.Encoder
}

// Transform implements transform.Transformer.
func (e *cnsEncoder) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	for nSrc < len(src) {
		r, size := utf8.DecodeRune(src[nSrc:])
		if r == utf8.RuneError && size == 1 && !atEOF && !utf8.FullRune(src[nSrc:]) {
			return nDst, nSrc, transform.ErrShortSrc
		}
		if len(dst)-nDst < 4 {
			return nDst, nSrc, transform.ErrShortDst
		}
		if r < utf8.RuneSelf {
			dst[nDst] = byte(r)
			nDst++
		} else {
			place := e.place(r, src[nSrc:nSrc+size])
			if place == cnsMissing {
				return nDst, nSrc, ErrNotEncodable
			}
			if place >= cnsSide*cnsSide {
				nDst += copy(dst[nDst:], []byte{cnsShift, cnsFirst + 1})
				place -= cnsSide * cnsSide
			}
			dst[nDst], dst[nDst+1] = byte(cnsFirst+place/cnsSide), byte(cnsFirst+place%cnsSide)
			nDst += 2
		}
		nSrc += size
	}
	return nDst, nSrc, nil
}

func (e *cnsEncoder) place(r rune, utf []byte) int {
	for _, c := range cnsOnly {
		if c.char == r {
			return int(c.cns)
		}
	}
	var pair [2]byte
	if n, _, err := e.big5.Transform(pair[:], utf, true); err != nil || n != 2 || pair[0] < 0xA1 {
		return cnsMissing
	}
	cell := int(pair[1]) - 0x40
	if pair[1] > 0x7E {
		cell -= 0xA1 - 0x7F
	}
	code := uint16((int(pair[0])-0xA1)*big5Side + cell)
	for _, run := range cnsRuns {
		if code-run.big5 < run.count {
			return int(run.cns + code - run.big5)
		}
	}
	return cnsMissing
}
