package serial

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cardferry/drivers"
	"cardferry/drivers/idcard"

	"go.bug.st/serial"
)

// idReaderBauds are the rates a SAM knows, the factory setting first.
func idReaderBauds() []int { return []int{115200, 57600, 38400, 19200, 9600} }

// betweenBytes is the longest pause inside one frame.
const betweenBytes = 500 * time.Millisecond

// firstBaud is the rate to open the port at.
func (d *Driver) firstBaud() int {
	switch {
	case d.cfg.Baud != 0:
		return d.cfg.Baud
	case d.cfg.Kind == drivers.KindScanner:
		return scannerBaud
	case d.baud != 0:
		return d.baud
	default:
		return idReaderBauds()[0]
	}
}

// serveIDReader finds the reader on the port and watches it until the port or the
// reader fails.
func (d *Driver) serveIDReader(ctx context.Context, port serial.Port) error {
	session := idcard.NewSession(&line{port: port})
	baud, err := d.probe(ctx, port, session)
	if err != nil {
		return err
	}
	d.baud = baud
	sam, err := session.SAMNumber(ctx)
	if err != nil {
		sam = "not told"
	}
	d.log.Info("ID-card reader answers", "baud", baud, "sam", sam)
	d.works()
	w := &idcard.Watcher{Session: session, Reader: d.reader, Options: d.cfg.Disclose}
	return w.Run(ctx, d.emit)
}

// probe asks for the SAM's self test at each rate that may be right and leaves the
// port at the one that was answered. A SAM that fails its self test is reset once.
func (d *Driver) probe(ctx context.Context, port serial.Port, session *idcard.Session) (int, error) {
	first := d.firstBaud()
	bauds := []int{first}
	if d.cfg.Baud == 0 {
		for _, b := range idReaderBauds() {
			if b != first {
				bauds = append(bauds, b)
			}
		}
	}
	var last error
	for _, baud := range bauds {
		mode, err := d.cfg.Line.mode(baud)
		if err == nil {
			err = port.SetMode(mode)
		}
		if err != nil {
			return 0, fmt.Errorf("set %d baud: %w", baud, err)
		}
		last = session.Check(ctx, 1)
		var se *idcard.StatusError
		if errors.As(last, &se) {
			if last = session.Reset(ctx); last == nil {
				last = session.Check(ctx, 1)
			}
			return baud, last
		}
		if last == nil || !idcard.WireError(last) {
			return baud, last
		}
	}
	return 0, fmt.Errorf("no ID-card reader at %v baud: %w", bauds, last)
}

// line carries SAM frames over a serial port; it implements [idcard.Transport].
type line struct {
	port serial.Port
	dec  idcard.Decoder
	buf  [4096]byte
}

// Exchange implements [idcard.Transport].
func (l *line) Exchange(ctx context.Context, frame []byte) ([]byte, error) {
	// A late answer to the last request must not pass for this one's, and a port has
	// no write time-out: without this a mute reader's requests would pile up until a
	// write blocks.
	if err := errors.Join(l.port.ResetInputBuffer(), l.port.ResetOutputBuffer()); err != nil {
		return nil, fmt.Errorf("reset port: %w", err)
	}
	l.dec.Reset()
	if _, err := l.port.Write(frame); err != nil {
		return nil, fmt.Errorf("write: %w", err)
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(betweenBytes)
	}
	for {
		answer, err := l.dec.Next()
		if answer != nil || err != nil {
			return answer, err
		}
		left := time.Until(deadline)
		if l.dec.Pending() {
			left = min(left, betweenBytes)
		}
		n := 0
		if left > 0 {
			if err := l.port.SetReadTimeout(left); err != nil {
				return nil, fmt.Errorf("set read time-out: %w", err)
			}
			if n, err = read(l.port, l.buf[:]); err != nil {
				return nil, err
			}
		}
		switch {
		case n > 0:
			_, _ = l.dec.Write(l.buf[:n])
		case l.dec.Pending():
			return nil, idcard.ErrTorn
		default:
			return nil, idcard.ErrNoAnswer
		}
	}
}
