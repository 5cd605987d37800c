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
	f := framer{Framing: d.cfg.Framing.withDefaults()}
	var rep repeats
	scan := func(raw []byte) { d.scanned(raw, &rep) }
	tooLong := func() {
		d.send(drivers.Event{Type: drivers.Faulted, Fault: &drivers.Fault{
			Code:   drivers.FaultFrameTooLong,
			Detail: fmt.Sprintf("more than %d bytes without end; check the scanner's suffix setting and the baud rate", f.Max),
		}})
	}
	buf := make([]byte, 4096)
	waiting := serial.NoTimeout
	for {
		timeout := serial.NoTimeout
		if f.pending() {
			timeout = f.Gap
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
			f.end(scan)
		default:
			f.feed(buf[:n], scan, tooLong)
		}
	}
}

// scanned reports one scan.
func (d *Driver) scanned(raw []byte, rep *repeats) {
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
	if text, _, err := code.Text(raw, ""); err == nil && text == "" {
		return // nothing but blanks and controls
	}
	now := time.Now()
	read := d.cfg.Codes.Recognise(raw)
	if rep.again(raw, now) && !code.OneTime(read) {
		return
	}
	if lossy {
		read.Warnings = append(read.Warnings, drivers.Warning{Code: "lossy_text"})
	}
	read.ID, read.Time = drivers.NewReadID(), now
	read.Reader, read.Simulated = d.reader.Name, d.reader.Simulated
	d.send(drivers.Event{Type: drivers.Completed, Read: &read})
}
