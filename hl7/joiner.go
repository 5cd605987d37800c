package hl7

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Parts are the parts of one logical message that have come so far, in order.
type Parts struct {
	Sender string
	Raw    [][]byte
	First  time.Time // when the first came
	Last   time.Time // when the last came
}

// Joiner brings the parts of continued messages together, for many senders at
// once. It holds them in memory and does not wait itself: the caller stores each
// part before it acknowledges it, hands the parts in again after a restart, and
// decides with [Joiner.Expire] how long a sender may take. Memory is bounded.
// It is safe for concurrent use.
type Joiner struct {
	limit int

	mu   sync.Mutex
	size int
	open map[partKey]*Parts
}

// partKey finds the parts that wait for the next one to name pointer.
type partKey struct{ sender, pointer string }

// partCost is what a part occupies besides its bytes, roughly.
const partCost = 256

// NewJoiner is a Joiner that holds at most limit bytes of waiting parts.
func NewJoiner(limit int) *Joiner {
	return &Joiner{limit: limit, open: map[partKey]*Parts{}}
}

// Add takes one message of a sender. It returns the parts of the logical message
// once this was the last of them (for a message that stands alone at once), to be
// given to [Join], and nil while more must come. A part that is repeated byte
// for byte because its acknowledgement got lost changes nothing.
//
// The error wraps [ErrContinuation] when the part before is not here, or when the
// pointer is taken by another message, and is [ErrJoinerFull] when the limit is
// reached; nothing was taken then, and the caller treats the message on its own.
// The Joiner keeps the bytes of m.
func (j *Joiner) Add(sender string, m *Message, now time.Time) (*Parts, error) {
	c, raw := m.Continuation(), m.Bytes()
	j.mu.Lock()
	defer j.mu.Unlock()
	next := partKey{sender, c.To}
	waiting := j.open[next] // those that already ended with the pointer of this part
	if c.To != "" && waiting != nil && bytes.Equal(waiting.Raw[len(waiting.Raw)-1], raw) {
		return nil, nil
	}
	before := &Parts{Sender: sender, First: now}
	if c.From != "" {
		if before = j.open[partKey{sender, c.From}]; before == nil {
			return nil, fmt.Errorf("hl7: %w: the part before has not come or was given up", ErrContinuation)
		}
	}
	cost := len(raw) + partCost
	switch {
	case c.To == "":
	case waiting != nil && waiting != before:
		return nil, fmt.Errorf("hl7: %w: the pointer in DSC-1 is in use by another message", ErrContinuation)
	case j.size+cost > j.limit:
		return nil, ErrJoinerFull
	}
	if c.From != "" {
		delete(j.open, partKey{sender, c.From})
	}
	if c.To == "" {
		j.size -= costOf(before)
	} else {
		j.size += cost
		j.open[next] = before
	}
	before.Raw, before.Last = append(before.Raw, raw), now
	if c.To == "" {
		return before, nil
	}
	return nil, nil
}

// Expire gives up the parts whose last one came before t and returns them, oldest
// first, for the caller to flag.
func (j *Joiner) Expire(t time.Time) []*Parts {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []*Parts
	for key, p := range j.open {
		if p.Last.Before(t) {
			out = append(out, p)
			delete(j.open, key)
			j.size -= costOf(p)
		}
	}
	slices.SortFunc(out, func(a, b *Parts) int { return a.First.Compare(b.First) })
	return out
}

// Waiting is how many logical messages are incomplete and how many bytes they
// hold.
func (j *Joiner) Waiting() (messages, size int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.open), j.size
}

func costOf(p *Parts) int {
	n := 0
	for _, raw := range p.Raw {
		n += len(raw) + partCost
	}
	return n
}
