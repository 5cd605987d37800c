//go:build cgo

package pcsc

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ebfe/scard"

	"cardferry/configs"
	"cardferry/drivers"
	"cardferry/drivers/card"
	"cardferry/drivers/rig/vcard"
)

// BenchmarkAddedToAPDU measures what the driver adds to one SCardTransmit, as
// "added-p50-us" and "added-p99-us": the time of a command as the engine sees it less the
// time inside the PC/SC call. A second command goes bare, in turn with the first, on the same
// connection: "x-of-bare" is the ratio of the medians.
func BenchmarkAddedToAPDU(b *testing.B) {
	needService(b)
	insert(b, 0, &chip{apdu: func([]byte) []byte { return make([]byte, 258) }})
	awaitCard(b, client(b), readers[0].pcsc, true)
	cmd := []byte{0x00, 0xB0, 0x00, 0x00, 0x00}
	ch := openChannel(b, readers[0].pcsc)
	var added, ours, bare []time.Duration
	through := func() {
		inside := ch.h.spent
		began := time.Now()
		if _, err := ch.Transmit(b.Context(), cmd); err != nil {
			b.Fatal(err)
		}
		took := time.Since(began)
		ours, added = append(ours, took), append(added, took-(ch.h.spent-inside))
	}
	direct := func() {
		began := time.Now()
		if _, err := ch.h.card.Transmit(cmd); err != nil {
			b.Fatal(err)
		}
		bare = append(bare, time.Since(began))
	}
	turns := [2]func(){through, direct}
	for i := 0; b.Loop(); i++ {
		turns[i%2]()
		turns[(i+1)%2]()
	}
	b.ReportMetric(us(quantile(added, 50)), "added-p50-us")
	b.ReportMetric(us(quantile(added, 99)), "added-p99-us")
	b.ReportMetric(float64(quantile(ours, 50))/float64(quantile(bare, 50)), "x-of-bare")
}

// BenchmarkWholeRead compares reading a card, as the driver does it with the profile
// engine, with the bare exchange of the same commands, both from SCardEstablishContext
// to the last response: "x-of-bare" is the ratio of the medians. The two take turns. A card
// that answers at once shows our own time; one at 115,200 baud, where a byte takes what it
// takes on contacts, what a clerk can notice of it.
func BenchmarkWholeRead(b *testing.B) {
	engine := shippedProfiles(b)
	for _, name := range []string{"tw-nhi", "th-nid-t1", "de-egk", "tw-nhi at 115,200 baud"} {
		b.Run(name, func(b *testing.B) {
			needService(b)
			name, _, paced := strings.Cut(name, " at ")
			c := vcard.Card(replayed(b, filepath.Join("..", "card", "testdata", name+".json")))
			atr := c.ATR()
			if paced {
				c = &unhurried{c}
			}
			insert(b, 0, c)
			awaitCard(b, client(b), readers[0].pcsc, true)
			cmds := commandsOf(b, engine, readers[0].pcsc)
			d := New(Config{Read: engine.Read})
			var ours, bare []time.Duration
			for b.Loop() {
				ours = append(ours, readOnce(b, d, readers[0].pcsc, atr))
				bare = append(bare, exchangeBare(b, readers[0].pcsc, cmds))
			}
			b.ReportMetric(float64(len(cmds)), "commands")
			b.ReportMetric(ms(quantile(ours, 50)), "read-p50-ms")
			b.ReportMetric(ms(quantile(bare, 50)), "bare-p50-ms")
			b.ReportMetric(float64(quantile(ours, 50))/float64(quantile(bare, 50)), "x-of-bare")
		})
	}
}

// BenchmarkReadersAtOnce reads a card in 1 and in 16 readers at once. "slowest-p50-ms" is
// the median read of the reader whose median is the worst; "x-of-alone" that over the
// same with one reader. The card takes the time of its bytes on the contacts, as a chip
// does; one that answers at once would measure how many cores the test machine has.
func BenchmarkReadersAtOnce(b *testing.B) {
	engine := shippedProfiles(b)
	all := allReaders(b)
	desk := client(b)
	var atr []byte
	for i, reader := range all {
		c := replayed(b, filepath.Join("..", "card", "testdata", "de-egk.json"))
		atr = c.ATR()
		ctx, cancel := context.WithTimeout(b.Context(), patience)
		if err := service.Slots()[i].Insert(ctx, &unhurried{c}); err != nil {
			b.Fatal(err)
		}
		cancel()
		awaitCard(b, desk, reader.pcsc, true)
	}
	b.Cleanup(func() {
		for i := range all {
			service.Slots()[i].Remove()
		}
	})
	var alone float64
	for _, n := range []int{1, 4, 8, len(all)} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			took := make([][]time.Duration, n)
			for b.Loop() {
				var reads sync.WaitGroup
				for i := range n {
					reads.Go(func() {
						took[i] = append(took[i], readOnce(b, New(Config{Read: engine.Read}), all[i].pcsc, atr))
					})
				}
				reads.Wait()
			}
			worst := time.Duration(0)
			for _, t := range took {
				worst = max(worst, quantile(t, 50))
			}
			b.ReportMetric(ms(worst), "slowest-p50-ms")
			if n == 1 {
				alone = ms(worst)
			}
			if alone > 0 {
				b.ReportMetric(ms(worst)/alone, "x-of-alone")
			}
		})
	}
}

// unhurried is a card at 115,200 baud, where a byte takes 12 etu (ISO/IEC 7816-3, 7.2).
type unhurried struct{ vcard.Card }

func (u *unhurried) APDU(cmd []byte) []byte {
	rsp := u.Card.APDU(cmd)
	<-time.After(time.Duration(len(cmd)+len(rsp)) * 12 * time.Second / 115200)
	return rsp
}

func shippedProfiles(t testing.TB) *card.Engine {
	t.Helper()
	profiles, err := card.LoadProfiles(configs.Cards())
	if err != nil {
		t.Fatal(err)
	}
	engine, err := card.NewEngine(profiles)
	if err != nil {
		t.Fatal(err)
	}
	return engine
}

// openChannel returns a channel to the card in a reader, in a transaction.
func openChannel(t testing.TB, pcscName string) *channel {
	t.Helper()
	h := &handle{}
	t.Cleanup(h.release)
	if err := h.connect(pcscName, false); err != nil {
		t.Fatal(err)
	}
	if err := h.begin(); err != nil {
		t.Fatal(err)
	}
	return &channel{link: &link{}, h: h, limits: New(Config{}).limits}
}

// readOnce reads the card in a reader as a session does, which has its ATR from the
// watcher, and returns how long that took,
// without letting go of the card.
func readOnce(t testing.TB, d *Driver, pcscName string, atr []byte) time.Duration {
	s := &session{r: &reader{d: d, pcscName: pcscName, log: d.log}}
	s.r.atr.Store(&atr)
	began := time.Now()
	read, err := s.attempt(t.Context(), false)
	took := time.Since(began)
	<-s.r.link.done
	if err != nil || read.Patient == nil {
		t.Errorf("%s: no patient, %v", pcscName, err)
	}
	return took
}

// commandsOf returns the commands of one read.
func commandsOf(t testing.TB, engine *card.Engine, pcscName string) [][]byte {
	t.Helper()
	var cmds [][]byte
	readOnce(t, New(Config{Read: func(ctx context.Context, ch card.Channel, info card.Info) (drivers.Read, error) {
		return engine.Read(ctx, noting{ch, &cmds}, info)
	}}), pcscName, nil)
	return cmds
}

// noting is a channel that notes what goes over it.
type noting struct {
	card.Channel
	cmds *[][]byte
}

func (n noting) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	*n.cmds = append(*n.cmds, slices.Clone(cmd))
	return n.Channel.Transmit(ctx, cmd)
}

// exchangeBare sends commands in a plain loop and returns how long that took.
func exchangeBare(t testing.TB, pcscName string, cmds [][]byte) time.Duration {
	t.Helper()
	began := time.Now()
	sc, err := scard.EstablishContext()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sc.Release() }()
	c, err := sc.Connect(pcscName, scard.ShareShared, scard.ProtocolAny)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Disconnect(scard.LeaveCard) }()
	if err := c.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.EndTransaction(scard.LeaveCard) }()
	for _, cmd := range cmds {
		if _, err := c.Transmit(cmd); err != nil {
			t.Fatal(err)
		}
	}
	return time.Since(began)
}

// quantile returns the p-th percentile.
func quantile(d []time.Duration, p int) time.Duration {
	sorted := slices.Sorted(slices.Values(d))
	return sorted[min(len(sorted)*p/100, len(sorted)-1)]
}

func us(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
