package forward

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"cardferry/sync/queue"
	"cardferry/sync/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type keyring struct{ cipher.AEAD }

func (k keyring) Wrap(dek []byte) ([]byte, error) { return k.Seal(nil, nil, dek, nil), nil }
func (k keyring) Unwrap(w []byte) ([]byte, error) { return k.Open(nil, nil, w, nil) }

func openStore(t *testing.T, dir string) *queue.Store {
	t.Helper()
	b, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	a, err := cipher.NewGCMWithRandomNonce(b)
	if err != nil {
		t.Fatal(err)
	}
	s, err := queue.Open(dir, queue.Options{Keys: keyring{a}, SegmentBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// attempt is one call the upstream saw.
type attempt struct {
	key  string
	at   time.Duration // since the upstream was made
	gaps []upstream.Gap
}

// scripted is an upstream whose answers a test decides.
type scripted struct {
	answer func(ctx context.Context, n int, r upstream.Request) error // n counts attempts from 1

	start time.Time
	mu    sync.Mutex
	seen  []attempt
	lanes map[string]int
	most  int // in flight at once
	now   int
	twice bool // a lane had two requests in flight
}

func newScripted(answer func(context.Context, int, upstream.Request) error) *scripted {
	return &scripted{answer: answer, start: time.Now(), lanes: map[string]int{}}
}

func (u *scripted) Deliver(ctx context.Context, r upstream.Request) error {
	u.mu.Lock()
	u.seen = append(u.seen, attempt{r.Key, time.Since(u.start), r.Gaps})
	n := len(u.seen)
	u.now++
	u.most = max(u.most, u.now)
	for _, l := range r.Lanes {
		u.lanes[l]++
		u.twice = u.twice || u.lanes[l] > 1
	}
	u.mu.Unlock()
	err := u.answer(ctx, n, r)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.now--
	for _, l := range r.Lanes {
		u.lanes[l]--
	}
	return err
}

func (u *scripted) keys() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	var keys []string
	for _, a := range u.seen {
		keys = append(keys, a.key)
	}
	return keys
}

func passOn(it queue.Item) (upstream.Request, error) {
	r := upstream.Request{Key: it.ID, Class: it.Class.String(), Kind: it.Kind, Body: it.Payload}
	for _, l := range it.Lanes {
		r.Lanes = append(r.Lanes, string(l))
	}
	return r, nil
}

func most(d time.Duration) time.Duration { return d } // no jitter: the longest wait

func enqueue(t *testing.T, s *queue.Store, id string, lanes ...queue.Lane) {
	t.Helper()
	_, err := s.Enqueue(t.Context(), queue.Item{ID: id, Lanes: lanes, Class: queue.Live, Kind: queue.KindHL7v2, Payload: []byte(id)})
	if err != nil {
		t.Fatal(err)
	}
}

// scenario runs a forwarder in virtual time; steps run beside it.
func scenario(t *testing.T, up *func() *scripted, prep Prepare, o Options, steps func(t *testing.T, s *queue.Store, f *Forwarder, u *scripted)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		u := (*up)()
		s := openStore(t, dir)
		o.jitter = most
		f := New(s, u, prep, o)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- f.Run(ctx) }()
		defer func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("run: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if u.twice {
				t.Error("a lane had two requests in flight")
			}
		}()
		steps(t, s, f, u)
	})
}

func answering(answer func(context.Context, int, upstream.Request) error) *func() *scripted {
	f := func() *scripted { return newScripted(answer) }
	return &f
}

// advance lets virtual time pass.
func advance(d time.Duration) { <-time.After(d) }

// settle waits, in virtual time, until cond holds.
func settle(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for range 10_000 {
		synctest.Wait()
		if cond() {
			return
		}
		advance(100 * time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}

func TestDeliversAllInLaneOrder(t *testing.T) {
	ok := answering(func(context.Context, int, upstream.Request) error {
		advance(time.Millisecond)
		return nil
	})
	scenario(t, ok, passOn, Options{Workers: 4}, func(t *testing.T, s *queue.Store, f *Forwarder, u *scripted) {
		for i := range 40 {
			enqueue(t, s, fmt.Sprintf("%c%02d", 'A'+i%5, i), queue.Lane(rune('A'+i%5)))
		}
		settle(t, "40 delivered", func() bool { return f.State().Delivered == 40 })
		last := map[byte]string{}
		for _, k := range u.keys() {
			if k <= last[k[0]] {
				t.Errorf("%s came after %s", k, last[k[0]])
			}
			last[k[0]] = k
		}
		if st := f.State(); !st.Up || st.LastSuccess.IsZero() || u.most < 2 || u.most > 4 {
			t.Errorf("state %+v, at most %d in flight", st, u.most)
		}
	})
}

func TestOutageOfWeeksLosesNothing(t *testing.T) {
	const outage = 21 * 24 * time.Hour
	start := time.Now()
	down := answering(func(_ context.Context, n int, _ upstream.Request) error {
		if n == 1 {
			start = time.Now()
		}
		if time.Since(start) < outage {
			return &upstream.Unavailable{Code: "connect", Err: errors.New("refused")}
		}
		return nil
	})
	scenario(t, down, passOn, Options{Workers: 3}, func(t *testing.T, s *queue.Store, f *Forwarder, u *scripted) {
		for i := range 10 {
			enqueue(t, s, fmt.Sprint("i", i), queue.Lane(fmt.Sprint("L", i%4)))
		}
		settle(t, "breaker open", func() bool { return f.State().BreakerOpen })
		if st := f.State(); st.Up || st.LastError != "connect" {
			t.Errorf("state %+v", st)
		}
		advance(outage + 2*time.Minute)
		settle(t, "all delivered", func() bool { return f.State().Delivered == 10 })
		if st := f.State(); !st.Up || st.BreakerOpen || st.LastError != "" || s.Stat().Parked != 0 {
			t.Errorf("state %+v, parked %d", st, s.Stat().Parked)
		}
	})
}

func TestBackoffIsBoundedAndTold(t *testing.T) {
	down := answering(func(context.Context, int, upstream.Request) error {
		return &upstream.Unavailable{Code: "connect", Err: errors.New("refused")}
	})
	o := Options{Workers: 1, BackoffFirst: 3 * time.Second, BackoffMost: 5 * time.Minute}
	scenario(t, down, passOn, o, func(t *testing.T, s *queue.Store, f *Forwarder, u *scripted) {
		enqueue(t, s, "only", "L")
		for n, seconds := range []int{3, 6, 12, 24, 48, 96, 192, 300, 300} {
			want := time.Duration(seconds) * time.Second
			settle(t, "another failure", func() bool { return f.State().Failed == uint64(n+1) })
			u.mu.Lock()
			at := u.seen[n].at
			u.mu.Unlock()
			if got := f.State().NextTry.Sub(u.start) - at; got != want {
				t.Errorf("after %d failures the next try is told for %v later, want %v", n+1, got, want)
			}
		}
	})
}

func TestProbesBackOffOneAtATime(t *testing.T) {
	down := answering(func(context.Context, int, upstream.Request) error {
		return &upstream.Unavailable{Code: "connect", Err: errors.New("refused")}
	})
	scenario(t, down, passOn, Options{Workers: 1}, func(t *testing.T, s *queue.Store, f *Forwarder, u *scripted) {
		for i := range 9 {
			enqueue(t, s, fmt.Sprint("i", i), queue.Lane(fmt.Sprint("L", i)))
		}
		advance(4 * time.Minute)
		synctest.Wait()
		u.mu.Lock()
		defer u.mu.Unlock()
		var gaps []time.Duration
		for i := 1; i < len(u.seen); i++ {
			gaps = append(gaps, (u.seen[i].at - u.seen[i-1].at).Round(time.Second))
		}
		const s1 = time.Second
		want := []time.Duration{s1, 2 * s1, 4 * s1, 8 * s1, 16 * s1, 32 * s1, 60 * s1, 60 * s1}
		if len(gaps) < len(want) || !slices.Equal(gaps[:len(want)], want) {
			t.Errorf("waits %v, want %v", gaps, want)
		}
	})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	busy := answering(func(_ context.Context, n int, _ upstream.Request) error {
		if n == 1 {
			return &upstream.Unavailable{Code: "http_503", RetryAfter: 5 * time.Minute, Err: errors.New("busy")}
		}
		return nil
	})
	scenario(t, busy, passOn, Options{Workers: 4}, func(t *testing.T, s *queue.Store, f *Forwarder, u *scripted) {
		for i := range 4 {
			enqueue(t, s, fmt.Sprint("i", i), "L")
		}
		settle(t, "all delivered", func() bool { return f.State().Delivered == 4 })
		if at := u.seen[1].at - u.seen[0].at; at < 5*time.Minute {
			t.Errorf("tried again after %v", at)
		}
	})
}

func TestOneBadItemDoesNotStopTheOthers(t *testing.T) {
	choke := answering(func(_ context.Context, _ int, r upstream.Request) error {
		if r.Key == "bad" {
			return &upstream.Unavailable{Code: "http_500", Err: errors.New("internal error")}
		}
		return nil
	})
	scenario(t, choke, passOn, Options{Workers: 2}, func(t *testing.T, s *queue.Store, f *Forwarder, u *scripted) {
		enqueue(t, s, "bad", "B")
		enqueue(t, s, "behind", "B")
		for i := range 50 {
			enqueue(t, s, fmt.Sprint("good", i), queue.Lane(fmt.Sprint("G", i)))
		}
		settle(t, "50 delivered", func() bool { return f.State().Delivered == 50 })
		advance(10 * time.Minute)
		if keys := u.keys(); slices.Contains(keys, "behind") {
			t.Error("the item behind the bad one overtook it")
		}
		if s.Stat().Parked != 0 {
			t.Error("unavailability parked an item")
		}
	})
}

func TestRefusalParks(t *testing.T) {
	refuse := answering(func(_ context.Context, _ int, r upstream.Request) error {
		if r.Key == "a1" || r.Key == "b1" {
			return &upstream.Refused{Status: 422, Code: "invalid", Detail: "at Bundle.entry[0]"}
		}
		return nil
	})
	var mu sync.Mutex
	settled := map[string]string{}
	o := Options{Workers: 2, Responder: "platform", Policy: func(it queue.Item) queue.Policy {
		if it.ID == "b1" {
			return queue.Continue
		}
		return queue.Hold
	}, Settled: func(it queue.Item, r *upstream.Refused) {
		mu.Lock()
		defer mu.Unlock()
		settled[it.ID] = "delivered"
		if r != nil {
			settled[it.ID] = r.Code
		}
	}}
	scenario(t, refuse, passOn, o, func(t *testing.T, s *queue.Store, f *Forwarder, u *scripted) {
		for _, id := range []string{"a1", "a2", "b1", "b2"} {
			enqueue(t, s, id, queue.Lane(id[:1]))
		}
		settle(t, "b2 delivered", func() bool { return f.State().Delivered == 1 })
		settle(t, "two parked", func() bool { return s.Stat().Parked == 2 })
		advance(time.Hour)
		if slices.Contains(u.keys(), "a2") {
			t.Error("a2 overtook the held a1")
		}
		parked, err := s.ParkedItems()
		if err != nil || len(parked) != 2 {
			t.Fatal(parked, err)
		}
		if p := parked[0]; p.ID != "a1" || p.Code != "invalid" || p.Detail != "HTTP 422 at Bundle.entry[0]" || p.Responder != "platform" || p.Policy != queue.Hold {
			t.Errorf("parked as %+v", p)
		}
		for _, a := range u.seen {
			if a.key == "b2" && (len(a.gaps) != 1 || a.gaps[0].Lane != "b" || a.gaps[0].Count != 1 || a.gaps[0].First != parked[1].Seq) {
				t.Errorf("b2 carried gaps %+v", a.gaps)
			}
		}
		if st := f.State(); !st.Up || st.Parked != 2 {
			t.Errorf("state %+v", st)
		}
		if err := s.Drop(parked[0].Seq, "test"); err != nil {
			t.Fatal(err)
		}
		settle(t, "a2 delivered", func() bool { return f.State().Delivered == 2 })
		mu.Lock()
		defer mu.Unlock()
		if want := map[string]string{"a1": "invalid", "a2": "delivered", "b1": "invalid", "b2": "delivered"}; !maps.Equal(settled, want) {
			t.Errorf("settled %v, want %v", settled, want)
		}
	})
}

func TestPrepareErrorParks(t *testing.T) {
	tests := []struct {
		name       string
		prep       Prepare
		code, text string
	}{
		{"refused", func(queue.Item) (upstream.Request, error) {
			return upstream.Request{}, fmt.Errorf("wrapped: %w", &upstream.Refused{Code: "untranslatable", Detail: "PID-3"})
		}, "untranslatable", "PID-3"},
		{"foreign error keeps no text", func(queue.Item) (upstream.Request, error) {
			return upstream.Request{}, errors.New("patient SECRET")
		}, "prepare", "*errors.errorString"},
		{"panic", func(queue.Item) (upstream.Request, error) { panic("SECRET") }, "prepare_panic", "string"},
	}
	never := answering(func(context.Context, int, upstream.Request) error { return errors.New("must not be called") })
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			scenario(t, never, tt.prep, Options{}, func(t *testing.T, s *queue.Store, f *Forwarder, u *scripted) {
				enqueue(t, s, "x", "L")
				settle(t, "parked", func() bool { return f.State().Parked == 1 })
				p, err := s.ParkedItems()
				if err != nil || len(p) != 1 || p[0].Code != tt.code || p[0].Detail != tt.text {
					t.Errorf("parked %+v, %v", p, err)
				}
				if len(u.keys()) != 0 {
					t.Error("the upstream was asked")
				}
			})
		})
	}
}

func TestEndReleasesClaims(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, dir)
		hang := newScripted(func(ctx context.Context, n int, _ upstream.Request) error {
			if n == 1 {
				return &upstream.Unavailable{Code: "timeout", Err: errors.New("slow")}
			}
			<-ctx.Done()
			return context.Cause(ctx)
		})
		f := New(s, hang, passOn, Options{Workers: 2, jitter: most})
		for i := range 4 {
			enqueue(t, s, fmt.Sprint("i", i), queue.Lane(fmt.Sprint("L", i)))
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- f.Run(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if st := s.Stat().Classes[queue.Live]; st.Claimed != 0 || st.Items != 4 {
			t.Errorf("after the end: %+v", st)
		}
		for range 4 {
			c, err := s.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Done(); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := f.Run(t.Context()); !errors.Is(err, queue.ErrClosed) {
			t.Errorf("run on a closed store: %v", err)
		}
	})
}

func TestRampUpAfterOutage(t *testing.T) {
	g := newGate(8, backoff{time.Second, time.Minute, most})
	g.leave(false, verdict{kind: failed, code: "connect"})
	g.inFlight = 0
	if !g.open {
		t.Fatal("a refused connection leaves the breaker closed")
	}
	g.inFlight, g.probing = 1, true
	g.leave(true, verdict{kind: answered})
	if g.open || g.limit != 1 {
		t.Fatalf("after the probe: open %v limit %d", g.open, g.limit)
	}
	for want := 2; want <= 9; want++ {
		g.inFlight = 1
		g.leave(false, verdict{kind: answered})
		if g.limit != min(want, 8) {
			t.Fatalf("limit %d, want %d", g.limit, min(want, 8))
		}
	}
	for n := 1; n <= softFailures; n++ {
		g.inFlight = 1
		g.leave(false, verdict{kind: failed, code: "timeout"})
		if g.open != (n == softFailures) {
			t.Fatalf("after %d time-outs open is %v", n, g.open)
		}
	}
}
