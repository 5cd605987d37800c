package queue

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// syntheticORU is a result message of about 2 KB whose values vary with n.
func syntheticORU(n int) []byte {
	b := fmt.Appendf(nil, "MSH|^~\\&|LIS|HOSPITAL|CARDFERRY|PLATFORM|20260301%06d||ORU^R01^ORU_R01|M%08d|P|2.5.1|||AL|NE|CHN|UNICODE UTF-8\r", n%240000, n)
	b = fmt.Appendf(b, "PID|1||%08d^^^HOSPITAL^MR||SYNTH^P%d||19%02d0%d1%d|F|||%d MAIN ROAD^^CITY\r", n*7, n, n%80+10, n%9+1, n%9, n)
	for i := range 18 {
		b = fmt.Appendf(b, "OBX|%d|NM|%d-%d^Analyte %d^LN||%d.%d|mmol/L|%d-%d|N|||F|||20260301%06d\r", i+1, 1000+n%9000+i, i%10, i*n%97, n%300, i, i, n%30+i, n%240000)
	}
	return b
}

// rawSyncRate appends what one item occupies and calls fdatasync, one by one: the
// physical limit the queue is compared with.
func rawSyncRate(b *testing.B, size int) float64 {
	b.Helper()
	f, err := os.Create(filepath.Join(b.TempDir(), "raw"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	buf := make([]byte, size)
	start, n := time.Now(), 0
	for ; n < 200 || time.Since(start) < 300*time.Millisecond; n++ {
		if _, err := f.Write(buf); err != nil {
			b.Fatal(err)
		}
		if err := datasync(f); err != nil {
			b.Fatal(err)
		}
	}
	return float64(n) / time.Since(start).Seconds()
}

// BenchmarkEnqueue measures durable items per second with so many producers;
// x_fsync is the multiple of the raw append+fdatasync rate in the same run.
func BenchmarkEnqueue(b *testing.B) {
	for _, producers := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprint(producers), func(b *testing.B) {
			o := testOptions(b)
			o.SegmentBytes = 64 << 20
			s := mustOpen(b, b.TempDir(), o)
			payloads := make([][]byte, 1024)
			for i := range payloads {
				payloads[i] = syntheticORU(i * 37)
			}
			before := rawSyncRate(b, 2048)
			var n atomic.Int64
			b.SetBytes(int64(len(syntheticORU(1))))
			b.ReportAllocs()
			b.ResetTimer()
			var wg sync.WaitGroup
			for p := range producers {
				wg.Go(func() {
					lane := Lane(fmt.Sprintf("%016x", p))
					for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
						it := Item{ID: fmt.Sprint("bench-", i), Lanes: []Lane{lane}, Class: Live, Kind: KindHL7v2, Source: "lis", Payload: payloads[i%1024]}
						if _, err := s.Enqueue(b.Context(), it); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			rate := float64(b.N) / b.Elapsed().Seconds()
			raw := (before + rawSyncRate(b, 2048)) / 2
			st := s.Stat()
			b.ReportMetric(rate/raw, "x_fsync")
			b.ReportMetric(rate, "items/s")
			b.ReportMetric(st.Commits.MeanItems, "items/commit")
			b.ReportMetric(float64(st.Classes[Live].Bytes)/float64(st.Classes[Live].Items), "B/item")
		})
	}
}

// BenchmarkDeliver measures Next and Done with a backlog on disk.
func BenchmarkDeliver(b *testing.B) {
	o := testOptions(b)
	o.SegmentBytes = 16 << 20
	dir := b.TempDir()
	s := mustOpen(b, dir, o)
	var wg sync.WaitGroup
	for p := range 64 {
		wg.Go(func() {
			for i := p; i < b.N; i += 64 {
				it := Item{ID: fmt.Sprint("d-", i), Lanes: []Lane{Lane(fmt.Sprintf("%016x", i%5000))}, Class: Live, Kind: KindHL7v2, Payload: syntheticORU(i)}
				if _, err := s.Enqueue(b.Context(), it); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	mustClose(b, s)
	start := time.Now()
	s = mustOpen(b, dir, o)
	reopen := time.Since(start)
	b.ResetTimer()
	for range b.N {
		c, err := s.Next(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Done(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "items/s")
	b.ReportMetric(float64(reopen.Microseconds())/1000, "ms_reopen")
}

// BenchmarkSeal measures compression and encryption of one 2 KB message.
func BenchmarkSeal(b *testing.B) {
	c, err := newCodec()
	if err != nil {
		b.Fatal(err)
	}
	defer c.close()
	k, err := newSealer(c, make([]byte, dekBytes))
	if err != nil {
		b.Fatal(err)
	}
	it := item("seal", Live, "A")
	var buf []byte
	size := 0
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		it.Payload = syntheticORU(i)
		buf = k.seal(buf[:0], &it)
		size += len(buf)
	}
	b.ReportMetric(float64(size)/float64(b.N), "B/item")
}
