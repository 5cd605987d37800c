package code

import (
	"bytes"
	"time"

	"cardferry/drivers"
)

// repeatWindow is how long a code that stays in front of a scanner, or is scanned
// twice by a nervous hand, counts as one.
const repeatWindow = 1500 * time.Millisecond

// Repeats knows the last scan of one scanner, in memory only. The zero value is ready.
// It is not safe for concurrent use.
type Repeats struct {
	last []byte
	seen time.Time
}

// Again says whether a scan, of which [Rules.Recognise] made read, is the last one once
// more, within 1.5 seconds of when that was last seen. A one-time code never is.
func (r *Repeats) Again(scan []byte, read drivers.Read, now time.Time) bool {
	same := r.last != nil && bytes.Equal(r.last, scan) && now.Sub(r.seen) < repeatWindow
	r.last, r.seen = append(r.last[:0], scan...), now
	return same && !OneTime(read)
}
