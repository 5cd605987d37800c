//go:build cgo

package usb

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/gousb"
)

// controlLimit bounds a control transfer, which nothing else can end.
const controlLimit = time.Second

// bus is libusb's view of the machine. It is safe for concurrent use.
type bus struct{ ctx *gousb.Context }

func openBus() (b *bus, err error) {
	defer guard(&err) // gousb panics when libusb does not start
	return &bus{gousb.NewContext()}, nil
}

func (b *bus) close() error {
	if err := b.ctx.Close(); err != nil {
		return fmt.Errorf("close USB library: %w", err)
	}
	return nil
}

// list returns what is plugged in, in order of bus and port. It fails only when
// nothing could be listed: a device that left meanwhile is no error.
func (b *bus) list() (all []*gousb.DeviceDesc, err error) {
	defer guard(&err)
	_, err = b.ctx.OpenDevices(func(d *gousb.DeviceDesc) bool {
		all = append(all, d)
		return false
	})
	if len(all) > 0 {
		err = nil
	}
	slices.SortFunc(all, func(a, b *gousb.DeviceDesc) int { return strings.Compare(pathOf(a), pathOf(b)) })
	return all, err
}

// open opens a device.
func (b *bus) open(want *gousb.DeviceDesc) (dev *gousb.Device, err error) {
	defer guard(&err)
	devs, err := b.ctx.OpenDevices(func(d *gousb.DeviceDesc) bool { return addressOf(d) == addressOf(want) })
	if len(devs) == 0 {
		if err == nil {
			err = errGone
		}
		return nil, fmt.Errorf("open: %w", err)
	}
	for _, d := range devs[1:] { // there is one device at an address
		_ = d.Close()
	}
	devs[0].ControlTimeout = controlLimit
	return devs[0], nil
}

// address is where a device is for as long as it stays plugged in.
type address struct {
	bus, device int
	product
}

func addressOf(d *gousb.DeviceDesc) address {
	return address{d.Bus, d.Address, product{uint16(d.Vendor), uint16(d.Product)}}
}

// pathOf is bus and ports as Linux writes them: "1-2.3".
func pathOf(d *gousb.DeviceDesc) string {
	ports := make([]string, len(d.Path))
	for i, p := range d.Path {
		ports[i] = strconv.Itoa(p)
	}
	return strconv.Itoa(d.Bus) + "-" + strings.Join(ports, ".")
}
