//go:build cgo

package pcsc

import (
	"context"
	"testing"
	"time"

	"cardferry/drivers"
)

// No reader is an empty list and no fault (the service calls it an error).
func TestNoReaderAtAll(t *testing.T) {
	refurnish(t)
	ctx, cancel := context.WithCancel(t.Context())
	seen, ended := make(chan snapshot), make(chan struct{})
	d := New(Config{})
	d.limits.watch = 50 * time.Millisecond
	go func() { defer close(ended); d.watch(ctx, seen, nil) }()
	for range 3 {
		select {
		case s := <-seen:
			if s.err != nil || len(s.readers) != 0 {
				t.Errorf("snapshot %+v", s)
			}
		case <-time.After(patience):
			t.Fatal("the watcher says nothing")
		}
	}
	cancel()
	<-ended
}

// The last reader goes while the driver runs, and readers come back.
func TestLastReaderGone(t *testing.T) {
	r := run(t, readOneByte)
	refurnish(t)
	for _, reader := range readers {
		r.expect(reader.name, drivers.Detached)
	}
	refurnish(t, 1)
	r.attached(readers[2:])
	r.insert(2, says(2))
	r.expect(readers[2].name, drivers.Presented, drivers.Completed)
	refurnish(t, 0, 1)
	r.expect(readers[2].name, drivers.Removed, drivers.Detached)
	r.expect(readers[3].name, drivers.Detached)
	r.attached(readers)
}

// Two readers change places: the service numbers them by the order of plugging, and
// still each keeps its name and reads the cards that are put into it.
func TestTwoReadersSwapped(t *testing.T) {
	r := run(t, readOneByte)
	for _, order := range [][]int{{1, 0}, {0, 1}} {
		refurnish(t, order...)
		for _, reader := range readers {
			r.expect(reader.name, drivers.Detached, drivers.Attached)
		}
		for i, want := range map[int]string{0: "test-a0", 3: "test-b3"} {
			r.insertQuietly(i, says(map[int]byte{0: 0xA0, 3: 0xB3}[i]))
			if e := r.expect(readers[i].name, drivers.Presented, drivers.Completed); e.Read.Medium != want {
				t.Errorf("order %v: %s read %s, want %s", order, readers[i].name, e.Read.Medium, want)
			}
			r.remove(i)
			r.expect(readers[i].name, drivers.Removed)
		}
	}
}

// As many readers as pcscd can have leave no place for its notification of new ones:
// the list is then asked for again and again, slowly.
func TestAsManyReadersAsThereCanBe(t *testing.T) {
	all := allReaders(t)
	r := start(t, readOneByte)
	r.attached(all)
	for i, reader := range all {
		r.insertQuietly(i, says(byte(i)))
		r.expect(reader.name, drivers.Presented, drivers.Completed)
	}
	refurnish(t, 0, 1)
	for i, reader := range all {
		r.expect(reader.name, drivers.Removed, drivers.Detached)
		if i < len(readers) {
			r.expect(reader.name, drivers.Attached)
		}
	}
}
