//go:build cgo

package pcsc

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/ebfe/scard"

	"cardferry/drivers"
	"cardferry/drivers/card"
)

// BenchmarkCardToEvent measures what the driver adds to reading a card: from the
// moment another PC/SC client is told that a card is there until the Completed
// event, less the time spent in APDUs. Reported in ms: the median and the worst
// of all insertions ("driver-…"), and, from the moment the card is put in,
// "insert-p50": nearly all of that is vpcd's polling, 0 to 400 ms, which readers
// with an interrupt endpoint do not have.
func BenchmarkCardToEvent(b *testing.B) {
	apdus := make(chan time.Duration, 1)
	r := run(b, func(ctx context.Context, ch card.Channel, info card.Info) (drivers.Read, error) {
		began := time.Now()
		for range 20 {
			if read, err := readOneByte(ctx, ch, info); err != nil {
				return read, err
			}
		}
		apdus <- time.Since(began)
		return drivers.Read{Medium: drivers.MediumUnknown}, nil
	})
	desk := client(b)
	name, pcscName, slot := readers[0].name, readers[0].pcsc, service.Slots()[0]
	var added, total []time.Duration
	for b.Loop() {
		inserted := time.Now()
		ctx, cancel := context.WithTimeout(b.Context(), patience)
		if err := slot.Insert(ctx, says(1)); err != nil {
			b.Fatal(err)
		}
		cancel()
		awaitCard(b, desk, pcscName, true)
		visible := time.Now()
		e := r.expect(name, drivers.Presented, drivers.Completed)
		added = append(added, e.Time.Sub(visible)-<-apdus)
		total = append(total, e.Time.Sub(inserted))
		slot.Remove()
		r.expect(name, drivers.Removed)
	}
	slices.Sort(added)
	slices.Sort(total)
	b.ReportMetric(ms(added[len(added)/2]), "driver-p50-ms")
	b.ReportMetric(ms(added[len(added)-1]), "driver-max-ms")
	b.ReportMetric(ms(total[len(total)/2]), "insert-p50-ms")
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// BenchmarkTransmit is one command through the driver's limits,
// pcscd, vpcd and back; "bare" is the same without the driver.
func BenchmarkTransmit(b *testing.B) {
	needService(b)
	insert(b, 0, &chip{apdu: func([]byte) []byte { return make([]byte, 258) }})
	awaitCard(b, client(b), readers[0].pcsc, true)
	cmd := []byte{0x00, 0xB0, 0x00, 0x00, 0x00}
	b.Run("driver", func(b *testing.B) {
		ch := openChannel(b, readers[0].pcsc)
		for b.Loop() {
			if _, err := ch.Transmit(b.Context(), cmd); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bare", func(b *testing.B) {
		c, err := client(b).Connect(readers[0].pcsc, scard.ShareShared, scard.ProtocolAny)
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = c.Disconnect(scard.LeaveCard) }()
		for b.Loop() {
			if _, err := c.Transmit(cmd); err != nil {
				b.Fatal(err)
			}
		}
	})
}
