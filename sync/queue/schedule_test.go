package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

// TestShares: with a backlog in every class each gets its share, and the least
// urgent never less than a tenth.
func TestShares(t *testing.T) {
	s := newSchedule(10_000, func(int) {})
	seg := map[Class]*segment{}
	seq := uint64(0)
	for i := range 3000 {
		c := Class(i % 3)
		if seg[c] == nil {
			seg[c] = &segment{class: c, first: 1}
		}
		seq++
		s.committed(Header{Seq: seq, Class: c, Lanes: []Lane{Lane(fmt.Sprint(seq))}}, seg[c], uint32(i/3))
	}
	count := func(n int) (got [numClasses]int) {
		for range n {
			e := s.pick()
			if e == nil {
				break
			}
			got[e.Class]++
			s.remove(e)
		}
		return got
	}
	if got := count(1000); got != [numClasses]int{600, 300, 100} {
		t.Errorf("of 1000 deliveries the classes got %v", got)
	}
	s.classes[Express].ready = nil // only two left
	if got := count(400); got != [numClasses]int{0, 300, 100} {
		t.Errorf("of 400 deliveries without express the classes got %v", got)
	}
}

// TestIdleClassSavesNothingUp: a class that was idle for long does not shut the
// others out when it comes back.
func TestIdleClassSavesNothingUp(t *testing.T) {
	s := newSchedule(10_000, func(int) {})
	seq := uint64(0)
	add := func(c Class, n int) {
		g := &segment{class: c, first: seq + 1}
		for range n {
			seq++
			s.committed(Header{Seq: seq, Class: c, Lanes: []Lane{Lane(fmt.Sprint(seq))}}, g, 0)
		}
	}
	add(Live, 3000)
	for range 2000 {
		s.remove(s.pick())
	}
	add(Backfill, 500)
	backfill := 0
	for range 100 {
		e := s.pick()
		if e.Class == Backfill {
			backfill++
		}
		s.remove(e)
	}
	if backfill > 30 {
		t.Errorf("backfill took %d of 100", backfill)
	}
}

func TestNextBlocksUntilSomethingComes(t *testing.T) {
	s := mustOpen(t, t.TempDir(), testOptions(t))
	got := make(chan string)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			c, err := s.Next(t.Context())
			if err != nil {
				got <- err.Error()
				return
			}
			got <- c.Item().ID
			_ = c.Done()
		})
	}
	want := map[string]bool{}
	for i := range 3 {
		id := fmt.Sprint("x", i)
		want[id] = true
		mustEnqueue(t, s, item(id, Live, "A"))
	}
	for range 3 {
		id := <-got
		if !want[id] {
			t.Errorf("got %s", id)
		}
		delete(want, id)
	}
	wg.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// TestExpressPassesABacklog: a card is not held up by a backlog on disk, unless
// the same patient has something in it.
func TestExpressPassesABacklog(t *testing.T) {
	dir := t.TempDir()
	o := testOptions(t)
	o.Window = 10
	s := mustOpen(t, dir, o)
	for i := range 200 {
		mustEnqueue(t, s, item(fmt.Sprintf("b%03d", i), Live, Lane(fmt.Sprint("P", i%50))))
	}
	// Hold the window, so that the rest stays on disk.
	var claims []*Claim
	for range 10 {
		claims = append(claims, next(t, s))
	}
	mustEnqueue(t, s, item("same-patient", Express, "P30")) // his items are on disk only
	mustEnqueue(t, s, item("another-patient", Express, "X"))
	c := next(t, s)
	if c.Item().ID != "another-patient" {
		t.Fatalf("got %s", c.Item().ID)
	}
	done(t, c)
	for _, c := range claims {
		done(t, c)
	}
	seen := 0
	for range 191 {
		c := next(t, s)
		if c.Item().Lanes[0] == "P30" {
			seen++
			if last := c.Item().ID == "same-patient"; last != (seen == 5) {
				t.Errorf("item %d of the lane is %s", seen, c.Item().ID)
			}
		}
		done(t, c)
	}
}

// TestHeldLanesTakeNoMemory: items behind a parked one stay on disk, however many.
func TestHeldLanesTakeNoMemory(t *testing.T) {
	dir := t.TempDir()
	o := testOptions(t)
	o.Window = 10
	s := mustOpen(t, dir, o)
	mustEnqueue(t, s, item("h0", Live, "H"))
	for i := range 60 {
		mustEnqueue(t, s, item(fmt.Sprintf("h%d", i+1), Live, "H"))
	}
	mustEnqueue(t, s, item("other", Live, "O"))
	head := next(t, s)
	if err := head.Park(Parked{Code: "test", Policy: Hold}); err != nil {
		t.Fatal(err)
	}
	c := next(t, s) // beyond the window, were the held ones in it
	if c.Item().ID != "other" {
		t.Fatalf("got %s", c.Item().ID)
	}
	done(t, c)
	if st := s.Stat(); st.HeldLanes != 1 || st.Parked != 1 || st.Classes[Live].Items != 60 {
		t.Errorf("stat %+v", st)
	}
	mustClose(t, s)
	s = mustOpen(t, dir, o)
	if err := s.Retry(head.Item().Seq); err != nil {
		t.Fatal(err)
	}
	for i := range 61 {
		c := next(t, s)
		if want := fmt.Sprint("h", i); c.Item().ID != want {
			t.Fatalf("got %s, want %s", c.Item().ID, want)
		}
		done(t, c)
	}
	idle(t, s)
}
