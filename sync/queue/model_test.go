package queue

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// fastDir is a directory in memory where the system has one: for tests that open
// a store hundreds of times and do not ask whether the disk syncs.
func fastDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "cardferry-queue-")
	if err != nil {
		return tb.TempDir()
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// modelItem is an item as the model knows it.
type modelItem struct {
	Item
	claim   *Claim
	parked  bool
	policy  Policy
	retried bool
}

// model is the queue in a few lines: a list in sequence order.
type model struct {
	items map[uint64]*modelItem
	ids   map[string]uint64
	gaps  map[Lane]uint32
	high  uint64
}

// blocks reports whether a stands in b's way.
func (a *modelItem) blocks(b *modelItem) bool {
	if !slices.ContainsFunc(a.Lanes, func(l Lane) bool { return slices.Contains(b.Lanes, l) }) {
		return false
	}
	if a.claim != nil {
		return true
	}
	return a.Seq < b.Seq && (!a.parked || a.retried || a.policy == Hold)
}

func (m *model) deliverable() (seqs []uint64) {
	for _, b := range m.items {
		if b.claim != nil || (b.parked && !b.retried) {
			continue
		}
		free := true
		for _, a := range m.items {
			free = free && (a == b || !a.blocks(b))
		}
		if free {
			seqs = append(seqs, b.Seq)
		}
	}
	slices.Sort(seqs)
	return seqs
}

func (m *model) some(t *rapid.T, what string, is func(*modelItem) bool) *modelItem {
	var seqs []uint64
	for _, seq := range slices.Sorted(maps.Keys(m.items)) {
		if is(m.items[seq]) {
			seqs = append(seqs, seq)
		}
	}
	if len(seqs) == 0 {
		t.Skip("no " + what)
	}
	return m.items[rapid.SampledFrom(seqs).Draw(t, what)]
}

// tryNext claims an item if one is in memory and free.
func tryNext(t *rapid.T, s *Store) *Claim {
	s.mu.Lock()
	e := s.pick()
	s.mu.Unlock()
	if e == nil {
		return nil
	}
	it, err := s.payload(e)
	if err != nil {
		t.Fatal(err)
	}
	return &Claim{s: s, e: e, item: it}
}

// TestModel drives a store and a model with the same random operations.
func TestModel(t *testing.T) {
	for _, window := range []int{2, 5, 1000} {
		t.Run(fmt.Sprint("window=", window), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { checkModel(t, window) })
		})
	}
}

func checkModel(t *rapid.T, window int) {
	dir, err := os.MkdirTemp("/dev/shm", "cardferry-model-")
	if err != nil {
		if dir, err = os.MkdirTemp("", "cardferry-model-"); err != nil {
			t.Fatal(err)
		}
	}
	defer os.RemoveAll(dir)
	o := Options{Keys: mustKeys(1), SegmentBytes: 24 << 10, Window: window}
	open := func() *Store {
		s, err := Open(dir, o)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	defer func() { _ = s.Close() }()
	m := &model{items: map[uint64]*modelItem{}, ids: map[string]uint64{}, gaps: map[Lane]uint32{}}
	claimed := func(it *modelItem) bool { return it.claim != nil }
	parked := func(it *modelItem) bool { return it.parked && it.claim == nil }
	gone := func(it *modelItem) { delete(m.items, it.Seq) }

	t.Repeat(map[string]func(*rapid.T){
		"enqueue": func(t *rapid.T) {
			it := Item{
				ID:    fmt.Sprint("id", rapid.IntRange(0, 200).Draw(t, "id")),
				Class: Class(rapid.IntRange(0, 2).Draw(t, "class")),
				Lanes: rapid.SliceOfNDistinct(rapid.SampledFrom([]Lane{"A", "B", "C", "D", "E"}), 1, 3, rapid.ID[Lane]).Draw(t, "lanes"),
				Kind:  KindHL7v2, Source: "his", Received: time.Unix(1_800_000_000, 0),
			}
			it.Payload = make([]byte, rapid.IntRange(0, 3000).Draw(t, "bytes"))
			for i := range it.Payload {
				it.Payload[i] = byte(rand.Uint32())
			}
			r, err := s.Enqueue(context.Background(), it)
			if err != nil {
				t.Fatal(err)
			}
			if seq, ok := m.ids[it.ID]; ok {
				if !r.Duplicate || r.Seq != seq {
					t.Fatalf("%s again: %+v, want duplicate of %d", it.ID, r, seq)
				}
				return
			}
			if r.Duplicate || r.Seq <= m.high {
				t.Fatalf("receipt %+v after %d", r, m.high)
			}
			it.Seq, m.high, m.ids[it.ID] = r.Seq, r.Seq, r.Seq
			m.items[r.Seq] = &modelItem{Item: it}
		},
		"next": func(t *rapid.T) {
			free := m.deliverable()
			var c *Claim
			if len(free) > 0 && !slices.ContainsFunc(slices.Collect(maps.Values(m.items)), claimed) {
				// With nothing claimed the first item is in memory, or gets there.
				ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
				defer cancel()
				if c, err = s.Next(ctx); err != nil {
					t.Fatalf("next: %v, though %v are free", err, free)
				}
			} else if c = tryNext(t, s); c == nil {
				return
			}
			got := c.Item()
			if !slices.Contains(free, got.Seq) {
				t.Fatalf("claimed %d, free are %v", got.Seq, free)
			}
			it := m.items[got.Seq]
			if got.ID != it.ID || got.Class != it.Class || !slices.Equal(got.Lanes, it.Lanes) || !bytes.Equal(got.Payload, it.Payload) {
				t.Fatalf("item %d changed", got.Seq)
			}
			told := map[Lane]uint32{}
			for _, g := range c.Gaps() {
				told[g.Lane] = g.Count
			}
			for _, l := range it.Lanes {
				if told[l] != m.gaps[l] {
					t.Fatalf("lane %s: gap of %d, want %d", l, told[l], m.gaps[l])
				}
			}
			it.claim = c
		},
		"done": func(t *rapid.T) {
			it := m.some(t, "claimed", claimed)
			for _, g := range it.claim.Gaps() {
				m.gaps[g.Lane] -= g.Count
			}
			if err := it.claim.Done(); err != nil {
				t.Fatal(err)
			}
			gone(it)
		},
		"release": func(t *rapid.T) {
			it := m.some(t, "claimed", claimed)
			it.claim.Release()
			it.claim = nil
		},
		"park": func(t *rapid.T) {
			it := m.some(t, "claimed", claimed)
			it.policy = Policy(rapid.IntRange(0, 1).Draw(t, "policy"))
			if err := it.claim.Park(Parked{Code: "test", Policy: it.policy}); err != nil {
				t.Fatal(err)
			}
			it.claim, it.parked, it.retried = nil, true, false
			if it.policy == Continue {
				for _, l := range it.Lanes {
					m.gaps[l]++
				}
			}
		},
		"retry": func(t *rapid.T) {
			it := m.some(t, "parked", parked)
			if err := s.Retry(it.Seq); err != nil {
				t.Fatal(err)
			}
			it.retried = true
		},
		"drop": func(t *rapid.T) {
			it := m.some(t, "parked", parked)
			if err := s.Drop(it.Seq, "test"); err != nil {
				t.Fatal(err)
			}
			if it.policy == Hold {
				for _, l := range it.Lanes {
					m.gaps[l]++
				}
			}
			gone(it)
		},
		"reopen": func(t *rapid.T) {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open()
			for _, it := range m.items {
				it.claim = nil
			}
		},
		"": func(t *rapid.T) {
			var want [numClasses]int
			wantParked := 0
			for _, it := range m.items {
				if it.parked {
					wantParked++
				} else {
					want[it.Class]++
				}
			}
			st := s.Stat()
			for class, n := range want {
				if st.Classes[class].Items != n {
					t.Fatalf("%s: %d items, want %d", Class(class), st.Classes[class].Items, n)
				}
			}
			if st.Parked != wantParked {
				t.Fatalf("%d parked, want %d", st.Parked, wantParked)
			}
			if len(st.Conditions) != 0 {
				t.Fatalf("conditions %+v", st.Conditions)
			}
		},
	})

	// In the end everything that is not held can be drained.
	for _, it := range m.items {
		if it.claim != nil {
			if err := it.claim.Done(); err != nil {
				t.Fatal(err)
			}
			gone(it)
		}
	}
	for free := m.deliverable(); len(free) > 0; free = m.deliverable() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		c, err := s.Next(ctx)
		cancel()
		if err != nil {
			t.Fatalf("drain: %v, though %v are free", err, free)
		}
		if !slices.Contains(free, c.Item().Seq) {
			t.Fatalf("drained %d, free are %v", c.Item().Seq, free)
		}
		if err := c.Done(); err != nil {
			t.Fatal(err)
		}
		delete(m.items, c.Item().Seq)
	}
}
