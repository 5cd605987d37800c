//go:build cgo

package usb

import (
	"time"

	"cardferry/drivers"
	"cardferry/drivers/code"
)

// scans turns what one scanner read into reads.
type scans struct {
	codes   *code.Rules
	repeats code.Repeats
}

// read recognises a scan at a time. Nil means that there is nothing to report: blanks,
// or the last code once more. aim is the AIM symbology identifier that the scanner
// told ("]Q1"), "" for none.
func (s *scans) read(aim string, scan []byte, now time.Time) *drivers.Read {
	if code.Blank(scan) {
		return nil
	}
	// Rules that know the symbology see it; what they make nothing of is looked at
	// as the bare code, as a scanner without identifiers would send it.
	read := s.codes.Recognise(append([]byte(aim), scan...))
	if aim != "" && read.Medium == drivers.MediumUnknown {
		read = s.codes.Recognise(scan)
	}
	if s.repeats.Again(scan, read, now) {
		return nil
	}
	read.ID, read.Time = drivers.NewReadID(), now
	return &read
}
