//go:build cgo

package pcsc

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/ebfe/scard"

	"cardferry/drivers"
	"cardferry/drivers/rig/story"
)

// Cards come and go at random in all readers, some pull themselves, the service
// crashes: every reader's events must still make a sentence, and at the end
// every card is read.
func TestRandomLife(t *testing.T) {
	const steps, crashEvery = 40, 15
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	r := run(t, readOneByte)
	told := map[string][]drivers.EventType{}
	for _, reader := range readers {
		told[reader.name] = []drivers.EventType{drivers.Attached}
	}
	// next, and what it saw is part of the story
	next := func(reader string) drivers.Event {
		e := r.next(reader)
		told[reader] = append(told[reader], e.Type)
		return e
	}
	desk := client(t)
	for step := range steps {
		i := random.IntN(len(readers))
		slot := service.Slots()[i]
		present := false
		select {
		case <-slot.Gone():
			c := says(byte(step))
			if random.IntN(4) == 0 {
				c = &chip{apdu: func([]byte) []byte { return nil }} // pulls itself
			}
			r.insert(i, c)
			present = true
		default:
			r.remove(i)
		}
		if step%crashEvery == crashEvery-1 {
			if err := service.Kill(); err != nil {
				t.Fatal(err)
			}
			restart(t)
			desk = client(t)
			continue
		}
		if random.IntN(2) == 0 { // the other half goes on faster than pcscd looks
			st := []scard.ReaderState{{Reader: readers[i].pcsc, CurrentState: scard.StateEmpty}}
			if !present {
				st[0].CurrentState = scard.StatePresent
			}
			_ = desk.GetStatusChange(st, patience) // may be over before it begins
		}
	}
	for i, reader := range readers {
		r.remove(i)
		awaitCard(t, desk, reader.pcsc, false)
	}
	const last = 0xEF
	for i := range readers {
		r.insert(i, says(last))
	}
	for _, reader := range readers {
		for e := next(reader.name); e.Type != drivers.Completed || e.Read.Medium != "test-ef"; {
			e = next(reader.name)
		}
		if err := story.Check(told[reader.name]); err != nil {
			t.Errorf("%s: %v", reader.name, err)
		}
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

// A card goes in and out of every reader, over and over: each time is told once and in
// order, and nothing is left of it, no goroutine, handle or byte. The short form has 3
// rounds, CARDFERRY_SOAK=1 has 1,000 insertions.
func TestInsertAndRemoveManyTimes(t *testing.T) {
	all := allReaders(t)
	rounds := 3
	if soak() {
		rounds = (1000 + len(all) - 1) / len(all)
	}
	r := start(t, readOneByte)
	r.attached(all)
	round := func(n byte) {
		for i := range all {
			r.insertQuietly(i, says(n))
		}
		for i, reader := range all {
			e := r.expect(reader.name, drivers.Presented, drivers.Completed)
			if e.Read.Medium != fmt.Sprintf("test-%02x", n) {
				t.Fatalf("%s read %s in round %d", reader.name, e.Read.Medium, n)
			}
			r.remove(i)
		}
		for _, reader := range all {
			r.expect(reader.name, drivers.Removed)
		}
	}
	round(0xFF) // warm
	before := holdings(t)
	for n := range rounds {
		round(byte(n))
	}
	after := holdings(t)
	select {
	case e := <-r.events:
		t.Errorf("%s: %s more than there were cards", e.Reader.Name, e.Type)
	default:
	}
	t.Logf("%d insertions; before %+v, after %+v", rounds*len(all), before, after)
	const bytes = 256 << 10 // the log of the driver, and what the runtime keeps
	if after.goroutines > before.goroutines || after.files > before.files || after.heap > before.heap+bytes {
		t.Errorf("left behind: before %+v, after %+v", before, after)
	}
}

// holding is what a process holds.
type holding struct{ goroutines, files, heap int }

// holdings counts, once what is on its way out has had time to leave: links close
// themselves behind the event of the read.
func holdings(t *testing.T) holding {
	t.Helper()
	var h holding
	for settled := 0; settled < 5; settled++ {
		last := h
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		files, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		h = holding{runtime.NumGoroutine(), len(files), int(m.HeapAlloc)}
		if h.goroutines != last.goroutines || h.files != last.files {
			settled = 0
		}
		<-time.After(20 * time.Millisecond)
	}
	return h
}
