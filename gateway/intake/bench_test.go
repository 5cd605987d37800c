package intake

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"cardferry/hl7"
	"cardferry/hl7/mllp"
	"cardferry/sync/queue"
)

func BenchmarkHandle(b *testing.B) {
	msg := []byte(adt("1") + strings.Repeat("OBX|1|ST|8867-4^HEART RATE^LN||72|/min|60-100|N|||F\r", 30))
	b.Run("one connection", func(b *testing.B) {
		i := benchIntake(b)
		b.SetBytes(int64(len(msg)))
		b.ReportAllocs()
		for n := range b.N {
			if i.Handle(b.Context(), numbered(msg, n), mllp.Peer{}).ACK == nil {
				b.Fatal("no answer")
			}
		}
	})
	b.Run("all processors", func(b *testing.B) {
		i := benchIntake(b)
		b.SetBytes(int64(len(msg)))
		b.RunParallel(func(pb *testing.PB) {
			for n := 0; pb.Next(); n++ {
				if i.Handle(b.Context(), numbered(msg, n), mllp.Peer{}).ACK == nil {
					b.Error("no answer")
				}
			}
		})
	})
}

// numbered is msg with its control id replaced.
func numbered(msg []byte, n int) []byte {
	out := bytes.Clone(msg)
	at := bytes.Index(out, []byte("|1|P|")) + 1
	out[at] = byte('!' + n%80)
	return out
}

func benchIntake(b *testing.B) *Intake {
	r := newRig(b, func(o *Options) {
		o.Enqueue = func(context.Context, queue.Item) (queue.Receipt, error) { return queue.Receipt{}, nil }
		o.Senders = []Sender{{Name: "lis", Application: "LIS"}, {Name: "his", Application: "HIS", ReusedID: Keep}}
	})
	return r.intake
}

// BenchmarkDurable compares what 64 connections get acknowledged with what 64
// producers get committed by the queue alone.
func BenchmarkDurable(b *testing.B) {
	const producers = 64
	msg := adt("ID") + strings.Repeat("OBX|1|ST|8867-4^HEART RATE^LN||72|/min|60-100|N|||F\r", 30)
	var n atomic.Uint64
	next := func() []byte { return []byte(strings.ReplaceAll(msg, "ID", fmt.Sprint("N", n.Add(1)))) }
	run := func(b *testing.B, one func([]byte) error) {
		b.SetParallelism(producers / runtime.GOMAXPROCS(0))
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := one(next()); err != nil {
					b.Error(err)
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
	}
	b.Run("queue alone", func(b *testing.B) {
		r := newRig(b, nil)
		run(b, func(raw []byte) error {
			m, err := hl7.Parse(raw, hl7.Options{})
			if err != nil {
				return err
			}
			_, err = r.store.Enqueue(b.Context(), r.intake.item(m, r.intake.fallback))
			return err
		})
	})
	b.Run("intake", func(b *testing.B) {
		r := newRig(b, nil)
		run(b, func(raw []byte) error {
			if reply := r.intake.Handle(b.Context(), raw, mllp.Peer{}); codeOf(reply.ACK) != hl7.AA {
				return fmt.Errorf("%q", reply.ACK)
			}
			return nil
		})
	})
}
