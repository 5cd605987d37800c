package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Device is one piece of hardware that may be a reader, as the operating system
// sees it.
type Device struct {
	// Bus is how it is reached: "usb" or "serial".
	Bus string `json:"bus"`
	// Name is what it is opened by: "/dev/serial/by-id/…", "1-2" (USB port).
	Name string `json:"name"`
	// USB is vendor:product in hex, empty for a built-in port; Serial is the
	// device's serial number where it has one.
	USB     string `json:"usb,omitempty"`
	Serial  string `json:"serial,omitempty"`
	Product string `json:"product,omitempty"`
	// Kind is what it looks like: "smartcard", "scanner", "keyboard", "hid",
	// "serial", "vendor".
	Kind string `json:"kind"`
	// Driver is the kernel's driver for it, empty for none.
	Driver string `json:"driver,omitempty"`
	// Denied says that this user may not open it.
	Denied bool `json:"denied"`
	// Holders are the programs that have it open, as far as this user may see.
	Holders []Process `json:"holders,omitempty"`

	nodes []string // device nodes, for finding the holders
}

// Process is a running program.
type Process struct {
	PID  int    `json:"pid"`
	Name string `json:"name"`
}

func (p Process) String() string { return fmt.Sprintf("%s (%d)", p.Name, p.PID) }

// held names the programs that hold a device, other than cardferry itself.
func (d Device) held() string {
	var names []string
	for _, p := range d.Holders {
		if p.Name != "cardferry" {
			names = append(names, p.String())
		}
	}
	return strings.Join(names, ", ")
}

// Hardware lists what is attached to this machine and may be a reader, and who
// has it open. Programs of other users are seen by root only.
func Hardware() ([]Device, error) {
	devices, err := listDevices("/")
	if err != nil {
		return nil, err
	}
	findHolders("/", devices)
	slices.SortFunc(devices, func(a, b Device) int {
		return cmp.Or(cmp.Compare(a.Bus, b.Bus), cmp.Compare(a.Name, b.Name))
	})
	return devices, nil
}
