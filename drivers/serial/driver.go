package serial

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"cardferry/drivers"
	"cardferry/drivers/code"
	"cardferry/drivers/idcard"
)

// Config is one reader on one port.
type Config struct {
	// Port is the device: "/dev/ttyUSB0", "/dev/serial/by-id/…", "COM3", or a USB
	// identity, "usb:0403:6001" or "usb:0403:6001:SERIAL" (vendor and product in
	// hexadecimal), which finds the device under whatever name it has at the moment.
	Port string
	// Kind is [drivers.KindScanner] or [drivers.KindIDCard].
	Kind string
	// Baud is the line's rate in bits per second. 0 is 9600 for a scanner; an
	// ID-card reader is probed at its five rates, 115200 first.
	Baud int
	// Line is how bytes are framed on the wire; the zero value is 8N1.
	Line Line
	// Charset is what a scanner sends, as for [code.Text]; "" and "auto" mean UTF-8
	// when it is valid, else GB 18030.
	Charset string
	// Framing says where a scan ends and what the scanner puts around it. Scanners
	// only.
	Framing Framing
	// StripAIM takes an AIM symbology identifier off every scan. Without it the
	// code rules see it, and take it off when they ask for it.
	StripAIM bool
	// Name is the reader's stable name; "" is a USB identity itself, else the port's
	// name under /dev/serial/by-id where it has one, else the last part of Port.
	Name string
	// Codes recognises scans; nil recognises nothing.
	Codes *code.Rules
	// Disclose says which sensitive data of an ID card leave the reader.
	Disclose idcard.Options
	// Logger may be nil.
	Logger *slog.Logger
	// Simulated flags the reader and all it reads.
	Simulated bool
}

// Driver watches one serial port. It implements [drivers.Driver]. Run it once.
type Driver struct {
	cfg  Config
	log  *slog.Logger
	root root

	// All below belongs to Run.
	emit     func(drivers.Event)
	reader   drivers.Reader
	attached bool
	told     drivers.FaultCode // fault told since the reader last worked
	refused  int               // attempts in a row that were refused the port
	baud     int               // rate at which the ID-card reader last answered
}

// New returns the driver of a port.
func New(cfg Config) *Driver {
	log := cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if strings.EqualFold(cfg.Charset, charsetAuto) {
		cfg.Charset = ""
	}
	return &Driver{cfg: cfg, log: log.With("driver", "serial", "port", cfg.Port), root: systemRoot}
}

// charsetAuto is the name for the charset that is told from the bytes.
const charsetAuto = "auto"

// Name returns "serial".
func (d *Driver) Name() string { return "serial" }

// The pauses between attempts to open the port. The next attempt comes early when the
// device node changes; what is left is for systems that do not tell.
const (
	firstPause = 250 * time.Millisecond
	lastPause  = 5 * time.Second
	// settled is how long a port must work for its next failure to count as the
	// first.
	settled = 10 * time.Second
	// leastPause keeps a flapping node from taking a core.
	leastPause = 50 * time.Millisecond
	// refusals is how many attempts in a row must be refused before it is a fault:
	// a fresh node belongs to root until udev has set its group, and ModemManager
	// opens new ports to try them.
	refusals = 3
)

// Run implements [drivers.Driver]. It returns an error at once when the
// configuration can never work.
func (d *Driver) Run(ctx context.Context, emit func(drivers.Event)) error {
	if err := d.cfg.check(); err != nil {
		return err
	}
	d.emit = emit
	d.reader = drivers.Reader{Name: d.readerName(), Driver: d.Name(), Kind: d.cfg.Kind, Simulated: d.cfg.Simulated}
	pause := firstPause
	for {
		// Watching starts before the attempt, so that a node which appears between
		// the two is not missed.
		node := d.watch()
		began := time.Now()
		err := d.session(ctx)
		if ctx.Err() == nil {
			d.failed(err)
			if time.Since(began) > settled {
				pause = firstPause
			}
			jitter := rand.N(pause / 2) //nolint:gosec // spreads attempts, keeps no secret
			node.wait(ctx, leastPause, pause/2+jitter)
			pause = min(2*pause, lastPause)
		}
		node.close()
		if ctx.Err() != nil {
			return nil //nolint:nilerr // this is how a driver is stopped
		}
	}
}

func (c Config) check() error {
	switch {
	case c.Port == "":
		return errors.New("serial reader without port; set port to a device such as /dev/ttyUSB0 or COM3")
	case c.Kind != drivers.KindScanner && c.Kind != drivers.KindIDCard:
		return fmt.Errorf("serial reader %s: kind %q; use %q or %q", c.Port, c.Kind, drivers.KindScanner, drivers.KindIDCard)
	case c.Baud < 0:
		return fmt.Errorf("serial reader %s: baud %d; use the rate of the reader or 0", c.Port, c.Baud)
	}
	if _, _, err := parseIdentity(c.Port); err != nil {
		return fmt.Errorf("serial reader: %w", err)
	}
	if _, err := c.Line.mode(c.Baud); err != nil {
		return fmt.Errorf("serial reader %s: %w", c.Port, err)
	}
	if _, _, err := code.Text(nil, c.Charset); err != nil {
		return fmt.Errorf("serial reader %s: %w", c.Port, err)
	}
	return nil
}

// device returns the device node of the port as it is now.
func (d *Driver) device() (string, error) {
	id, byIdentity, err := parseIdentity(d.cfg.Port)
	if err != nil || !byIdentity {
		return d.cfg.Port, err
	}
	return d.root.find(id)
}

// watch tells when it may be worth trying to open the port again.
func (d *Driver) watch() *nodeWatch {
	if strings.HasPrefix(d.cfg.Port, identityPrefix) {
		return watchNodes(d.root.dev)
	}
	return watchNode(d.cfg.Port)
}

// session opens the port and serves the reader until one of them fails or ctx ends.
func (d *Driver) session(ctx context.Context) error {
	device, err := d.device()
	if err != nil {
		return err
	}
	port, err := openPort(device, d.cfg.Line, d.firstBaud())
	if err != nil {
		return err
	}
	// Closing is what unblocks a read, and a port must be closed before it is
	// opened again: with a handle left open a USB device comes back under a new
	// name.
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		_ = port.Close()
	})
	defer func() {
		if stop() {
			_ = port.Close()
		} else {
			<-closed
		}
		if d.attached {
			d.attached = false
			if ctx.Err() == nil {
				d.send(drivers.Event{Type: drivers.Detached})
			}
		}
	}()
	if d.cfg.Kind == drivers.KindScanner {
		return d.serveScanner(port)
	}
	return d.serveIDReader(ctx, port)
}

// works says that the reader can be used from now on.
func (d *Driver) works() {
	d.attached, d.told, d.refused = true, "", 0
	d.reader.Name = d.readerName()
	d.send(drivers.Event{Type: drivers.Attached})
}

// failed tells why a session ended, once per reason. An unplugged reader is no
// fault.
func (d *Driver) failed(err error) {
	fault := faultOf(err)
	if fault == nil {
		d.refused = 0
		d.log.Debug("port is not there", "reason", err)
		return
	}
	if fault.Code == drivers.FaultAccessDenied || fault.Code == drivers.FaultInUse {
		if d.refused++; d.refused < refusals {
			return
		}
	}
	d.log.Warn("reader does not work; trying again", "code", fault.Code, "reason", err)
	if fault.Code != d.told {
		d.told = fault.Code
		d.send(drivers.Event{Type: drivers.Faulted, Fault: fault})
	}
}

func (d *Driver) send(e drivers.Event) {
	e.Time, e.Reader = time.Now(), d.reader
	d.emit(e)
}

func (d *Driver) readerName() string {
	if d.cfg.Name != "" {
		return d.cfg.Name
	}
	if strings.HasPrefix(d.cfg.Port, identityPrefix) {
		return d.cfg.Port
	}
	return stableName(d.cfg.Port, byID)
}
