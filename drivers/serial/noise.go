package serial

import (
	"time"

	"cardferry/drivers"
)

// faultEvery is how often one kind of fault of a line is told at most. A broken cable
// makes noise for hours; whoever looks at the reader needs to be told now and then.
const faultEvery = 10 * time.Second

// noise keeps rubbish on a line from becoming scans: a wrong baud rate or parity, a
// broken cable, a device that is no scanner.
type noise struct {
	on   bool // throwing away up to the next silence
	told map[drivers.FaultCode]time.Time
}

// due says whether a fault is to be told now.
func (n *noise) due(code drivers.FaultCode, now time.Time) bool {
	if last, ever := n.told[code]; ever && now.Sub(last) < faultEvery {
		return false
	}
	if n.told == nil {
		n.told = map[drivers.FaultCode]time.Time{}
	}
	n.told[code] = now
	return true
}

// rubbish says whether a scan looks like none: it is full of control characters that no
// text and no scanner sends. A stray one, from switching on say, does not matter. A code
// of binary data looks the same; only the code rules can tell.
func rubbish(scan []byte) bool {
	controls := 0
	for _, c := range scan {
		if control(c) {
			controls++
		}
	}
	return controls > 1 || controls*4 >= len(scan)
}

// control says whether c is a control character without use in scans. Used are HT, LF
// and CR in texts, STX and ETX around scans, and EOT, FS, GS, RS and US as ISO/IEC
// 15434 and GS1 have them.
func control(c byte) bool {
	switch c {
	case 0x02, 0x03, 0x04, '\t', '\n', '\r', 0x1C, 0x1D, 0x1E, 0x1F:
		return false
	default:
		return c < ' ' || c == 0x7F
	}
}
