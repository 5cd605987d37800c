//go:build hardware && cgo

package uml_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"cardferry/configs"
	"cardferry/drivers"
	"cardferry/drivers/code"
	"cardferry/drivers/idcard"
	"cardferry/drivers/rig/pty"
	"cardferry/drivers/rig/usbsim"
	"cardferry/drivers/serial"
)

// rules are those of the product.
func rules(t *testing.T) *code.Rules {
	t.Helper()
	r, err := code.LoadRules(configs.Codes())
	must(t, err)
	return r
}

// scanned waits for a scan that nothing recognised and returns its text.
func (r *running) scanned() any {
	r.Helper()
	return r.expect(drivers.Completed).Read.Extras["code"]
}

// awaitNode waits until udev has made a device node.
func awaitNode(t *testing.T, node string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		if _, err := os.Stat(node); err == nil {
			return
		}
	}
	t.Fatalf("%s does not come", node)
}

// TestScannerUnderAnotherName has a scanner on a USB adapter that is plugged in
// again after another adapter took its name. It is found by what it is.
func TestScannerUnderAnotherName(t *testing.T) {
	clean(t)
	scanner, other := usbsim.NewFTDI("SCAN1"), usbsim.NewFTDI("OTHER")
	at := plug(t, scanner)
	awaitNode(t, "/dev/ttyUSB0")
	const port = "usb:0403:6001:SCAN1"
	r := run(t, serial.New(serial.Config{Port: port, Kind: drivers.KindScanner, Codes: rules(t)}))
	if e := r.expect(drivers.Attached); e.Reader.Name != port {
		t.Errorf("the reader is called %q", e.Reader.Name)
	}
	if line := scanner.Line(); line.Format&0xFF != 8 || line.Baud() != 9600 {
		t.Errorf("the line is set to %+v, %d baud; want 8N1 at 9600", line, line.Baud())
	}
	scanner.Transmit([]byte("MRN-1\r\n"))
	if got := r.scanned(); got != "MRN-1" {
		t.Errorf("scanned %v", got)
	}
	scanner.Transmit([]byte("half a scan ")) // no end: it must not become part of the next
	must(t, at.Unplug())
	r.expect(drivers.Detached)

	plug(t, other)
	awaitNode(t, "/dev/ttyUSB0")
	plug(t, scanner)
	awaitNode(t, "/dev/ttyUSB1")
	if e := r.expect(drivers.Attached); e.Reader.Name != port {
		t.Errorf("the reader is called %q", e.Reader.Name)
	}
	other.Transmit([]byte("NOT-OURS\r\n"))
	scanner.Transmit([]byte("MRN-2\r\n"))
	if got := r.scanned(); got != "MRN-2" {
		t.Errorf("scanned %v", got)
	}
	r.quiet()
	r.checkStorySerial()
}

// TestScannerCycles unplugs and plugs a scanner again and again. It is named with its serial
// number: the adapters of the test before may still be going. Its node keeps its
// name, which it does only when the driver closes it each time.
func TestScannerCycles(t *testing.T) {
	const warmUp = 3
	n := max(warmUp+3, cycles(t, 100))
	clean(t)
	scanner := usbsim.NewFTDI("SCAN2")
	at := plug(t, scanner)
	r := run(t, serial.New(serial.Config{Port: "usb:0403:6001:SCAN2", Kind: drivers.KindScanner, Codes: rules(t)}))
	files := 0
	began := time.Now()
	for i := range n {
		r.expect(drivers.Attached)
		code := fmt.Sprintf("MRN-%d", i)
		scanner.Transmit([]byte(code + "\r"))
		if got := r.scanned(); got != code {
			t.Fatalf("cycle %d: scanned %v", i, got)
		}
		if _, err := os.Stat("/dev/ttyUSB1"); err == nil {
			t.Fatalf("cycle %d: the scanner has a new name, so a handle was left open", i)
		}
		must(t, at.Unplug())
		r.expect(drivers.Detached)
		if i == warmUp {
			files = handles(t)
		}
		if now := handles(t); i > warmUp && now > files {
			t.Fatalf("cycle %d: %d files are open, %d before", i, now, files)
		}
		at = plug(t, scanner)
	}
	r.expect(drivers.Attached)
	r.quiet()
	t.Logf("%d unplug/replug cycles, %v each", n, (time.Since(began) / time.Duration(n)).Round(time.Millisecond))
}

// wire puts a SAM at the end of the adapter's RS-232 line, at one rate.
func wire(f *usbsim.FTDI, sam *pty.IDReader, baud int) {
	var dec idcard.Decoder
	f.Receive(func(b []byte) {
		if f.Line().Baud() != baud { // a UART at another rate sees noise
			dec.Reset()
			return
		}
		_, _ = dec.Write(b)
		for {
			frame, err := dec.Next()
			if frame == nil && err == nil {
				return
			}
			if err == nil {
				f.Transmit(sam.Answer(frame))
			}
		}
	})
}

// TestIDReaderOnAnAdapter has an ID-card reader with a USB-serial chip: its rate is
// found, it is pulled while a card is read, and it works again.
func TestIDReaderOnAnAdapter(t *testing.T) {
	clean(t)
	adapter, sam := usbsim.NewFTDI("IDR1"), &pty.IDReader{}
	wire(adapter, sam, 38400)
	at := plug(t, adapter)
	r := run(t, serial.New(serial.Config{Port: "usb:0403:6001:IDR1", Kind: drivers.KindIDCard}))
	r.expect(drivers.Attached)
	card := pty.IDCard{Text: pty.Citizen{
		Name: "测试甲", Sex: "2", Ethnicity: "01", Birth: "19000101", Address: "测试省测试市样例路1号",
		Number: "990101190001010018", Issuer: "测试市公安局", From: "20200101", To: "长期",
	}.Block()}
	for range cycles(t, 2) { // finding the rate anew takes seconds
		sam.Place(card)
		if e := r.expect(drivers.Presented, drivers.Completed); e.Read.Medium != "cn-resident-id" {
			t.Errorf("read %q", e.Read.Medium)
		}
		sam.Lift()
		r.expect(drivers.Removed)

		sam.Refuse(idcard.CmdRead, idcard.StatusReadFailed, 1)
		sam.Place(card)
		r.expect(drivers.Presented)
		must(t, at.Unplug())
		sam.Lift()
		r.until(drivers.Detached)
		at = plug(t, adapter)
		r.expect(drivers.Attached)
	}
}

// checkStorySerial checks that a scanner's events alternate: attached, reads,
// detached.
func (r *running) checkStorySerial() {
	r.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, events := range r.story {
		attached := false
		for i, e := range events {
			if e == drivers.Attached == attached {
				r.Errorf("%s: %q makes no sense as event %d of %v", name, e, i, events)
			}
			attached = e != drivers.Detached
		}
	}
}
