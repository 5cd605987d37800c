package queue

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// fill stores n items of several lanes and classes and closes the store.
func fill(t *testing.T, dir string, n int) map[string]uint64 {
	t.Helper()
	s := mustOpen(t, dir, testOptions(t))
	ids := map[string]uint64{}
	for i := range n {
		it := item(fmt.Sprintf("i%04d", i), Class(i%3), Lane(fmt.Sprint("L", i%7)))
		it.Payload = syntheticORU(i)
		ids[it.ID] = mustEnqueue(t, s, it)
	}
	c := next(t, s)
	if err := c.Park(Parked{Code: "test", Policy: Continue}); err != nil {
		t.Fatal(err)
	}
	delete(ids, c.Item().ID)
	mustClose(t, s)
	return ids
}

// drain delivers what there is and returns the ids; n of them must come.
func drain(t *testing.T, s *Store, n int) map[string]bool {
	t.Helper()
	got := map[string]bool{}
	for range n {
		c := next(t, s)
		got[c.Item().ID] = true
		done(t, c)
	}
	return got
}

func copyDir(t *testing.T, from string) string {
	t.Helper()
	to := fastDir(t)
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

// TestOneBitAnywhere flips one bit of one file, again and again. Either it does
// no harm, or it is noticed and said: no item may vanish in silence, none may
// change, and the store starts and takes new items in any case.
func TestOneBitAnywhere(t *testing.T) {
	rounds := 25
	if testing.Short() {
		rounds = 10
	}
	origin := filepath.Join(fastDir(t), "queue")
	ids := fill(t, origin, 40)
	for _, tail := range []bool{false, true} {
		if tail { // as a crash leaves it: the last segments have no footer
			origin = crashed(t, origin, ids)
		}
		files, err := os.ReadDir(origin)
		if err != nil {
			t.Fatal(err)
		}
		for round := range rounds {
			name := files[rand.IntN(len(files))].Name()
			if name == "LOCK" {
				continue
			}
			dir := copyDir(t, origin)
			path := filepath.Join(dir, name)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			// Most of a file is empty pages; half of the flips aim at what is used.
			at := rand.IntN(len(b))
			for n := 0; round%2 == 0 && b[at] == 0 && n < 1000; n++ {
				at = rand.IntN(len(b))
			}
			b[at] ^= 1 << rand.IntN(8)
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			checkFlipped(t, dir, fmt.Sprintf("%s byte %d", name, at), ids)
		}
	}
}

// crashed returns a copy of a store whose process died with items unsaid.
func crashed(t *testing.T, origin string, ids map[string]uint64) string {
	t.Helper()
	dir := copyDir(t, origin)
	s := mustOpen(t, dir, testOptions(t))
	for i := range 12 {
		it := item(fmt.Sprintf("t%04d", i), Class(i%3), Lane(fmt.Sprint("L", i%7)))
		it.Payload = syntheticORU(i)
		ids[it.ID] = mustEnqueue(t, s, it)
	}
	frozen := copyDir(t, dir) // what a kill would leave
	mustClose(t, s)
	return frozen
}

func checkFlipped(t *testing.T, dir, what string, ids map[string]uint64) {
	t.Helper()
	s, err := Open(dir, testOptions(t))
	if err != nil {
		t.Errorf("%s: the store does not start: %v", what, err)
		return
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Errorf("%s: close: %v", what, err)
		}
	}()
	if _, err := s.Enqueue(t.Context(), item("fresh", Express, "fresh")); err != nil {
		t.Errorf("%s: enqueue: %v", what, err)
	}
	got := map[string]bool{}
	for tries := 0; allInMemory(t, s, what); {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		c, err := s.Next(ctx)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) && tries < 20 {
			tries++ // what was ready turned out damaged and is parked now
			continue
		} else if err != nil {
			t.Errorf("%s: next: %v", what, err)
			return
		}
		it := c.Item()
		var n int
		if _, err := fmt.Sscanf(it.ID[1:], "%d", &n); err == nil && string(it.Payload) != string(syntheticORU(n)) {
			t.Errorf("%s: item %s changed", what, it.ID)
		}
		got[it.ID] = true
		done(t, c)
	}
	parked, err := s.ParkedItems()
	if err != nil {
		t.Errorf("%s: parked items: %v", what, err)
	}
	missing := 0
	for id := range ids {
		if !got[id] {
			missing++
		}
	}
	said := len(s.Stat().Conditions) > 0
	if missing > 0 && !said {
		t.Errorf("%s: %d items vanished in silence", what, missing)
	}
	if !slices.ContainsFunc(parked, func(p ParkedItem) bool { return p.Code == "test" }) && !said {
		t.Errorf("%s: the parked item vanished in silence", what)
	}
}

// allInMemory waits until the loader is through and reports whether there is
// something to deliver.
func allInMemory(t *testing.T, s *Store, what string) bool {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-s.testTick() {
		s.mu.Lock()
		through, ready := true, false
		for i := range s.sched.classes {
			c := &s.sched.classes[i]
			through = through && c.cursor >= c.last
			for _, e := range c.ready {
				ready = ready || !e.gone
			}
		}
		s.mu.Unlock()
		if through || ready {
			return ready
		}
	}
	t.Errorf("%s: the loader does not get through", what)
	return false
}

// flip changes one byte of a file wherever it contains text; pages that are no
// longer in use may have it, too.
func flip(t *testing.T, path, text string, offset int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for at := 0; ; n++ {
		i := strings.Index(string(b[at:]), text)
		if i < 0 {
			break
		}
		b[at+i+offset] ^= 1
		at += i + offset
	}
	if n == 0 {
		t.Fatalf("%s has no %q", filepath.Base(path), text)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func segmentFile(t *testing.T, dir string, c Class) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "seg-"+c.String()+"-*.db"))
	if err != nil || len(files) == 0 {
		t.Fatal("no segment", err)
	}
	return files[0]
}

func TestDamagedItemIsParked(t *testing.T) {
	tests := map[string]int{"in the head": 40, "in the sealed payload": 85}
	for name, offset := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := mustOpen(t, dir, testOptions(t))
			var seqs []uint64
			for i := range 3 {
				seqs = append(seqs, mustEnqueue(t, s, item(fmt.Sprint("d", i), Live, "A")))
			}
			mustClose(t, s)
			flip(t, segmentFile(t, dir, Live), envMagic+string(seqKey(seqs[1])), offset)
			s = mustOpen(t, dir, testOptions(t))
			got := drain(t, s, 2)
			if !maps.Equal(got, map[string]bool{"d0": true, "d2": true}) {
				t.Errorf("delivered %v", got)
			}
			parked, err := s.ParkedItems()
			if err != nil || len(parked) != 1 || parked[0].Seq != seqs[1] || parked[0].Code != CodeDamaged {
				t.Fatalf("parked %+v, %v", parked, err)
			}
			if err := s.Retry(seqs[1]); !errors.Is(err, ErrDamaged) {
				t.Errorf("retry: %v, want ErrDamaged", err)
			}
			if c := s.Stat().Conditions; len(c) != 1 || c[0].Code != ConditionDamaged {
				t.Errorf("conditions %+v", c)
			}
			if err := s.Drop(seqs[1], "test"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestDamagedSegmentIsSetAsideAndSalvaged(t *testing.T) {
	dir := t.TempDir()
	ids := fill(t, dir, 30)
	path := segmentFile(t, dir, Live)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b[:2*pageSize] { // both meta pages
		b[i] ^= 0xff
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, dir, testOptions(t))
	names, err := s.Quarantined()
	if err != nil || !slices.Equal(names, []string{filepath.Base(path)}) {
		t.Fatalf("quarantine %v, %v", names, err)
	}
	if c := s.Stat().Conditions; len(c) != 1 || c[0].Code != ConditionSetAside || c[0].Count != 1 {
		t.Errorf("conditions %+v", c)
	}
	high := s.Stat().HighSeq
	got, err := s.Salvage(t.Context(), names[0])
	if err != nil || got.Found != 10 || got.Enqueued != 10 {
		t.Fatalf("salvaged %+v, %v", got, err)
	}
	if again, err := s.Salvage(t.Context(), names[0]); err != nil || again.Known != 10 || again.Enqueued != 0 {
		t.Errorf("salvaged again %+v, %v", again, err)
	}
	delivered := drain(t, s, len(ids))
	for id := range ids {
		if !delivered[id] {
			t.Errorf("%s is lost", id)
		}
	}
	if high < 29 {
		t.Errorf("sequence restarted at %d", high)
	}
	if _, err := s.Salvage(t.Context(), "../LOCK"); !errors.Is(err, ErrNotFound) {
		t.Errorf("salvage outside quarantine: %v", err)
	}
}

// TestLastCommitBehindBrokenMetaPage: bbolt shows the state before the last commit
// when that commit's meta page is broken; its items are found nevertheless.
func TestLastCommitBehindBrokenMetaPage(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, testOptions(t))
	for i := range 4 {
		mustEnqueue(t, s, item(fmt.Sprint("m", i), Live, "A"))
	}
	frozen := copyDir(t, dir)
	mustClose(t, s)
	path := segmentFile(t, frozen, Live)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// txid stands at offset 48 of a meta; the higher one is the last commit's.
	page := 0
	if b[16+48] < b[pageSize+16+48] {
		page = pageSize
	}
	b[page+16+20] ^= 4
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, frozen, testOptions(t))
	if got := drain(t, s, 4); len(got) != 4 {
		t.Errorf("delivered %v", got)
	}
}

func TestLostMetaDeliversAgain(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, testOptions(t))
	for i := range 3 {
		mustEnqueue(t, s, item(fmt.Sprint("m", i), Live, Lane(fmt.Sprint(i))))
	}
	done(t, next(t, s))
	mustClose(t, s)
	if err := os.Truncate(filepath.Join(dir, "meta.db"), 100); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, dir, testOptions(t))
	if got := drain(t, s, 3); len(got) != 3 {
		t.Errorf("delivered %v", got)
	}
	if c := s.Stat().Conditions; len(c) != 1 || c[0].Code != ConditionSetAside {
		t.Errorf("conditions %+v", c)
	}
}
