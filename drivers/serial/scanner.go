package serial

import (
	"fmt"
	"time"

	"cardferry/drivers"
	"cardferry/drivers/code"

	"go.bug.st/serial"
)

// scannerBaud is what scanners are delivered with.
const scannerBaud = 9600

// serveScanner reads scans until the port fails. It sleeps in the kernel while no
// scan has begun.
func (d *Driver) serveScanner(port serial.Port) error {
	d.works()
	s := scanner{d: d, framer: framer{Framing: d.cfg.Framing.withDefaults()}}
	buf := make([]byte, 4096)
	waiting := serial.NoTimeout
	for {
		timeout := serial.NoTimeout
		if s.framer.pending() || s.noise.on {
			timeout = s.framer.Gap
		}
		if timeout != waiting {
			if err := port.SetReadTimeout(timeout); err != nil {
				return fmt.Errorf("set read time-out: %w", err)
			}
			waiting = timeout
		}
		n, err := read(port, buf)
		switch {
		case err != nil:
			return err
		case n == 0:
			s.framer.end(s.scan)
			s.noise.on = false
		default:
			s.framer.feed(buf[:n], s.scan, s.tooLong)
		}
	}
}

// scanner is what is known of a scanner while its port is open.
type scanner struct {
	d       *Driver
	framer  framer
	repeats code.Repeats
	noise   noise
}

// scan takes what came between two ends.
func (s *scanner) scan(raw []byte) {
	raw = s.framer.strip(raw)
	switch {
	case s.noise.on || len(raw) == 0:
	case rubbish(raw) && s.d.cfg.Codes.Recognise(raw).Medium == drivers.MediumUnknown: // a code may be binary
		s.noise.on = true
		s.fault(drivers.FaultFrame, "characters that no code has; check the baud rate, the parity and the cable")
	default:
		s.d.scanned(raw, &s.repeats)
	}
}

// tooLong takes note of a run-on.
func (s *scanner) tooLong() {
	s.fault(drivers.FaultFrameTooLong,
		fmt.Sprintf("more than %d bytes without end; check the scanner's suffix setting and the baud rate", s.framer.Max))
}

func (s *scanner) fault(code drivers.FaultCode, detail string) {
	if s.noise.due(code, time.Now()) {
		s.d.send(drivers.Event{Type: drivers.Faulted, Fault: &drivers.Fault{Code: code, Detail: detail}})
	}
}

// scanned reports one scan.
func (d *Driver) scanned(raw []byte, repeats *code.Repeats) {
	if d.cfg.StripAIM {
		raw = code.StripAIM(raw)
	}
	lossy := false
	if d.cfg.Charset != "" {
		text, bad, err := code.Text(raw, d.cfg.Charset)
		if err == nil {
			raw, lossy = []byte(text), bad
		}
	}
	if code.Blank(raw) {
		return
	}
	now := time.Now()
	read := d.cfg.Codes.Recognise(raw)
	if repeats.Again(raw, read, now) {
		return
	}
	if lossy {
		read.Warnings = append(read.Warnings, drivers.Warning{Code: "lossy_text"})
	}
	read.ID, read.Time = drivers.NewReadID(), now
	read.Reader, read.Simulated = d.reader.Name, d.reader.Simulated
	d.send(drivers.Event{Type: drivers.Completed, Read: &read})
}
