//go:build cgo

package usb

import (
	"errors"
	"fmt"
	"time"

	"cardferry/drivers"
	"cardferry/drivers/code"
	"cardferry/drivers/usb/hid"

	"github.com/google/gousb"
)

const (
	// partGap is the longest pause between two reports of one scan in POS mode.
	partGap = time.Second
	// typingGap is the silence that ends a scan which a keyboard typed without Enter.
	// Scanners leave up to 80 ms between keys when they are set to slow.
	typingGap = 250 * time.Millisecond
	// What waits in a scanner when it is opened comes without longer pauses than
	// staleGap, and within staleMost.
	staleGap  = 100 * time.Millisecond
	staleMost = time.Second
)

// serveScanner reads a scanner in HID POS mode until it fails. It sleeps while no scan
// has begun.
func (k *keeper) serveScanner(l *link) error {
	in, err := k.reportsOf(l)
	if err != nil {
		return err
	}
	k.works()
	pos, seen := hid.NewPOS(k.c.reports), scans{codes: k.d.cfg.Codes}
	for {
		report, err := in.within(partGap, pos.Pending())
		switch {
		case err != nil:
			return err
		case report == nil:
			pos.Reset()
			k.lost(drivers.FaultFrame, "a scan broke off; scan again")
			continue
		}
		scan, complete, err := pos.Add(report)
		switch {
		case errors.Is(err, hid.ErrTooLong):
			k.lost(drivers.FaultFrameTooLong, err.Error())
		case err != nil:
			k.lost(drivers.FaultFrame, err.Error())
		case complete:
			k.scanned(&seen, scan)
		}
	}
}

// serveKeyboard reads a scanner that types until it fails.
func (k *keeper) serveKeyboard(l *link) error {
	layout, ok := hid.LayoutByName(k.listed.Layout)
	if !ok {
		return fmt.Errorf("layout %q: %w", k.listed.Layout, errNoData) // Run has refused it
	}
	in, err := k.reportsOf(l)
	if err != nil {
		return err
	}
	reports := k.c.reports
	if l.intf.Setting.SubClass == bootInterface && l.classRequest(hidSetProtocol, bootProtocol, nil) == nil {
		reports = hid.Descriptor{} // it sends boot reports now
	}
	// No repetition of reports that did not change; a keyboard need not know it.
	_ = l.classRequest(hidSetIdle, 0, nil)
	k.works()
	keyboard, seen := hid.NewKeyboard(layout, reports), scans{codes: k.d.cfg.Codes}
	for {
		report, err := in.within(typingGap, keyboard.Pending())
		if err != nil {
			return err
		}
		if report != nil && !keyboard.Add(report) {
			continue
		}
		text, lossy, err := keyboard.End(k.charset())
		switch {
		case errors.Is(err, hid.ErrTooLong):
			k.lost(drivers.FaultFrameTooLong, err.Error())
		case err != nil:
			k.lost(drivers.FaultFrame, err.Error())
		default:
			k.report(&seen, "", []byte(text), lossy)
		}
	}
}

// bootProtocol is the value of SET_PROTOCOL (HID 1.11 section 7.2.6).
const bootProtocol = 0

// reportsOf pumps the interface's input reports, from now on: what waited in the
// scanner was scanned before it was ours.
func (k *keeper) reportsOf(l *link) (*pipe, error) {
	endpoints := l.endpoints(gousb.EndpointDirectionIn)
	if len(endpoints) == 0 {
		return nil, fmt.Errorf("no endpoint for input reports: %w", errNoData)
	}
	in, err := l.pump(endpoints[0])
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(staleMost); time.Now().Before(end); {
		if report, err := in.within(staleGap, true); report == nil || err != nil {
			return in, err
		}
	}
	return in, nil
}

// within returns the next packet; once something has begun it waits no longer than
// gap, and then returns nil.
func (p *pipe) within(gap time.Duration, begun bool) ([]byte, error) {
	var late <-chan time.Time
	if begun {
		t := time.NewTimer(gap)
		defer t.Stop()
		late = t.C
	}
	select {
	case packet, ok := <-p.packets:
		if !ok {
			return nil, p.why
		}
		return packet, nil
	case <-late:
		return nil, nil
	}
}

// charset is what the scanner sends.
func (k *keeper) charset() string {
	if k.listed.Charset != "" {
		return k.listed.Charset
	}
	return k.d.cfg.Charset
}

// scanned reports what a scanner in POS mode sent.
func (k *keeper) scanned(seen *scans, scan hid.Scan) {
	raw, lossy := scan.Data, false
	if charset := scanCharset(k.charset()); charset != "" {
		text, bad, err := code.Text(raw, charset)
		if err != nil {
			k.lost(drivers.FaultFrame, "a scan is no text of the charset that the configuration gives the scanner")
			return
		}
		raw, lossy = []byte(text), bad
	}
	k.report(seen, scan.AIM, raw, lossy)
}

// report reports a scan, unless it is the last one once more.
func (k *keeper) report(seen *scans, aim string, scan []byte, lossy bool) {
	read := seen.read(aim, scan, time.Now())
	if read == nil {
		return
	}
	if lossy {
		read.Warnings = append(read.Warnings, drivers.Warning{Code: "lossy_text"})
	}
	read.Reader, read.Simulated = k.reader.Name, k.reader.Simulated
	k.emit(drivers.Event{Type: drivers.Completed, Read: read})
}

// lost tells of a scan that is lost. The scanner goes on.
func (k *keeper) lost(code drivers.FaultCode, detail string) {
	k.emit(drivers.Event{Type: drivers.Faulted, Fault: &drivers.Fault{Code: code, Detail: detail}})
}
