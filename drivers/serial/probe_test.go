package serial

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"cardferry/drivers"
	"cardferry/drivers/rig/pty"

	"go.bug.st/serial"
)

// idPort is a fake port with an ID-card reader behind it that hears one rate only.
type idPort struct {
	fakePort
	reader     pty.IDReader
	baud, rate int
}

func (p *idPort) SetMode(m *serial.Mode) error { p.rate = m.BaudRate; return nil }
func (p *idPort) ResetInputBuffer() error      { p.rest = nil; return nil }
func (p *idPort) ResetOutputBuffer() error     { return nil }

func (p *idPort) Write(b []byte) (int, error) {
	if p.rate == p.baud {
		p.rest = append(p.rest, p.reader.Answer(b)...)
	}
	return len(b), nil
}

func TestIDReaderIsFoundAtEveryRateAndRemembered(t *testing.T) {
	for _, baud := range idReaderBauds() {
		t.Run(strconv.Itoa(baud), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := New(Config{Port: "/dev/ttyUSB0", Kind: drivers.KindIDCard})
				attached := make(chan time.Duration, 2)
				began := time.Now()
				d.emit = func(drivers.Event) { attached <- time.Since(began) }
				for again := range 2 { // the second time, as after an unplug, at once
					p := &idPort{baud: baud, fakePort: fakePort{bytes: make(chan []byte)}}
					ctx, cancel := context.WithCancel(t.Context())
					ended := make(chan error, 1)
					began = time.Now()
					go func() { ended <- d.serveIDReader(ctx, p) }()
					took := <-attached
					if most := 12 * time.Second * time.Duration(1-again); took > most {
						t.Errorf("round %d: found after %v, want %v at most", again, took, most)
					}
					cancel()
					if err := <-ended; err != nil {
						t.Error(err)
					}
				}
			})
		})
	}
}
