package queue

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestConcurrentUse lets producers, workers and a person at work on one store at
// once, with segments and windows so small that everything happens often: each
// lane's items arrive once, in order, one at a time.
func TestConcurrentUse(t *testing.T) {
	const producers, each = 6, 120
	dir := fastDir(t)
	o := testOptions(t)
	o.SegmentBytes, o.Window = 48<<10, 16
	s := mustOpen(t, dir, o)

	var mu sync.Mutex
	order := map[Lane][]string{} // ids as they were enqueued
	got := map[Lane][]string{}   // ids as they were done
	busy := map[Lane]bool{}
	left := producers * each

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
	defer cancel()
	finished, finish := context.WithCancel(ctx)
	defer finish()
	var work sync.WaitGroup
	for p := range producers {
		work.Go(func() {
			lane := Lane(fmt.Sprint("lane", p))
			for n := range each {
				it := item(fmt.Sprintf("p%d-%03d", p, n), Class(rand.IntN(3)), lane)
				it.Payload = syntheticORU(n)
				mu.Lock()
				order[lane] = append(order[lane], it.ID)
				mu.Unlock()
				if _, err := s.Enqueue(ctx, it); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 4 {
		work.Go(func() {
			for {
				c, err := s.Next(finished)
				if errors.Is(err, context.Canceled) {
					return
				} else if err != nil {
					t.Error(err)
					return
				}
				it := c.Item()
				lane := it.Lanes[0]
				mu.Lock()
				if busy[lane] {
					t.Errorf("two items of %s at once", lane)
				}
				busy[lane] = true
				mu.Unlock()
				what := rand.IntN(20)
				mu.Lock()
				busy[lane] = false
				if what > 2 {
					got[lane] = append(got[lane], it.ID)
					if left--; left == 0 {
						finish()
					}
				}
				mu.Unlock()
				switch what {
				case 0:
					c.Release()
				case 1, 2:
					err = c.Park(Parked{Code: "test", Policy: Hold})
				default:
					err = c.Done()
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Go(func() { // somebody who retries what is parked, and looks around
		for finished.Err() == nil {
			parked, err := s.ParkedItems()
			if err != nil {
				t.Error(err)
				return
			}
			for _, p := range parked {
				if p.Retried {
					continue
				}
				if err := s.Retry(p.Seq); err != nil && !errors.Is(err, ErrNotFound) {
					t.Error(err)
				}
			}
			if _, err := s.List(Filter{Limit: 20}); err != nil {
				t.Error(err)
			}
			s.Stat()
			select {
			case <-s.testTick():
			case <-finished.Done():
			}
		}
	})
	work.Wait()
	if ctx.Err() != nil {
		t.Fatalf("%d items never came; %+v", left, s.Stat())
	}
	for _, lane := range slices.Sorted(maps.Keys(order)) {
		if !slices.Equal(got[lane], order[lane]) {
			t.Errorf("%s: got %v", lane, got[lane])
		}
	}
	if st := s.Stat(); st.Classes[0].Items+st.Classes[1].Items+st.Classes[2].Items != 0 || st.Parked != 0 || len(st.Conditions) != 0 {
		t.Errorf("in the end: %+v", st)
	}
}
