package queue

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		childMain()
		return
	}
	flag.Parse()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		_ = f.Value.Set("10") // a run opens dozens of stores; more with the flag
	}
	goleak.VerifyTestMain(m)
}

// testKeys wraps with a fixed key: the second Keyring beside the gateway's.
type testKeys struct{ aead cipher.AEAD }

func newTestKeys(tb testing.TB, fill byte) testKeys {
	tb.Helper()
	return mustKeys(fill)
}

func mustKeys(fill byte) testKeys {
	b, err := aes.NewCipher(bytes.Repeat([]byte{fill}, 32))
	if err != nil {
		panic(err)
	}
	a, err := cipher.NewGCMWithRandomNonce(b)
	if err != nil {
		panic(err)
	}
	return testKeys{a}
}

func (k testKeys) Wrap(dek []byte) ([]byte, error) { return k.aead.Seal(nil, nil, dek, nil), nil }
func (k testKeys) Unwrap(w []byte) ([]byte, error) { return k.aead.Open(nil, nil, w, nil) }

func testOptions(tb testing.TB) Options {
	return Options{Keys: newTestKeys(tb, 1), SegmentBytes: 256 << 10, QuotaBytes: 1 << 30}
}

func mustOpen(tb testing.TB, dir string, o Options) *Store {
	tb.Helper()
	s, err := Open(dir, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

func mustClose(tb testing.TB, s *Store) {
	tb.Helper()
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}
}

func item(id string, class Class, lanes ...Lane) Item {
	return Item{
		ID: id, Lanes: lanes, Class: class, Kind: KindHL7v2, Source: "his",
		Received: time.Unix(1_800_000_000, 0), Payload: []byte("MSH|^~\\&|HIS|" + id),
	}
}

func mustEnqueue(tb testing.TB, s *Store, it Item) uint64 {
	tb.Helper()
	r, err := s.Enqueue(tb.Context(), it)
	if err != nil {
		tb.Fatal(err)
	}
	if r.Duplicate {
		tb.Fatalf("%s is a duplicate of %d", it.ID, r.Seq)
	}
	return r.Seq
}

// next claims the next item; it must come.
func next(tb testing.TB, s *Store) *Claim {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 20*time.Second)
	defer cancel()
	c, err := s.Next(ctx)
	if err != nil {
		tb.Fatalf("next: %v", err)
	}
	return c
}

// idle asserts that nothing is deliverable.
func idle(tb testing.TB, s *Store) {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.pick(); e != nil {
		tb.Fatalf("item %d (%s) is deliverable, want none", e.Seq, e.ID)
	}
}

func done(tb testing.TB, c *Claim) {
	tb.Helper()
	if err := c.Done(); err != nil {
		tb.Fatal(err)
	}
}

func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, testOptions(t))
	want := item("a1", Live, "lane1")
	seq := mustEnqueue(t, s, want)
	c := next(t, s)
	got := c.Item()
	if got.Seq != seq || got.ID != want.ID || got.Lanes[0] != "lane1" || got.Class != Live || got.Kind != want.Kind ||
		got.Source != want.Source || !got.Received.Equal(want.Received) || !bytes.Equal(got.Payload, want.Payload) {
		t.Fatalf("got %+v, want %+v", got, want)
	}
	done(t, c)
	if err := c.Done(); !errors.Is(err, ErrStale) {
		t.Fatalf("second Done: %v, want ErrStale", err)
	}
	idle(t, s)
	mustClose(t, s)
	if _, err := s.Enqueue(t.Context(), item("a2", Live, "l")); !errors.Is(err, ErrClosed) {
		t.Fatalf("enqueue after close: %v, want ErrClosed", err)
	}
	if _, err := s.Next(t.Context()); !errors.Is(err, ErrClosed) {
		t.Fatalf("next after close: %v, want ErrClosed", err)
	}
}

func TestLanesKeepOrder(t *testing.T) {
	s := mustOpen(t, t.TempDir(), testOptions(t))
	mustEnqueue(t, s, item("a1", Live, "A"))
	mustEnqueue(t, s, item("b1", Live, "B"))
	mustEnqueue(t, s, item("a2", Express, "A"))   // urgent, yet behind a1
	mustEnqueue(t, s, item("m1", Live, "A", "B")) // a merge waits for both lanes
	mustEnqueue(t, s, item("b2", Live, "B"))      // and both wait for it
	mustEnqueue(t, s, item("c1", Backfill, "C"))  // others go on
	order := map[string]*Claim{}
	for range 3 {
		c := next(t, s)
		order[c.Item().ID] = c
	}
	if order["a1"] == nil || order["b1"] == nil || order["c1"] == nil {
		t.Fatalf("claimed %v, want a1 b1 c1", order)
	}
	idle(t, s)
	done(t, order["c1"])
	done(t, order["b1"])
	idle(t, s)
	done(t, order["a1"])
	for _, want := range []string{"a2", "m1", "b2"} {
		c := next(t, s)
		if c.Item().ID != want {
			t.Fatalf("next is %s, want %s", c.Item().ID, want)
		}
		idle(t, s)
		done(t, c)
	}
}

func TestSequenceNeverRestarts(t *testing.T) {
	dir := t.TempDir()
	var last uint64
	for round := range 5 {
		s := mustOpen(t, dir, testOptions(t))
		seq := mustEnqueue(t, s, item(fmt.Sprint("r", round), Live, "A"))
		if seq <= last {
			t.Fatalf("round %d: sequence %d after %d", round, seq, last)
		}
		last = seq
		done(t, next(t, s))
		mustClose(t, s)
		if segs, _ := filepath.Glob(filepath.Join(dir, "seg-*")); len(segs) != 0 {
			t.Fatalf("round %d: delivered segments left: %v", round, segs)
		}
	}
}

func TestDuplicateIsStoredOnce(t *testing.T) {
	dir := t.TempDir()
	for _, delivered := range []bool{false, true} {
		t.Run(fmt.Sprint("delivered=", delivered), func(t *testing.T) {
			s := mustOpen(t, dir, testOptions(t))
			it := item(fmt.Sprint("dup", delivered), Live, "A")
			seq := mustEnqueue(t, s, it)
			if delivered {
				done(t, next(t, s))
				done(t, next(t, s))
			}
			for range 2 {
				r, err := s.Enqueue(t.Context(), it)
				if err != nil || !r.Duplicate || r.Seq != seq {
					t.Fatalf("got %+v, %v; want duplicate of %d", r, err, seq)
				}
				mustClose(t, s)
				s = mustOpen(t, dir, testOptions(t))
			}
			mustClose(t, s)
		})
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, testOptions(t))
	if _, err := Open(dir, testOptions(t)); !errors.Is(err, ErrLocked) {
		t.Fatalf("second open: %v, want ErrLocked", err)
	}
	mustClose(t, s)
	mustClose(t, mustOpen(t, dir, testOptions(t)))
}

func TestWrongKeyIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, testOptions(t))
	mustEnqueue(t, s, item("a", Live, "A"))
	mustClose(t, s)
	o := testOptions(t)
	o.Keys = newTestKeys(t, 2)
	if _, err := Open(dir, o); !errors.Is(err, ErrKeys) {
		t.Fatalf("open with another key: %v, want ErrKeys", err)
	}
}
