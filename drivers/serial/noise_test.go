package serial

import (
	"errors"
	"math/rand/v2"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"cardferry/drivers"
	"cardferry/drivers/code"

	"go.bug.st/serial"
)

// fakePort is a port at which bytes arrive at the times a test says. It is for the
// tests of time only; everything else is tested with pseudo terminals.
type fakePort struct {
	serial.Port // nil: what the driver does not call is not there
	bytes       chan []byte
	rest        []byte
	timeout     time.Duration
}

var errUnplugged = errors.New("unplugged")

func (p *fakePort) SetReadTimeout(d time.Duration) error { p.timeout = d; return nil }

func (p *fakePort) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		var late <-chan time.Time
		if p.timeout >= 0 {
			late = time.After(p.timeout)
		}
		select {
		case got, plugged := <-p.bytes:
			if !plugged {
				return 0, errUnplugged
			}
			p.rest = got
		case <-late:
			return 0, nil
		}
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// station is a scanner's driver on a fake port, in a bubble of synthetic time.
type station struct {
	t      *testing.T
	port   *fakePort
	events []drivers.Event
	done   chan error
}

func attach(t *testing.T, cfg Config) *station {
	t.Helper()
	rules, err := code.LoadRules(os.DirFS("../../configs/codes"))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Codes = rules
	s := &station{t: t, port: &fakePort{bytes: make(chan []byte), timeout: serial.NoTimeout}, done: make(chan error, 1)}
	cfg.Port, cfg.Kind = "/dev/ttyUSB0", drivers.KindScanner
	d := New(cfg)
	d.emit = func(e drivers.Event) { s.events = append(s.events, e) }
	go func() { s.done <- d.serveScanner(s.port) }()
	return s
}

// say sends bytes; they arrive 20 ms after each other.
func (s *station) say(chunks ...string) {
	for _, c := range chunks {
		s.port.bytes <- []byte(c)
		<-time.After(20 * time.Millisecond)
	}
}

func (s *station) silence(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// unplug ends the driver and returns what it reported.
func (s *station) unplug() (scans []string, faults []drivers.FaultCode) {
	s.t.Helper()
	close(s.port.bytes)
	if err := <-s.done; !errors.Is(err, errUnplugged) {
		s.t.Errorf("the driver ended with %v", err)
	}
	for _, e := range s.events {
		switch e.Type {
		case drivers.Completed:
			text, _ := e.Read.Extras["code"].(string)
			scans = append(scans, text)
		case drivers.Faulted:
			faults = append(faults, e.Fault.Code)
		}
	}
	return scans, faults
}

// An hour of noise is told as often as somebody should look, passes for hardly any
// scan, and the first scan after it is read.
func TestAnHourOfNoise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 2))
		s := attach(t, Config{})
		for range 3600 * 50 / 10 { // 9600 baud, a tenth of the hour's bytes: every 20 ms some
			b := make([]byte, 19)
			for i := range b {
				b[i] = byte(random.Uint32())
			}
			s.say(string(b))
		}
		s.silence(time.Second)
		s.say("MRN1\r")
		s.silence(time.Second)
		scans, faults := s.unplug()
		if len(faults) != 1 || faults[0] != drivers.FaultFrame {
			t.Errorf("%d faults, want one: %v", len(faults), faults)
		}
		if n := len(scans); n == 0 || n > 5 || scans[n-1] != "MRN1" {
			t.Errorf("%d scans, want one and what little came before the first rubbish", n)
		}
	})
}

// The old Colombian identity card is a code of 531 bytes, most of them zero.
func TestABinaryCodeIsNoRubbish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := attach(t, Config{Framing: Framing{GapOnly: true}})
		scan := make([]byte, 531)
		copy(scan[24:], "PubDSK_1")
		copy(scan[48:], "0000001234")
		copy(scan[151:], "F19900302")
		s.say(string(scan[:200]), string(scan[200:]))
		s.silence(time.Second)
		if _, faults := s.unplug(); len(faults) != 0 || len(s.events) != 2 || s.events[1].Read.Medium != "co-cedula" {
			t.Errorf("faults %v, %d events", faults, len(s.events))
		}
	})
}

func TestEveryScanAtAWrongRateIsToldNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := attach(t, Config{})
		for range 60 { // a scan a second, for a minute
			s.say("\xF8\x06\x1E\x18\xE0\x00\xFE")
			s.silence(time.Second)
		}
		scans, faults := s.unplug()
		if len(scans) != 0 || len(faults) < 5 || len(faults) > 7 {
			t.Errorf("%d scans and %d faults in a minute, want none and six or so", len(scans), len(faults))
		}
	})
}

func TestAScannerThatNeverEndsAScanIsToldNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := attach(t, Config{Framing: Framing{Max: 16}})
		for range 60 {
			s.say("0123456789", "0123456789", "0123456789")
			s.silence(time.Second)
		}
		s.say("MRN1\r")
		s.silence(time.Second)
		scans, faults := s.unplug()
		if len(scans) != 1 || len(faults) < 5 || len(faults) > 8 || faults[0] != drivers.FaultFrameTooLong {
			t.Errorf("%d scans and %d faults, want one and six or so", len(scans), len(faults))
		}
	})
}

func TestPrefixSuffixAndAIMIdentifierAreTakenOffAScan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := attach(t, Config{Framing: Framing{Prefix: "\x02", Suffix: "#"}, StripAIM: true, Charset: "auto"})
		s.say("\x02]Q1MRN1#\r\n", "\x02#\r\n", "MRN2\r\n")
		s.silence(time.Second)
		scans, faults := s.unplug()
		if len(scans) != 2 || scans[0] != "MRN1" || scans[1] != "MRN2" || len(faults) != 0 {
			t.Errorf("%q, %v", scans, faults)
		}
	})
}
