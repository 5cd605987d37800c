package mllp

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cardferry/hl7"
)

// typical is an ADT message of 1.7 KB, as the field sends them.
func typical(id string) []byte {
	return append([]byte(adt(id)), bytes.Repeat([]byte("NTE|1||benchmark benchmark\r"), 59)...)
}

// echo answers with an acknowledgement made beforehand, so that a benchmark shows
// the server and not the handler.
func echo() Handler {
	ack := hl7.ACK([]byte(adt("1")), hl7.AckInfo{Code: hl7.AA, Now: time.Now()})
	return func(context.Context, []byte, Peer) Reply { return Reply{ACK: ack} }
}

// load sends n messages over conns connections, window of them at a time on each,
// and returns how long every round trip took. It does as little as a sender can.
func load(b *testing.B, addr string, conns, window, n int) []time.Duration {
	frame := bytes.Repeat(AppendFrame(nil, typical("1")), window)
	var left atomic.Int64
	left.Store(int64(n))
	all := make([][]time.Duration, conns)
	var wg sync.WaitGroup
	for i := range conns {
		wg.Go(func() {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				b.Error(err)
				return
			}
			defer func() { _ = c.Close() }()
			buf := make([]byte, 32<<10)
			for left.Add(-int64(window)) >= 0 {
				begin := time.Now()
				if _, err := c.Write(frame); err != nil {
					b.Error(err)
					return
				}
				for got := 0; got < window; {
					k, err := c.Read(buf)
					if err != nil {
						b.Error(err)
						return
					}
					got += bytes.Count(buf[:k], []byte{endBlock})
				}
				all[i] = append(all[i], time.Since(begin))
			}
		})
	}
	wg.Wait()
	return slices.Concat(all...)
}

func report(b *testing.B, took []time.Duration, window int) {
	if len(took) == 0 {
		return
	}
	slices.Sort(took)
	b.ReportMetric(float64(len(took)*window)/b.Elapsed().Seconds(), "msg/s")
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-us")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkServer is the listener's own work: a handler that does nothing, a
// sender that does next to nothing.
func BenchmarkServer(b *testing.B) {
	for _, tt := range [][2]int{{1, 1}, {16, 1}, {64, 1}, {1, 32}} {
		conns, window := tt[0], tt[1]
		b.Run(fmt.Sprintf("conns=%d/window=%d", conns, window), func(b *testing.B) {
			addr, _ := serve(b, &Server{Handler: echo()})
			b.ReportAllocs()
			b.ResetTimer()
			report(b, load(b, addr, conns, window, b.N), window)
		})
	}
}

// committer takes what waits and is done with all of it after its time, as a
// store that syncs a group at once. It waits up to half of that time for those
// it has just released and those that came meanwhile.
type committer struct {
	waiting chan chan struct{}
	ended   chan struct{}
}

func newCommitter(b *testing.B, sync time.Duration) *committer {
	c := &committer{waiting: make(chan chan struct{}, 1024), ended: make(chan struct{})}
	go func() {
		defer close(c.ended)
		var group []chan struct{}
		company := 0
		for first := range c.waiting {
			group = append(group[:0], first)
			linger := time.NewTimer(sync / 2)
			for waits := company > 1; waits && len(group) < company; {
				select {
				case next := <-c.waiting:
					group = append(group, next)
				case <-linger.C:
					waits = false
				}
			}
			linger.Stop()
			for n := len(c.waiting); n > 0; n-- {
				group = append(group, <-c.waiting)
			}
			<-time.After(sync)
			company = len(group) + len(c.waiting)
			for _, done := range group {
				close(done)
			}
		}
	}()
	b.Cleanup(func() { close(c.waiting); <-c.ended })
	return c
}

func (c *committer) commit() {
	done := make(chan struct{})
	c.waiting <- done
	<-done
}

// BenchmarkGroupCommit is 64 senders whose acknowledgements wait for a shared
// commit of 2 ms; kept divides the rate by that of as many goroutines that call
// the commit themselves.
func BenchmarkGroupCommit(b *testing.B) {
	const conns = 64
	c := newCommitter(b, 2*time.Millisecond)
	answer := echo()
	addr, _ := serve(b, &Server{Handler: func(ctx context.Context, msg []byte, p Peer) Reply {
		c.commit()
		return answer(ctx, msg, p)
	}})
	b.ResetTimer()
	took := load(b, addr, conns, 1, b.N)
	b.StopTimer()
	report(b, took, 1)
	rate := float64(len(took)) / b.Elapsed().Seconds()
	var left atomic.Int64
	left.Store(int64(b.N))
	begin := time.Now()
	var wg sync.WaitGroup
	for range conns {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				c.commit()
			}
		})
	}
	wg.Wait()
	b.ReportMetric(rate/(float64(b.N)/time.Since(begin).Seconds()), "kept")
}

// BenchmarkIdleConnections is what a connection costs that has sent a message
// and now waits: both ends of it, as they live in one process here.
func BenchmarkIdleConnections(b *testing.B) {
	ca := newAuthority(b)
	for _, tt := range []struct {
		name   string
		server *Server
		client *tls.Config
	}{{"plain", &Server{}, nil}, {"TLS", tlsServer(b, ca), tlsClient(b, ca)}} {
		b.Run(tt.name, func(b *testing.B) {
			const conns = 1000
			for b.Loop() {
				s := &Server{Handler: echo(), MaxConns: conns, TLS: tt.server.TLS}
				addr, _ := serve(b, s)
				before, heap := resident(b), inUse()
				for range conns {
					idle(b, addr, tt.client)
				}
				b.ReportMetric(float64(inUse()-heap)/conns, "B/conn")
				b.ReportMetric(float64(resident(b)-before)/(1<<20), "MB-resident/1000")
				if open := s.Stats().Open; open != conns {
					b.Fatalf("%d connections are open", open)
				}
			}
		})
	}
}

// idle leaves a connection behind on which one message was answered.
func idle(b *testing.B, addr string, config *tls.Config) {
	conn := dial(b, addr).conn
	if config != nil {
		config := config.Clone()
		config.ServerName = "127.0.0.1"
		conn = tls.Client(conn, config)
		b.Cleanup(func() { _ = conn.Close() })
	}
	if _, err := conn.Write(AppendFrame(nil, typical("1"))); err != nil {
		b.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1024)); err != nil {
		b.Fatal(err)
	}
}

func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// resident is the process's resident memory in bytes, 0 where there is no /proc.
func resident(b *testing.B) int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return kb << 10
}

// BenchmarkClient is a sender and the listener together.
func BenchmarkClient(b *testing.B) {
	for _, conns := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("conns=%d", conns), func(b *testing.B) {
			answer := echo()
			addr, _ := serve(b, &Server{Handler: answer})
			msg := typical("1")
			var left atomic.Int64
			left.Store(int64(b.N))
			var wg sync.WaitGroup
			b.ReportAllocs()
			b.ResetTimer()
			for range conns {
				wg.Go(func() {
					c := Client{Addr: addr}
					defer func() { _ = c.Close() }()
					for left.Add(-1) >= 0 {
						if _, err := c.Send(context.Background(), msg); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
		})
	}
}
