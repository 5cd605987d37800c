package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cardferry/configs"
	"cardferry/gateway"
	"cardferry/hl7"
	"cardferry/hl7/mllp"
)

// BenchmarkDurableACK measures HL7 messages acknowledged after they are on disk,
// over real TCP connections that each wait for their answer. x_fsync is the rate
// divided by that of one append and fsync per message of the same size on the
// same disk in the same run.
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
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	<-g.Ready()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	}()

	message := func(conn, n int) []byte {
		return []byte(adt("A08", fmt.Sprintf("%d-%d", conn, n), fmt.Sprintf("M%d", conn), "测试", fmt.Sprint(n)) +
			"NTE|1||" + string(bytes.Repeat([]byte("benchmark "), 120)) + "\r")
	}
	before := fsyncRate(b, dir, len(message(0, 0)))
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	b.ResetTimer()
	begin := time.Now()
	for c := range conns {
		wg.Go(func() {
			client := mllp.Client{Addr: g.Addr("hl7.listen").String()}
			defer func() { _ = client.Close() }()
			for n := 0; left.Add(-1) >= 0; n++ {
				ack, err := client.Send(ctx, message(c, n))
				if err != nil || ack.Code != hl7.AA {
					b.Errorf("%s %v", ack.Code, err)
					return
				}
			}
		})
	}
	wg.Wait()
	rate := float64(b.N) / time.Since(begin).Seconds()
	b.StopTimer()
	after := fsyncRate(b, dir, len(message(0, 0)))
	b.ReportMetric(rate, "msg/s")
	b.ReportMetric(rate/((before+after)/2), "x_fsync")
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
