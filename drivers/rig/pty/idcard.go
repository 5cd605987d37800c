package pty

import (
	"unicode/utf16"

	"cardferry/drivers/idcard"
)

// IDCard is a simulated ID card: the blocks its chip holds.
type IDCard struct {
	Text        []byte   // 256 bytes, see [Citizen.Block]
	Photo       []byte   // up to 1024 bytes
	Fingerprint []byte   // up to 1024 bytes
	Addresses   []string // appended later, the newest last, 35 characters each
}

// Citizen is what a resident ID card says. Use numbers that are valid by their
// check character and belong to nobody.
type Citizen struct {
	Name      string // up to 15 characters
	Sex       string // GB/T 2261.1: "1" male, "2" female
	Ethnicity string // GB/T 3304: "01"
	Birth     string // YYYYMMDD
	Address   string // up to 35 characters
	Number    string // 18 characters
	Issuer    string // up to 15 characters
	From, To  string // YYYYMMDD; To may be 长期
}

// Block returns the 256-byte text block of the card. Text that is too long is cut.
func (c Citizen) Block() []byte {
	b := blank(idcard.TextSize)
	for _, f := range []struct {
		off, size int
		text      string
	}{
		{0, 30, c.Name}, {30, 2, c.Sex}, {32, 4, c.Ethnicity}, {36, 16, c.Birth}, {52, 70, c.Address},
		{122, 36, c.Number}, {158, 30, c.Issuer}, {188, 16, c.From}, {204, 16, c.To},
	} {
		put(b[f.off:f.off+f.size], f.text)
	}
	return b
}

// blank returns n bytes of UTF-16LE spaces.
func blank(n int) []byte {
	b := make([]byte, n)
	for i := 0; i < n; i += 2 {
		b[i] = ' '
	}
	return b
}

func put(dst []byte, text string) {
	for i, u := range utf16.Encode([]rune(text)) {
		if 2*i+1 >= len(dst) {
			return
		}
		dst[2*i], dst[2*i+1] = byte(u), byte(u>>8)
	}
}
