//go:build cgo

package pcsc

import (
	"testing"
	"time"

	"cardferry/drivers"
)

// mute is a card that stops answering until it is released.
type mute struct {
	chip
	asked, release chan struct{}
}

func newMute() *mute {
	m := &mute{asked: make(chan struct{}), release: make(chan struct{})}
	m.apdu = func([]byte) []byte {
		close(m.asked)
		<-m.release
		return nil
	}
	return m
}

// A mute card is a fault; other readers go on; the driver ends; and what was left
// behind ends with the card.
func TestMuteCard(t *testing.T) {
	r := run(t, readOneByte, func(l *limits) { l.apdu, l.grace = 200*time.Millisecond, 50*time.Millisecond })
	m := newMute()
	defer close(m.release)
	r.insert(0, m)
	r.expect(readers[0].name, drivers.Presented)
	r.expectFault(readers[0].name, drivers.FaultUnresponsive)
	r.insert(2, says(2))
	r.expect(readers[2].name, drivers.Presented, drivers.Completed)
	if err := r.stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
}

// The driver ends while a command is on its way.
func TestStopDuringCommand(t *testing.T) {
	r := run(t, readOneByte, func(l *limits) { l.grace = 50 * time.Millisecond })
	m := newMute()
	defer close(m.release)
	r.insert(0, m)
	<-m.asked
	if err := r.stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
	r.expect(readers[0].name, drivers.Presented)
	select {
	case e := <-r.events:
		t.Errorf("event %q after the end", e.Type)
	default:
	}
}

// A card that was mute and pulled makes room for the next one.
func TestMuteCardPulled(t *testing.T) {
	r := run(t, readOneByte, func(l *limits) { l.apdu = 200 * time.Millisecond })
	m := newMute()
	r.insert(0, m)
	r.expect(readers[0].name, drivers.Presented)
	r.expectFault(readers[0].name, drivers.FaultUnresponsive)
	close(m.release)
	<-service.Slots()[0].Gone()
	r.expect(readers[0].name, drivers.Removed)
	r.insert(0, says(9))
	if e := r.expect(readers[0].name, drivers.Presented, drivers.Completed); e.Read.Medium != "test-09" {
		t.Errorf("read %s", e.Read.Medium)
	}
}

func TestNoDecoder(t *testing.T) {
	if err := New(Config{}).Run(t.Context(), func(drivers.Event) {}); err == nil {
		t.Error("runs without a decoder")
	}
}

// A service that hangs does not keep the daemon from ending; what was left behind
// ends when the service goes on.
func TestStopWithHungService(t *testing.T) {
	r := run(t, readOneByte, func(l *limits) { l.grace = 50 * time.Millisecond })
	if err := service.Suspend(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := service.Resume(); err != nil {
			t.Error(err)
		}
	}()
	if err := r.stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
}
