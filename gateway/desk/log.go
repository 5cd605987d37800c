package desk

import (
	"sync"
	"time"

	"cardferry/drivers"
)

const (
	// logSize is how many events the log holds; a client that was away for more
	// is told of the gap.
	logSize = 1000
	// batchSize is how many events one answer holds at most.
	batchSize = 100
)

// eventLog is the bounded log of events, the only place where full reads live.
// Nothing is copied per client: each reads at its own cursor, so a slow client
// costs nothing and is told when it fell off the end.
type eventLog struct {
	ttl time.Duration

	mu      sync.Mutex
	entries [logSize]entry    // the entry with sequence s is at s % logSize
	oldest  uint64            // sequence of the oldest entry held
	next    uint64            // sequence the next event will get
	byID    map[string]uint64 // read id -> sequence, for entries held
	changed chan struct{}     // closed and replaced when an event is added
	closed  bool
}

type entry struct {
	event  Event
	read   *drivers.Read // nil once forgotten
	forget *time.Timer   // nil without a read
}

func newEventLog(ttl time.Duration, start time.Time) *eventLog {
	first := uint64(max(1, start.UnixMilli()))
	return &eventLog{
		ttl:     ttl,
		oldest:  first,
		next:    first,
		byID:    make(map[string]uint64),
		changed: make(chan struct{}),
	}
}

// add appends the event under the next sequence number and keeps its read, if
// any, for the log's time to live.
func (l *eventLog) add(event Event, read *drivers.Read) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	event.Seq = l.next
	slot := &l.entries[event.Seq%logSize]
	if event.Seq-l.oldest == logSize {
		l.drop(slot)
		l.oldest++
	}
	*slot = entry{event: event, read: read}
	if read != nil {
		l.byID[read.ID] = event.Seq
		slot.forget = time.AfterFunc(l.ttl, func() { l.forget(event.Seq) })
	}
	l.next++
	close(l.changed)
	l.changed = make(chan struct{})
}

// drop ends the entry that is about to be overwritten.
func (l *eventLog) drop(slot *entry) {
	if slot.forget != nil {
		slot.forget.Stop()
	}
	if l.byID[slot.event.ID] == slot.event.Seq {
		delete(l.byID, slot.event.ID)
	}
}

// forget lets go of the read with that sequence number.
func (l *eventLog) forget(seq uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	slot := &l.entries[seq%logSize]
	if slot.event.Seq == seq {
		slot.read = nil
	}
}

// batch is what a client at some cursor is given next.
type batch struct {
	Events []Event `json:"events"`
	// Cursor is where to go on: the "after" of the next question.
	Cursor uint64 `json:"cursor"`
	// Gap says that events between the asked cursor and the first one here are
	// lost: the client was away too long, or the daemon restarted.
	Gap bool `json:"gap"`
}

// since returns up to batchSize events after the cursor, and a channel that is
// closed when there are more than were held at the time of the call.
func (l *eventLog) since(cursor uint64) (batch, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := batch{Cursor: cursor}
	// A cursor in the future is one of an earlier run, before the clock went back.
	if cursor >= l.next || cursor+1 < l.oldest {
		b.Gap = true
		b.Cursor = l.oldest - 1
	}
	count := min(l.next-1-b.Cursor, batchSize)
	b.Events = make([]Event, 0, count)
	for range count {
		b.Cursor++
		b.Events = append(b.Events, l.entries[b.Cursor%logSize].event)
	}
	return b, l.changed
}

// now returns the cursor after which only events to come are told.
func (l *eventLog) now() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next - 1
}

// read returns the read with that id. known says that there was such a read
// among the events held; then a nil read has outlived its time.
func (l *eventLog) read(id string) (read *drivers.Read, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seq, known := l.byID[id]
	if !known {
		return nil, false
	}
	return l.entries[seq%logSize].read, true
}

// close forgets all reads; it reports whether the log was open.
func (l *eventLog) close() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.closed = true
	for i := range l.entries {
		if l.entries[i].forget != nil {
			l.entries[i].forget.Stop()
		}
		l.entries[i].read = nil
	}
	return true
}
