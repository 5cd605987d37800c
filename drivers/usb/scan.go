//go:build cgo

package usb

import (
	"bytes"
	"time"

	"cardferry/drivers"
	"cardferry/drivers/code"
)

// repeatWindow is how long a code that stays in front of a scanner, or is scanned
// twice by a nervous hand, counts as one.
const repeatWindow = 1500 * time.Millisecond

// scans turns what one scanner read into reads. It keeps the last scan in memory to
// know a repetition. The zero value of last and seen is ready.
type scans struct {
	codes *code.Rules
	last  []byte
	seen  time.Time
}

// read recognises a scan at a time. Nil means that there is nothing to report: blanks,
// or the last code once more. aim is the AIM symbology identifier that the scanner
// told ("]Q1"), "" for none.
func (s *scans) read(aim string, scan []byte, now time.Time) *drivers.Read {
	if text, _, err := code.Text(scan, ""); err == nil && text == "" {
		return nil
	}
	// Rules that know the symbology see it; what they make nothing of is looked at
	// as the bare code, as a scanner without identifiers would send it.
	read := s.codes.Recognise(append([]byte(aim), scan...))
	if aim != "" && read.Medium == drivers.MediumUnknown {
		read = s.codes.Recognise(scan)
	}
	again := s.last != nil && bytes.Equal(s.last, scan) && now.Sub(s.seen) < repeatWindow
	s.last, s.seen = append(s.last[:0], scan...), now
	if again && !code.OneTime(read) {
		return nil
	}
	read.ID, read.Time = drivers.NewReadID(), now
	return &read
}
