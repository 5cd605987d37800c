//go:build cgo

package usb

import (
	"bytes"
	"sync/atomic"
	"testing"
	"time"

	"cardferry/drivers"
	"cardferry/drivers/idcard"
	"cardferry/drivers/rig/pty"
	"cardferry/drivers/rig/usbsim"
)

// useAll uses whatever is plugged in.
func useAll() Config { return Config{Unlisted: Use} }

func idCard() pty.IDCard {
	return pty.IDCard{Text: pty.Citizen{Name: "测试甲", Number: "990101190001010018"}.Block()}
}

// idReaders are the three ways of carrying SAM frames.
var idReaders = map[string]func() *usbsim.IDReader{
	"one bulk pair":   usbsim.NewIDReader,
	"four bulk pipes": usbsim.NewSplitIDReader,
	"HID envelope":    usbsim.NewHIDIDReader,
}

func TestIDCardIsReadOverEveryFraming(t *testing.T) {
	for name, reader := range idReaders {
		t.Run(name, func(t *testing.T) {
			r := reader()
			b := start(t, useAll())
			at := plug(t, r)
			e := b.want(drivers.Attached)
			if e.Reader.Kind != drivers.KindIDCard || e.Reader.Driver != Name || e.Reader.Simulated {
				t.Errorf("reader %+v", e.Reader)
			}
			r.SAM.Place(idCard())
			read := b.want(drivers.Presented, drivers.Completed).Read
			if read.Patient == nil || read.Patient.Name[0].Text != "测试甲" || read.Medium != "cn-resident-id" || read.Reader != e.Reader.Name {
				t.Errorf("read %v of %s", read, read.Reader)
			}
			r.SAM.Lift()
			b.want(drivers.Removed)
			if err := at.Unplug(); err != nil {
				t.Fatal(err)
			}
			b.want(drivers.Detached)
			b.foundNothing()
			b.stop()
			b.silent()
		})
	}
}

func TestIDReaderFaults(t *testing.T) {
	for _, c := range []struct {
		name string
		act  func(*usbsim.IDReader)
	}{
		{"answers in pieces", func(r *usbsim.IDReader) { r.Chunk(50) }},
		{"one answer is missing", func(r *usbsim.IDReader) { r.SAM.Inject(pty.Mute) }},
		{"noise before an answer", func(r *usbsim.IDReader) { r.SAM.Inject(pty.Garbage) }},
		{"a torn frame", func(r *usbsim.IDReader) { r.SAM.Inject(pty.TornFrame) }},
		{"a damaged frame", func(r *usbsim.IDReader) { r.SAM.Inject(pty.WrongChecksum) }},
		{"an endpoint stalls once", func(r *usbsim.IDReader) { r.Stall(usbsim.IDReaderIn) }},
		{"noise without end of a frame", func(r *usbsim.IDReader) {
			r.Noise(usbsim.IDReaderIn, bytes.Repeat([]byte{0xAA, 0xAA, 0xAA, 0x96, 0x69, 0x09, 0x0A, 0x00}, 2000))
		}},
		{"an answer nobody asked for", func(r *usbsim.IDReader) {
			r.Noise(usbsim.IDReaderIn, idcard.AppendFrame(nil, []byte{0, 0, 0x9F, 0, 0, 0, 0}))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := usbsim.NewIDReader()
			b := start(t, useAll())
			plug(t, r)
			b.want(drivers.Attached)
			c.act(r)
			r.SAM.Place(idCard())
			read := b.presented().Read
			if read.Patient == nil || read.Patient.Name[0].Text != "测试甲" {
				t.Errorf("read %v", read)
			}
			r.SAM.Lift()
			b.want(drivers.Removed)
			b.silent()
		})
	}
}

func TestMuteIDReaderIsToldOnceAndWorksWhenItAnswers(t *testing.T) {
	r := usbsim.NewIDReader()
	mute := make([]pty.Fault, 4) // two sessions ask twice each
	for i := range mute {
		mute[i] = pty.Mute
	}
	r.SAM.Inject(mute...)
	b := start(t, useAll())
	plug(t, r)
	b.fault(drivers.FaultReaderHardware)
	b.state(StateInUse)
	b.want(drivers.Attached)
	b.silent()
}

func TestUnplugInTheMiddleOfACommand(t *testing.T) {
	r := usbsim.NewIDReader()
	var pull atomic.Bool
	r.SAM.OnRequest = func(cmd idcard.Command) {
		if cmd == idcard.CmdRead && pull.CompareAndSwap(true, false) {
			r.Unplug()
		}
	}
	pull.Store(true)
	b := start(t, useAll())
	at := plug(t, r)
	first := b.want(drivers.Attached).Reader.Name
	r.SAM.Place(idCard())
	b.want(drivers.Presented, drivers.Detached)
	if err := at.Unplug(); err != nil {
		t.Fatal(err)
	}
	r.SAM.Place(idCard())
	plug(t, r)
	if name := b.want(drivers.Attached).Reader.Name; name != first {
		t.Errorf("called %q after the re-plug, was %q", name, first)
	}
	b.want(drivers.Presented, drivers.Completed)
	b.silent()
}

func TestLateAnswersAreNotMixedUp(t *testing.T) {
	r := usbsim.NewIDReader()
	var late atomic.Int32
	r.SAM.OnRequest = func(cmd idcard.Command) {
		r.Delay(0)
		if cmd == idcard.CmdFind && late.Add(-1) >= 0 {
			r.Delay(1300 * time.Millisecond) // a find is waited for a second
		}
	}
	b := start(t, useAll())
	plug(t, r)
	b.want(drivers.Attached)
	late.Store(2)
	r.SAM.Place(idCard())
	read := b.presented().Read
	if read.Patient == nil || read.Patient.Name[0].Text != "测试甲" {
		t.Errorf("read %v", read)
	}
	b.silent()
}
