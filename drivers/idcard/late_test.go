package idcard_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"cardferry/drivers"
	"cardferry/drivers/idcard"
	"cardferry/drivers/rig/pty"
)

// lateWire carries frames to a simulated reader whose responses take their time, and
// so may arrive when the host has given up on them and asked something else.
type lateWire struct {
	reader *pty.IDReader
	delay  func(idcard.Command) time.Duration
	line   chan []byte // responses as they arrive
	busy   time.Time   // until when the reader works; it does one thing after the other
}

func (w *lateWire) Exchange(ctx context.Context, frame []byte) ([]byte, error) {
	for len(w.line) > 0 {
		<-w.line // stale
	}
	body, err := idcard.Body(frame)
	if err != nil {
		return nil, err
	}
	cmd := idcard.Command(uint16(body[0])<<8 | uint16(body[1]))
	response := w.reader.Answer(frame)
	if now := time.Now(); w.busy.Before(now) {
		w.busy = now
	}
	w.busy = w.busy.Add(w.delay(cmd))
	time.AfterFunc(time.Until(w.busy), func() { w.line <- response })
	select {
	case r := <-w.line:
		return r, nil
	case <-ctx.Done():
		return nil, idcard.ErrNoAnswer
	}
}

// A response that comes after its time-out must never pass for that of the next
// request: whatever is late, and however much, a card is read as itself or not at all,
// and a reader that keeps up again is in step again.
func TestLateResponses(t *testing.T) {
	for _, c := range []struct {
		name  string
		cmd   idcard.Command
		delay time.Duration
		times int
		want  []drivers.EventType
	}{
		{"find late once", idcard.CmdFind, 1100 * time.Millisecond, 1, []drivers.EventType{presented, completed}},
		{"find late by more than the pause", idcard.CmdFind, 1500 * time.Millisecond, 1, []drivers.EventType{presented, completed}},
		{"find late twice", idcard.CmdFind, 1900 * time.Millisecond, 2, []drivers.EventType{presented, completed}},
		{"select late", idcard.CmdSelect, 1900 * time.Millisecond, 1, []drivers.EventType{presented, completed}},
		{"read late", idcard.CmdRead, 4500 * time.Millisecond, 1, []drivers.EventType{presented, completed}},
		{"newest address late", idcard.CmdNewestAddress, 2 * time.Second, 1, []drivers.EventType{presented, completed}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				late := c.times
				reader := &pty.IDReader{}
				reader.Place(testCard())
				w := &lateWire{reader: reader, line: make(chan []byte, 100), delay: func(cmd idcard.Command) time.Duration {
					if cmd == c.cmd && late > 0 {
						late--
						return c.delay
					}
					return 20 * time.Millisecond
				}}
				b := watch(t, w, reader)
				e := b.want(30*time.Second, c.want...)
				if e.Read == nil || e.Read.Patient == nil || e.Read.Patient.Name[0].Text != "测试甲" {
					t.Error("the card was not read as itself")
				}
				reader.Lift()
				b.want(5*time.Second, removed)
				b.end()
			})
		})
	}
}
