package outbound

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"cardferry/hl7/mllp"
)

// BenchmarkDeliver sends a backlog to one destination on loopback: one message at
// a time, each acknowledged before the next.
func BenchmarkDeliver(b *testing.B) {
	all := make(chan struct{})
	left := b.N
	h := newHIS(b, nil)
	answer := h.server.Handler
	h.server.Handler = func(ctx context.Context, msg []byte, p mllp.Peer) mllp.Reply {
		r := answer(ctx, msg, p)
		<-h.got
		if left--; left == 0 { // one connection, so one handler at a time
			close(all)
		}
		return r
	}
	h.start("")
	g := open(b, options(b.TempDir(), to(h)))
	var senders sync.WaitGroup
	for s := range 64 {
		senders.Go(func() {
			for i := s; i < b.N; i += 64 {
				if _, err := g.Send(b.Context(), "his", []byte(oru(fmt.Sprintf("B%d", i)))); err != nil {
					b.Error(err)
				}
			}
		})
	}
	senders.Wait()
	b.ResetTimer()
	g.run()
	<-all
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
	g.stop()
}

// BenchmarkRoundTrip is the bare client against the same receiver: what the queue
// and the forwarder cost is the difference.
func BenchmarkRoundTrip(b *testing.B) {
	h := newHIS(b, nil)
	answer := h.server.Handler
	h.server.Handler = func(ctx context.Context, msg []byte, p mllp.Peer) mllp.Reply {
		r := answer(ctx, msg, p)
		<-h.got
		return r
	}
	h.start("")
	c := mllp.Client{Addr: h.addr()}
	defer func() { _ = c.Close() }()
	msg := []byte(oru("B1"))
	b.ResetTimer()
	for range b.N {
		if _, err := c.Send(b.Context(), msg); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}
