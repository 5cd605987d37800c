package usbsim

import (
	"sync"
	"time"
)

// FTDI is an FT232R USB-serial adapter: the kernel's ftdi_sio driver makes a
// /dev/ttyUSBn of it, with modem lines and a USB identity. The requests are those
// of drivers/usb/serial/ftdi_sio.h in the kernel.
type FTDI struct {
	Device

	mu       sync.Mutex
	modem    byte
	line     LineState
	received func(b []byte)
}

// LineState is what the host has set.
type LineState struct {
	Divisor  uint32 // of 3 MHz, with FTDI's fraction bits from bit 14
	Format   uint16 // low byte data bits, 0x0700 parity, 0x3800 stop bits
	DTR, RTS bool
}

// Baud returns the rate in bits per second, rounded; 0 before the host has set one.
func (s LineState) Baud() int {
	// Eighths that bits 14 to 16 mean (FTDI application note AN_120, section 3).
	eighths := [8]uint32{0, 4, 2, 1, 3, 5, 6, 7}
	const clock, integer = 3_000_000, 0x3FFF
	parts := 8*(s.Divisor&integer) + eighths[s.Divisor>>14&7]
	switch {
	case s.Divisor == 0:
		return 0
	case parts < 8: // 0 means 3 MBd, 1 (with a fraction) 2 MBd
		return clock
	}
	return int((8*clock + parts/2) / parts)
}

// Endpoints of the adapter.
const (
	ftdiIn  = 0x81
	ftdiOut = 0x02
)

// Vendor requests and modem status bits of the adapter.
const (
	ftdiSetModem    = 1
	ftdiSetBaud     = 3
	ftdiSetFormat   = 4
	ftdiGetModem    = 5
	ftdiGetLatency  = 0x0A
	ftdiReadEEPROM  = 0x90
	ftdiStatusBytes = 2 // in front of the data of every packet

	modemCTS, modemDSR, modemRI, modemDCD = 0x10, 0x20, 0x40, 0x80
)

// NewFTDI makes an adapter.
func NewFTDI(serial string) *FTDI {
	f := &FTDI{modem: modemCTS | modemDSR}
	f.VID, f.PID, f.Release = 0x0403, 0x6001, 0x0600
	f.Manufacturer, f.Name, f.Serial = "FTDI", "FT232R USB UART", serial
	f.interfaces = []usbInterface{{class: classVendor, subClass: 0xFF, protocol: 0xFF, endpoints: []endpoint{
		{addr: ftdiIn, attr: bulk, maxPacket: 64},
		{addr: ftdiOut, attr: bulk, maxPacket: 64},
	}}}
	f.control = func(s setup, _ []byte) ([]byte, error) { return f.request(s) }
	f.out = map[byte]func([]byte) error{ftdiOut: func(b []byte) error {
		f.mu.Lock()
		to := f.received
		f.mu.Unlock()
		if to != nil {
			to(b)
		}
		return nil
	}}
	// A real chip reports its status every 16 ms (latency timer); this one is slower
	// to spare a simulated host.
	f.idleAfter = 500 * time.Millisecond
	f.idle = map[byte]func() []byte{ftdiIn: f.status}
	return f
}

// Receive sets who gets what the host writes to the port; called in the device's
// own goroutine, and must not block.
func (f *FTDI) Receive(to func(b []byte)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.received = to
}

// Transmit sends bytes to the host as if they came in on the RX line.
func (f *FTDI) Transmit(b []byte) {
	const most = 64 - ftdiStatusBytes
	for len(b) > 0 {
		n := min(len(b), most)
		f.send(ftdiIn, append(f.status(), b[:n]...))
		b = b[n:]
	}
}

// SetModem sets the modem input lines.
func (f *FTDI) SetModem(cts, dsr, ri, dcd bool) {
	f.mu.Lock()
	f.modem = 0
	for bit, on := range map[byte]bool{modemCTS: cts, modemDSR: dsr, modemRI: ri, modemDCD: dcd} {
		if on {
			f.modem |= bit
		}
	}
	f.mu.Unlock()
	f.send(ftdiIn, f.status())
}

// Line returns what the host has set.
func (f *FTDI) Line() LineState {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.line
}

// status is the modem and line status in front of all data: transmitter empty.
func (f *FTDI) status() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return []byte{f.modem | 1, 0x60}
}

func (f *FTDI) request(s setup) ([]byte, error) {
	if s.in() {
		switch s.request {
		case ftdiGetModem:
			return f.status(), nil
		case ftdiGetLatency:
			return []byte{16}, nil
		case ftdiReadEEPROM:
			return []byte{0, 0}, nil
		}
		return nil, errStall
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch s.request {
	case ftdiSetModem: // high byte: which lines; low byte: their levels
		if s.value&0x0100 != 0 {
			f.line.DTR = s.value&1 != 0
		}
		if s.value&0x0200 != 0 {
			f.line.RTS = s.value&2 != 0
		}
	case ftdiSetBaud:
		f.line.Divisor = uint32(s.value) | uint32(s.index>>8)<<16
	case ftdiSetFormat:
		f.line.Format = s.value
	}
	return nil, nil
}
