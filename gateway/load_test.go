package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cardferry/configs"
	"cardferry/gateway"
	"cardferry/gateway/keys"
	"cardferry/hl7"
	"cardferry/hl7/mllp"
	"cardferry/sync/queue"
)

// BenchmarkDurableACK measures HL7 messages acknowledged after they are on disk,
// over real TCP connections that each wait for their answer. x_fsync is the rate
// divided by that of a listener that writes and syncs each message by itself,
// over as many connections, on the same disk in the same run; x_raw divides by
// bare appends and syncs with nothing around them; x_queue by what the queue alone
// takes from as many producers. p99_commits is the 99th percentile of the time to an
// answer, in mean times of a commit of the queue alone.
func BenchmarkDurableACK(b *testing.B) {
	for _, conns := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("conns=%d", conns), func(b *testing.B) { benchmarkACK(b, conns) })
	}
}

func benchmarkACK(b *testing.B, conns int) {
	dir := b.TempDir()
	cfg, err := configs.Parse("bench", fmt.Appendf(nil, "data_dir: %q\nsite: {id: \"1\"}\nrole: hub\nhl7: {listen: \"127.0.0.1:0\"}\nadmin: {listen: \"\"}\n", filepath.Join(dir, "data")), nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	g, err := gateway.New(cfg, "bench", slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	stop := serve(b, g.Run)
	<-g.Ready()
	naive, addr := newNaive(b, dir)
	stopNaive := serve(b, naive)

	b.ResetTimer()
	rate, took := load(b, g.Addr("hl7.listen").String(), conns, b.N)
	b.StopTimer()
	one, _ := load(b, addr, conns, min(max(b.N/8, 200), 4000))
	alone, commit := queueRate(b, dir, conns, b.N)
	b.ReportMetric(rate, "msg/s")
	b.ReportMetric(rate/one, "x_fsync")
	b.ReportMetric(rate/alone, "x_queue")
	p99 := took[len(took)*99/100]
	b.ReportMetric(float64(p99.Microseconds()), "p99_us")
	b.ReportMetric(float64(p99)/float64(commit), "p99_commits")
	b.ReportMetric(rate/fsyncRate(b, dir, len(benchMessage(0, 0))), "x_raw")
	stop()
	stopNaive()
}

// serve runs f until the returned function is called.
func serve(b *testing.B, f func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	}
}

// newNaive is a listener that does what one fsync per message means.
func newNaive(b *testing.B, dir string) (run func(context.Context) error, addr string) {
	f, err := os.CreateTemp(dir, "naive")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = f.Close() })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var mu sync.Mutex
	s := &mllp.Server{Handler: func(_ context.Context, msg []byte, _ mllp.Peer) mllp.Reply {
		mu.Lock()
		defer mu.Unlock()
		if _, err := f.Write(msg); err != nil {
			b.Error(err)
		}
		if err := f.Sync(); err != nil {
			b.Error(err)
		}
		return mllp.Reply{ACK: hl7.ACK(msg, hl7.AckInfo{Code: hl7.AA, Now: time.Now()})}
	}}
	return func(ctx context.Context) error { return s.Serve(ctx, l) }, l.Addr().String()
}

func benchMessage(conn, n int) []byte {
	return []byte(adt("A08", fmt.Sprintf("%d-%d", conn, n), fmt.Sprintf("M%d", conn), "测试", fmt.Sprint(n)) +
		"NTE|1||" + string(bytes.Repeat([]byte("benchmark "), 120)) + "\r")
}

// queueRate is how many items per second the queue alone takes from so many producers,
// and how long one of its commits takes.
func queueRate(b *testing.B, dir string, producers, n int) (perSecond float64, commit time.Duration) {
	b.Helper()
	k, err := keys.Open(filepath.Join(dir, "alone-keys"), false)
	if err != nil {
		b.Fatal(err)
	}
	store, err := queue.Open(filepath.Join(dir, "alone"), queue.Options{Keys: k})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	var left atomic.Int64
	left.Store(int64(n))
	var wg sync.WaitGroup
	begin := time.Now()
	for p := range producers {
		wg.Go(func() {
			msg := benchMessage(p, 0)
			for i := 0; left.Add(-1) >= 0; i++ {
				_, err := store.Enqueue(b.Context(), queue.Item{
					ID: fmt.Sprintf("%d-%d", p, i), Lanes: []queue.Lane{queue.Lane(fmt.Sprint(p))}, Class: queue.Live,
					Kind: queue.KindHL7v2, Source: "hl7", Received: time.Now(), Payload: msg,
				})
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	rate := float64(n) / time.Since(begin).Seconds()
	return rate, store.Stat().Commits.MeanTime
}

// load sends n messages over conns connections, each waiting for its answer, and
// returns messages per second and the times to an answer, sorted. It shares the machine with the listener, so it
// does as little as a sender can: write a frame, read a frame, look for the code.
func load(b *testing.B, addr string, conns, n int) (float64, []time.Duration) {
	var left atomic.Int64
	left.Store(int64(n))
	var wg sync.WaitGroup
	times := make([][]time.Duration, conns)
	begin := time.Now()
	for c := range conns {
		wg.Go(func() {
			if err := sendAll(addr, c, &left, &times[c]); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
	rate := float64(n) / time.Since(begin).Seconds()
	all := slices.Concat(times...)
	slices.Sort(all)
	return rate, all
}

func sendAll(addr string, conn int, left *atomic.Int64, took *[]time.Duration) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	head, tail, _ := bytes.Cut(benchMessage(conn, 0), fmt.Appendf(nil, "|%d-0|", conn))
	var frame, answer []byte
	buf := make([]byte, 4096)
	for i := 0; left.Add(-1) >= 0; i++ {
		frame = append(frame[:0], 0x0B)
		frame = append(frame, head...)
		frame = fmt.Appendf(frame, "|%d-%d|", conn, i)
		frame = append(append(frame, tail...), 0x1C, '\r')
		sent := time.Now()
		if _, err := c.Write(frame); err != nil {
			return err
		}
		for answer = answer[:0]; !bytes.HasSuffix(answer, []byte{0x1C, '\r'}); {
			n, err := c.Read(buf)
			if err != nil {
				return err
			}
			answer = append(answer, buf[:n]...)
		}
		*took = append(*took, time.Since(sent))
		if !bytes.Contains(answer, fmt.Appendf(nil, "MSA|AA|%d-%d", conn, i)) {
			return fmt.Errorf("connection %d, message %d was not acknowledged", conn, i)
		}
	}
	return nil
}

// fsyncRate is how many appends of n bytes, each synced, the disk takes per
// second.
func fsyncRate(b *testing.B, dir string, n int) float64 {
	b.Helper()
	f, err := os.CreateTemp(dir, "raw")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	block := bytes.Repeat([]byte{'x'}, n)
	begin, count := time.Now(), 0
	for time.Since(begin) < 500*time.Millisecond {
		if _, err := f.Write(block); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		count++
	}
	return float64(count) / time.Since(begin).Seconds()
}

// BenchmarkStart measures from nothing to ready: tables compiled, queue open,
// everything accepting.
func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	for b.Loop() {
		cfg, err := configs.Parse("bench", fmt.Appendf(nil, "data_dir: %q\nsite: {id: \"1\"}\nhl7: {listen: \"127.0.0.1:0\"}\ndesk: {listen: \"127.0.0.1:0\"}\nadmin: {listen: \"127.0.0.1:0\"}\n", dir), nil, nil)
		if err != nil {
			b.Fatal(err)
		}
		g, err := gateway.New(cfg, "bench", slog.New(slog.DiscardHandler))
		if err != nil {
			b.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- g.Run(ctx) }()
		<-g.Ready()
		b.StopTimer()
		stop()
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
