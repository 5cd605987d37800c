package usb

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"cardferry/drivers"
	"cardferry/drivers/card"
	"cardferry/drivers/code"
	"cardferry/drivers/idcard"
)

// Name is the driver's name in configuration and events.
const Name = "usb"

// The kinds of device.
const (
	KindIDCard   = "idcard"   // resident-ID-card reader, SAM protocol
	KindScanner  = "scanner"  // scanner in HID POS mode, usage page 8Ch
	KindKeyboard = "keyboard" // scanner that types
	KindHD100    = "hd100"    // HD-100 desk reader
)

// Unlisted says what happens to a reader that [Config.Devices] does not list.
type Unlisted string

// What can happen to it.
const (
	Ask    Unlisted = "ask"    // wait until Config.Approved says yes; the zero value means this too
	Use    Unlisted = "use"    // use it, unless it is a keyboard: those are always asked for
	Ignore Unlisted = "ignore" // leave it alone
)

// Device lists a device, or all of one make.
type Device struct {
	// Match is vendor and product in hex, "0400:c35a", and where it must be told
	// apart from others the serial number, the port or both behind it, as [Found.ID]
	// has them: "0400:c35a:SERIAL", "0400:c35a@1-2.3". Case does not matter. The first
	// that matches counts.
	Match string
	// Kind is one of the Kind constants; "" goes by the table of known devices and
	// by the device's descriptors. A device of [KindKeyboard], and a keyboard that is
	// listed without a kind, is taken away from the desktop: list scanners only.
	Kind string
	// Charset is what a scanner sends, as for [code.Text]; "" is Config.Charset. For a
	// typing scanner it says what Alt and a number above 255 mean: a GB 18030 family
	// name the code of two bytes, "utf-8" or "unicode" the code point.
	Charset string
	// Layout is the keyboard layout that a typing scanner is set to, one of
	// [hid.Layouts]; "" is "us".
	Layout string
	// Name is the reader's name; "" is [Found.ID].
	Name string
}

// Config says which devices are used and how. Functions are called from the driver's
// goroutines and must not block for long.
type Config struct {
	Devices  []Device
	Unlisted Unlisted
	// Approved says whether a person has approved the device with this [Found.ID];
	// nil approves none. It is asked again at each change on the bus and after
	// [Driver.Recheck].
	Approved func(id string) bool
	// Charset is the charset of scanned text where a Device has none; "" means UTF-8
	// when it is valid, else GB 18030.
	Charset string
	// Codes recognises scans; nil recognises nothing.
	Codes *code.Rules
	// Disclose says which sensitive data of an ID card leave the reader.
	Disclose idcard.Options
	// Read decodes a card in an HD-100, usually (*card.Engine).Read. Nil leaves these
	// readers unused.
	Read func(ctx context.Context, ch card.Channel, info card.Info) (drivers.Read, error)
	// Logger receives what hospital IT may want to see, never what was read; nil
	// discards it.
	Logger *slog.Logger
}

// Driver watches all USB devices of the machine. It implements [drivers.Driver]. Run
// it once. All methods are safe for concurrent use.
type Driver struct {
	cfg     Config
	log     *slog.Logger
	recheck chan struct{}
	sysfs   string // where Linux describes USB devices

	mu    sync.Mutex
	found map[string]Found // by ID
}

// New returns a driver that is not running yet.
func New(cfg Config) *Driver {
	log := cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Driver{
		cfg: cfg, log: log.With("driver", Name), recheck: make(chan struct{}, 1),
		sysfs: "/sys/bus/usb/devices", found: map[string]Found{},
	}
}

// Name returns "usb".
func (d *Driver) Name() string { return Name }

// State says what the driver makes of a device.
type State string

// The states of a device.
const (
	StateInUse        State = "in-use"
	StateStarting     State = "starting" // ours, does not work yet
	StateWaiting      State = "waiting-approval"
	StateIgnored      State = "ignored"
	StateNoPermission State = "no-permission"
	StateClaimed      State = "claimed-by-other"
	StateUnsupported  State = "unsupported"
	StateFailing      State = "failing" // ours, but does not do what its kind should
)

// The stable codes of what a person can do about a state.
const (
	RemedyApprove    = "approve"          // approve the device, or list it in the configuration
	RemedyList       = "list_device"      // list it: the site ignores what it does not list
	RemedyPermission = "udev_rule"        // install the packaged udev rule and plug the device in again
	RemedyOtherUser  = "close_program"    // close the program or driver that holds the device
	RemedyKind       = "set_kind"         // the descriptors do not tell what it is: set kind
	RemedyReplug     = "check_and_replug" // check cable and power, plug it in again
	RemedyCards      = "enable_cards"     // the HD-100 needs card profiles
)

// Found is a device that is, or could be, one of our readers.
type Found struct {
	// ID is the device's stable name: "0400:c35a:SERIAL", and for a device without
	// serial number "0400:c35a@1-2.3" with bus and ports; both, when another device has
	// the same serial number. It survives re-plug and restart, and is what
	// Config.Approved is asked about.
	ID      string `json:"id"`
	Product string `json:"product"` // what the device calls itself; may be empty
	Kind    string `json:"kind"`
	State   State  `json:"state"`
	Remedy  string `json:"remedy,omitempty"` // one of the Remedy codes
	// Name is the reader's name in events.
	Name string `json:"name"`
}

// Found lists the devices that are plugged in, in order of ID.
func (d *Driver) Found() []Found {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.SortedFunc(maps.Values(d.found), func(a, b Found) int { return strings.Compare(a.ID, b.ID) })
}

// Recheck makes the driver ask Config.Approved again, at once: a device that is
// approved now starts, one that no longer is ends.
func (d *Driver) Recheck() {
	select {
	case d.recheck <- struct{}{}:
	default: // one is pending
	}
}
