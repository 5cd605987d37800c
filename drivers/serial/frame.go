package serial

import (
	"bytes"
	"errors"
	"fmt"
	"time"
)

// Framing says where a scan ends: at a terminator or when nothing more comes. The
// zero value fits scanners as they are delivered.
type Framing struct {
	// Terminators are the ASCII characters that end a scan, see [Ends]; "" is CR, LF
	// and ETX. CR LF counts once, because empty scans are ignored.
	Terminators string
	// GapOnly ends scans by the idle gap alone, for codes that contain line ends.
	GapOnly bool
	// Gap is the silence that ends a scan without terminator, such as one with a TAB
	// suffix; 0 is 80 ms.
	Gap time.Duration
	// Max is the longest scan in bytes; 0 is 8192. More is a run-on: it is thrown
	// away up to the next end.
	Max int
	// Prefix and Suffix are what the scanner is set to put around a code; they are
	// taken off where they are. A suffix that is a terminator needs no mention.
	Prefix, Suffix string
}

// endGap is the name of the idle gap among the ends of a scan.
const endGap = "gap"

// Ends returns the framing for ends of a scan by name: "cr", "lf", "crlf", "tab",
// "etx" and "gap", of which the last means that nothing but silence ends a scan, and
// stands alone. No name at all is the default.
func Ends(names ...string) (Framing, error) {
	characters := map[string]string{"cr": "\r", "lf": "\n", "crlf": "\r\n", "tab": "\t", "etx": "\x03"}
	var f Framing
	for _, name := range names {
		c, known := characters[name]
		switch {
		case name == endGap && len(names) == 1:
			f.GapOnly = true
		case name == endGap:
			return Framing{}, errors.New("the end \"gap\" stands alone: silence ends a scan in any case")
		case !known:
			return Framing{}, fmt.Errorf("end %q; use cr, lf, crlf, tab, etx or gap", name)
		}
		f.Terminators += c
	}
	return f, nil
}

// strip takes the scanner's own prefix and suffix off a scan.
func (f Framing) strip(scan []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimPrefix(scan, []byte(f.Prefix)), []byte(f.Suffix))
}

func (f Framing) withDefaults() Framing {
	switch {
	case f.GapOnly:
		f.Terminators = ""
	case f.Terminators == "":
		f.Terminators = "\r\n\x03"
	}
	if f.Gap <= 0 {
		f.Gap = 80 * time.Millisecond
	}
	if f.Max <= 0 {
		f.Max = 8192
	}
	return f
}

// framer cuts a scanner's bytes into scans. It holds at most Max bytes.
type framer struct {
	Framing
	buf   []byte
	runOn bool // throwing away up to the next end
}

// feed takes received bytes. It calls scan with each scan, which is only valid
// during the call, and tooLong once per run-on.
func (f *framer) feed(b []byte, scan func([]byte), tooLong func()) {
	for len(b) > 0 {
		end := bytes.IndexAny(b, f.Terminators)
		part := b
		if end >= 0 {
			part = b[:end]
		}
		switch {
		case f.runOn:
		case len(f.buf)+len(part) > f.Max:
			f.runOn, f.buf = true, f.buf[:0]
			tooLong()
		default:
			f.buf = append(f.buf, part...)
		}
		if end < 0 {
			return
		}
		f.end(scan)
		b = b[end+1:]
	}
}

// end is called at a terminator and when the gap has passed.
func (f *framer) end(scan func([]byte)) {
	if !f.runOn && len(f.buf) > 0 {
		scan(f.buf)
	}
	f.runOn, f.buf = false, f.buf[:0]
}

// pending says whether a scan has begun.
func (f *framer) pending() bool { return f.runOn || len(f.buf) > 0 }
