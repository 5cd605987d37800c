package usbsim

import (
	"errors"
	"fmt"
	"net"
	"os"
)

// BridgeEnv is the environment variable in which rig/usbmock tells the processes
// under its bridge where the bridge takes devices: the path of a Unix socket.
const BridgeEnv = "CARDFERRY_USBMOCK"

// ErrNoHost says that there is nothing here to plug a simulated device into; the
// text around it says what would help. Tests skip on it.
var ErrNoHost = errors.New("no host for simulated USB devices")

// Attached is a device that is plugged in.
type Attached struct {
	device *Device
	done   chan struct{} // the link has ended
	err    error         // why, once done is closed
	freed  func()        // waits until the host has let go of the port
}

// Plug plugs a device of this package into the bridge of rig/usbmock when the
// process runs under it, else into the kernel's virtual host controller. It returns
// when the host has been told; enumeration takes it up to a second. The device stays
// until Unplug: a test must call that in the end. Errors wrap [ErrNoHost] when there
// is no host.
func Plug(dev interface{ Base() *Device }) (*Attached, error) {
	d := dev.Base()
	gone, err := d.plugIn()
	if err != nil {
		return nil, err
	}
	var c link
	freed := func() {}
	if path := os.Getenv(BridgeEnv); path != "" {
		c, err = dialBridge(path)
	} else {
		c, freed, err = attachKernel(d)
	}
	if err != nil {
		d.plugOut()
		return nil, err
	}
	a := &Attached{device: d, done: make(chan struct{}), freed: freed}
	go func() {
		defer close(a.done)
		a.err = serve(c, d, gone)
	}()
	return a, nil
}

func dialBridge(path string) (link, error) {
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("%w: reach the umockdev bridge: %w", ErrNoHost, err)
	}
	return c, nil
}

// Unplug pulls the cable and returns when the host has noticed and the device has
// stopped. It must not be called by the device itself (use [Device.Unplug] there);
// a second call does nothing. The error is what ended the link before.
func (a *Attached) Unplug() error {
	a.device.Unplug()
	<-a.done
	a.freed()
	return a.err
}

// Gone is closed when the device has stopped, by Unplug or because the host let go.
func (a *Attached) Gone() <-chan struct{} { return a.done }
