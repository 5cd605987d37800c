package queue

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// noise is a payload that does not compress.
func noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

// fillUntilFull enqueues items of a class until the store refuses one.
func fillUntilFull(t *testing.T, s *Store, c Class) (ids []string) {
	t.Helper()
	for i := range 100_000 {
		it := item(fmt.Sprintf("%s-%d-%d", c, s.Stat().HighSeq, i), c, Lane(fmt.Sprint("L", i)))
		it.Payload = noise(4000)
		_, err := s.Enqueue(t.Context(), it)
		if errors.Is(err, ErrFull) {
			return ids
		} else if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, it.ID)
	}
	t.Fatal("never full")
	return nil
}

func TestQuotaRefusesTheLeastUrgentFirst(t *testing.T) {
	o := testOptions(t)
	o.SegmentBytes, o.QuotaBytes = 64<<10, 1<<20
	s := mustOpen(t, t.TempDir(), o)
	stored := 0
	for _, c := range []Class{Backfill, Live, Express} {
		stored += len(fillUntilFull(t, s, c))
		st := s.Stat()
		if len(st.Conditions) != 1 || st.Conditions[0].Code != ConditionQuota {
			t.Fatalf("%s refused, conditions %+v", c, st.Conditions)
		}
		if st.UsedBytes > o.QuotaBytes {
			t.Errorf("%s: %d bytes used of %d", c, st.UsedBytes, o.QuotaBytes)
		}
	}
	if st := s.Stat(); st.Refused != 3 {
		t.Errorf("%d refusals counted", st.Refused)
	}
	// Nothing was dropped to make room, and delivery gives room again.
	if got := drain(t, s, stored); len(got) != stored {
		t.Errorf("%d of %d delivered", len(got), stored)
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		_, err := s.Enqueue(t.Context(), item(fmt.Sprint("again", time.Now().UnixNano()), Backfill, "A"))
		if err == nil {
			break
		}
		if !errors.Is(err, ErrFull) || time.Now().After(deadline) {
			t.Fatalf("after delivery: %v", err)
		}
		<-s.testTick()
	}
}

// testTick waits for the acker to come by.
func (s *Store) testTick() <-chan time.Time { return time.After(ackDelay / 4) }

func TestDuplicateIsAnsweredWhenFull(t *testing.T) {
	o := testOptions(t)
	o.SegmentBytes, o.QuotaBytes = 64<<10, 1<<20
	s := mustOpen(t, t.TempDir(), o)
	ids := fillUntilFull(t, s, Express)
	r, err := s.Enqueue(t.Context(), item(ids[0], Express, "L0"))
	if err != nil || !r.Duplicate {
		t.Errorf("got %+v, %v; want a duplicate", r, err)
	}
}

func TestReserveKeepsExpress(t *testing.T) {
	o := testOptions(t)
	o.ReserveBytes = 1 << 62 // more than any disk has
	s := mustOpen(t, t.TempDir(), o)
	for _, c := range []Class{Live, Backfill} {
		if _, err := s.Enqueue(t.Context(), item(c.String(), c, "A")); !errors.Is(err, ErrFull) {
			t.Errorf("%s: %v, want ErrFull", c, err)
		}
	}
	mustEnqueue(t, s, item("card", Express, "A"))
	if c := s.Stat().Conditions; len(c) != 1 || c[0].Code != ConditionReserve {
		t.Errorf("conditions %+v", c)
	}
}

// TestStorageFailure: a commit that fails for another reason than space closes its
// segment; nothing is acknowledged, nothing acknowledged before is lost, and the
// second failure stops the store.
func TestStorageFailure(t *testing.T) {
	for _, point := range []string{"commit", "committed"} {
		t.Run(point, func(t *testing.T) {
			dir := t.TempDir()
			o := testOptions(t)
			broken, now := false, time.Now()
			o.fault = func(at string) error {
				if broken && at == point {
					return errors.New("input/output error")
				}
				return nil
			}
			o.now = func() time.Time { return now }
			s := mustOpen(t, dir, o)
			mustEnqueue(t, s, item("before", Live, "A"))
			broken = true
			if _, err := s.Enqueue(t.Context(), item("failed", Live, "A")); !errors.Is(err, ErrSuspect) {
				t.Fatalf("got %v, want ErrSuspect", err)
			}
			broken = false
			r, err := s.Enqueue(t.Context(), item("failed", Live, "A"))
			if err != nil || r.Duplicate {
				t.Fatalf("sent again: %+v, %v", r, err)
			}
			if c := s.Stat().Conditions; len(c) != 1 || c[0].Code != ConditionSuspect {
				t.Errorf("conditions %+v", c)
			}
			// After a failed last sync the item is visible, and so delivered twice.
			want := []string{"before", "failed"}
			if point == "committed" {
				want = append(want, "failed")
			}
			for _, id := range want {
				c := next(t, s)
				if c.Item().ID != id {
					t.Fatalf("got %s, want %s", c.Item().ID, id)
				}
				done(t, c)
			}
			idle(t, s)

			now = now.Add(suspectWindow - time.Second)
			broken = true
			if _, err := s.Enqueue(t.Context(), item("second", Live, "A")); !errors.Is(err, ErrSuspect) {
				t.Fatalf("got %v, want ErrSuspect", err)
			}
			broken = false
			if _, err := s.Enqueue(t.Context(), item("third", Live, "A")); !errors.Is(err, ErrSuspect) {
				t.Errorf("a stopped store took an item: %v", err)
			}
			if c := s.Stat().Conditions; len(c) != 2 || c[0].Code != ConditionStopped {
				t.Errorf("conditions %+v", c)
			}
			mustClose(t, s)
			s = mustOpen(t, dir, testOptions(t))
			mustEnqueue(t, s, item("third", Live, "A"))
		})
	}
}

func TestAcknowledgementsThatCannotBeRecordedAreKept(t *testing.T) {
	dir := t.TempDir()
	o := testOptions(t)
	broken := make(chan bool, 1)
	broken <- true
	o.fault = func(at string) error {
		on := <-broken
		broken <- on
		if on && at == "ack" {
			return errors.New("no space left on device")
		}
		return nil
	}
	s := mustOpen(t, dir, o)
	mustEnqueue(t, s, item("a", Live, "A"))
	done(t, next(t, s))
	for len(s.Stat().Conditions) == 0 {
		<-s.testTick()
	}
	if c := s.Stat().Conditions; c[0].Code != ConditionAcks {
		t.Errorf("conditions %+v", c)
	}
	<-broken
	broken <- false
	mustClose(t, s)
	s = mustOpen(t, dir, testOptions(t))
	idle(t, s)
	if st := s.Stat(); st.Classes[Live].Items != 0 {
		t.Errorf("%d items are back", st.Classes[Live].Items)
	}
}
