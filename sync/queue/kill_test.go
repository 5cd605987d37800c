package queue

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// The kill test runs this binary as a child that uses a store and is killed.
const (
	childEnv = "CARDFERRY_QUEUE_TEST_CHILD" // the store's directory
	roundEnv = "CARDFERRY_QUEUE_TEST_ROUND"
	faultEnv = "CARDFERRY_QUEUE_TEST_FAULT" // POINT:N, die there the Nth time
)

const (
	killProducers = 8
	killMarker    = "PLAINTEXT-MARKER"
)

func killOptions() Options {
	return Options{Keys: mustKeys(1), SegmentBytes: 64 << 10, QuotaBytes: 1 << 30}
}

// childMain enqueues from several producers and delivers to nobody, telling what
// happened on standard output, until it is killed.
func childMain() {
	o := killOptions()
	if point, times, ok := strings.Cut(os.Getenv(faultEnv), ":"); ok {
		var left atomic.Int64
		n, _ := strconv.Atoi(times)
		left.Store(int64(n))
		o.fault = func(at string) error {
			if at == point && left.Add(-1) == 0 {
				die()
			}
			return nil
		}
	}
	s, err := Open(os.Getenv(childEnv), o)
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	round := os.Getenv(roundEnv)
	var mu sync.Mutex // one line, one write
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	for p := range killProducers {
		go func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("r%s-p%d-n%06d", round, p, n)
				payload := fmt.Appendf(nil, "%s|%s|%0200x", killMarker, id, rand.Uint64())
				it := Item{ID: id, Lanes: []Lane{Lane(fmt.Sprint("p", p))}, Class: Class(p % 3), Kind: KindHL7v2, Payload: payload}
				r, err := s.Enqueue(context.Background(), it)
				if err != nil {
					say("error %v", err)
					return
				}
				say("ack %s %d", id, r.Seq)
			}
		}()
	}
	if n, _ := strconv.Atoi(round); n%4 < 2 {
		select {} // a backlog grows
	}
	for i := 0; ; i++ {
		c, err := s.Next(context.Background())
		if err != nil {
			say("error %v", err)
			return
		}
		if i%50 == 7 {
			err = c.Park(Parked{Code: "test", Policy: Continue})
		} else {
			say("got %s %d", c.Item().ID, c.Item().Seq)
			err = c.Done()
		}
		if err != nil {
			say("error %v", err)
			return
		}
	}
}

// die is kill -9 from inside.
func die() {
	p, err := os.FindProcess(os.Getpid())
	if err == nil {
		_ = p.Kill()
	}
	select {}
}

// killLog is what the children said over all rounds.
type killLog struct {
	acked map[string]uint64
	got   map[string]bool
	high  uint64 // of earlier rounds
}

// runChild starts a child, kills it after so many acknowledgements (0: it dies at
// its failpoint) and returns how many it gave.
func (l *killLog) runChild(t *testing.T, dir string, round int, fault string, kill int) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir, fmt.Sprint(roundEnv, "=", round), faultEnv+"="+fault)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	acks, high := 0, l.high
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		switch {
		case len(f) == 3 && f[0] == "ack":
			seq, err := strconv.ParseUint(f[2], 10, 64)
			if err != nil || seq <= l.high {
				t.Errorf("round %d: sequence %s after %d", round, f[2], l.high)
			}
			l.acked[f[1]], high = seq, max(high, seq)
			if acks++; acks == kill {
				_ = cmd.Process.Kill()
			}
		case len(f) == 3 && f[0] == "got":
			l.got[f[1]] = true
		case len(f) == 3: // torn last line
		default:
			if len(f) > 0 && f[0] == "error" {
				t.Errorf("round %d: child says %q", round, lines.Text())
				_ = cmd.Process.Kill()
			}
		}
	}
	_ = cmd.Wait() // it was killed
	if ctx.Err() != nil {
		t.Fatalf("round %d: child neither died nor progressed (%s)", round, fault)
	}
	l.high = high
	return acks
}

// verify opens the store and looks for every acknowledged item.
func (l *killLog) verify(t *testing.T, dir string, round int) {
	t.Helper()
	s, err := Open(dir, killOptions())
	if err != nil {
		t.Fatalf("round %d: %v", round, err)
	}
	defer mustClose(t, s)
	if c := s.Stat().Conditions; len(c) != 0 {
		t.Errorf("round %d: conditions after a kill: %+v", round, c)
	}
	list, err := s.List(Filter{Limit: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	parked, err := s.ParkedItems()
	if err != nil {
		t.Fatal(err)
	}
	stored := map[string]uint64{}
	last := map[Lane]Header{}
	for _, h := range list {
		stored[h.ID] = h.Seq
		if before := last[h.Lanes[0]]; before.Seq >= h.Seq || before.ID >= h.ID && before.ID[:2] == h.ID[:2] {
			t.Errorf("round %d: lane %s has %s (%d) before %s (%d)", round, h.Lanes[0], before.ID, before.Seq, h.ID, h.Seq)
		}
		last[h.Lanes[0]] = h
		l.high = max(l.high, h.Seq) // stored, though not acknowledged
	}
	for _, p := range parked {
		stored[p.ID] = p.Seq
	}
	lost := 0
	for id, seq := range l.acked {
		if at, ok := stored[id]; ok && at != seq {
			t.Errorf("round %d: %s acknowledged as %d is stored as %d", round, id, seq, at)
		} else if !ok && !l.got[id] {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("round %d: %d of %d acknowledged items are lost", round, lost, len(l.acked))
	}
	// Parked items cost time in every later round.
	for _, p := range parked {
		if err := s.Drop(p.Seq, "seen"); err != nil {
			t.Fatal(err)
		}
		l.got[p.ID] = true
	}
}

// TestKillLosesNothing kills the process again and again, at random moments and at
// the weak ones, often without a clean start in between.
func TestKillLosesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("starts twenty processes")
	}
	dir := filepath.Join(t.TempDir(), "queue")
	l := &killLog{acked: map[string]uint64{}, got: map[string]bool{}}
	points := []string{"roll", "rolled", "commit", "committed", "ack", "acked", "park"}
	for round := range 20 {
		fault, kill := "", 1+rand.IntN(600)
		if round%2 == 1 {
			point := points[round/2%len(points)]
			fault, kill = fmt.Sprint(point, ":", 1+rand.IntN(3)), 0
		}
		l.runChild(t, dir, 10+round, fault, kill)
		if round%3 == 2 || round == 19 {
			l.verify(t, dir, round)
		}
	}
	t.Logf("%d items acknowledged, %d delivered", len(l.acked), len(l.got))
	assertNoPlaintext(t, dir, killMarker)
}

// assertNoPlaintext looks for a marker in every file under dir.
func assertNoPlaintext(t *testing.T, dir, marker string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(marker)) {
			t.Errorf("%s holds a payload in the clear", filepath.Base(path))
		}
		return err
	})
	if err != nil || files < 3 {
		t.Errorf("looked at %d files: %v", files, err)
	}
}

// TestTornPreparation starts with what a kill can leave half made.
func TestTornPreparation(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, testOptions(t))
	seq := mustEnqueue(t, s, item("a", Live, "A"))
	mustClose(t, s)
	for _, name := range []string{"next-live.tmp", "meta.db.tmp", "dead.db.tmp"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("torn"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = mustOpen(t, dir, testOptions(t))
	if got := next(t, s).Item(); got.Seq != seq {
		t.Errorf("got %d, want %d", got.Seq, seq)
	}
}

// TestTwoPreparationsAtOnce: the committer rolls while the keeper is still making
// the next segment, so both make one. What is written must be in the file that
// has the segment's name.
func TestTwoPreparationsAtOnce(t *testing.T) {
	dir := t.TempDir()
	o := testOptions(t)
	k := testSealer(t)
	var made []*segment
	for range 2 {
		g, err := prepareSegment(dir, Live, o.Keys, k.codec, o.SegmentBytes)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = g.close() }()
		made = append(made, g)
	}
	for i, g := range made {
		first := uint64(i*10 + 1)
		if err := g.activate(first, o.SegmentBytes, time.Now()); err != nil {
			t.Fatal(err)
		}
		it := item(fmt.Sprint("item", i), Live, "A")
		env := g.key.seal(nil, &it)
		finishEnvelope(env, first, g.key)
		it.Seq = first
		if _, err := g.appendTo([]*request{{head: Header{Seq: first}, env: env}}, 1); err != nil {
			t.Fatal(err)
		}
		if err := g.close(); err != nil {
			t.Fatal(err)
		}
		held := 0
		if _, err := g.view(func(tx *bbolt.Tx) error { held = tx.Bucket(bucketItems).Stats().KeyN; return nil }); err != nil || held != 1 {
			t.Errorf("segment %d: %d items in its file, %v", i, held, err)
		}
	}
}

// TestEmptyTailKeepsItsNumber is what the kill test found first: a crash just
// after a roll left an empty segment, the next start gave its number and so its
// name to a new segment, and then unlinked that as the empty one.
func TestEmptyTailKeepsItsNumber(t *testing.T) {
	dir := t.TempDir()
	o := testOptions(t)
	s := mustOpen(t, dir, o)
	first := mustEnqueue(t, s, item("a", Live, "A"))
	done(t, next(t, s))
	mustClose(t, s)
	g, err := prepareSegment(dir, Live, o.Keys, testSealer(t).codec, o.SegmentBytes)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.activate(first+1, o.SegmentBytes, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := g.close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, dir, o)
	seq := mustEnqueue(t, s, item("b", Live, "A"))
	if seq <= first+1 {
		t.Errorf("sequence %d, want above %d", seq, first+1)
	}
	mustClose(t, s)
	s = mustOpen(t, dir, o)
	if got := next(t, s).Item(); got.ID != "b" {
		t.Errorf("got %s, want b", got.ID)
	}
}
