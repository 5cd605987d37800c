package doctor

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// USB interface classes (usb.org, Defined Class Codes).
const (
	classHID       = "03"
	classSmartcard = "0b"
	classHub       = "09"
	classVendor    = "ff"
)

// listDevices reads /sys and /dev below root: USB devices that are a smart card
// reader, an HID or a vendor's own kind, and every serial port that is USB or has
// a name under /dev/serial.
func listDevices(root string) ([]Device, error) {
	var out []Device
	folders, err := filepath.Glob(filepath.Join(root, "sys/bus/usb/devices/*"))
	if err != nil {
		return nil, err
	}
	for _, dir := range folders {
		if d, ok := usbDevice(root, dir); ok {
			out = append(out, d)
		}
	}
	return append(out, serialPorts(root)...), nil
}

// usbDevice looks at one device of sysfs; interfaces and hubs are none.
func usbDevice(root, dir string) (Device, bool) {
	attr := func(name string) string { return readLine(filepath.Join(dir, name)) }
	if attr("idVendor") == "" || attr("bDeviceClass") == classHub {
		return Device{}, false
	}
	d := Device{
		Bus: "usb", Name: filepath.Base(dir), USB: attr("idVendor") + ":" + attr("idProduct"),
		Serial: attr("serial"), Product: strings.TrimSpace(attr("manufacturer") + " " + attr("product")),
	}
	bus, _ := strconv.Atoi(attr("busnum"))
	number, _ := strconv.Atoi(attr("devnum"))
	d.nodes = []string{filepath.Join(root, fmt.Sprintf("dev/bus/usb/%03d/%03d", bus, number))}
	interfaces, err := filepath.Glob(dir + "/*:*")
	if err != nil {
		return Device{}, false
	}
	for _, i := range interfaces {
		kind := interfaceKind(i)
		if kind == "" {
			continue
		}
		if d.Kind == "" || kind == "scanner" || kind == "smartcard" {
			d.Kind = kind
			d.Driver = linkName(filepath.Join(i, "driver"))
		}
		d.nodes = append(d.nodes, inputNodes(root, i)...)
	}
	d.Denied = denied(d.nodes[0])
	return d, d.Kind != ""
}

// interfaceKind says what an interface looks like; "" is of no interest. A
// serial adapter is listed by its port.
func interfaceKind(dir string) string {
	if ttys, err := filepath.Glob(dir + "/tty*"); err == nil && len(ttys) > 0 {
		return ""
	}
	switch readLine(filepath.Join(dir, "bInterfaceClass")) {
	case classSmartcard:
		return "smartcard"
	case classVendor:
		return "vendor"
	case classHID:
		if readLine(filepath.Join(dir, "bInterfaceProtocol")) == "01" {
			return "keyboard"
		}
		reports, err := filepath.Glob(dir + "/*/report_descriptor")
		if err != nil {
			return ""
		}
		for _, r := range reports {
			// Usage Page (Bar Code Scanner), HID Point of Sale usage tables.
			if b, err := os.ReadFile(r); err == nil && bytes.HasPrefix(b, []byte{0x05, 0x8C}) {
				return "scanner"
			}
		}
		if readLine(filepath.Join(dir, "bInterfaceProtocol")) == "02" {
			return "" // a mouse
		}
		return "hid"
	}
	return ""
}

// inputNodes are the hidraw and event nodes of an interface.
func inputNodes(root, dir string) []string {
	var nodes []string
	for _, pattern := range []string{"/*/hidraw/hidraw*", "/*/input/input*/event*"} {
		found, err := filepath.Glob(dir + pattern)
		if err != nil {
			continue
		}
		for _, f := range found {
			node := filepath.Join(root, "dev", filepath.Base(f))
			if strings.Contains(pattern, "event") {
				node = filepath.Join(root, "dev/input", filepath.Base(f))
			}
			nodes = append(nodes, node)
		}
	}
	return nodes
}

func serialPorts(root string) []Device {
	ttys, err := filepath.Glob(filepath.Join(root, "sys/class/tty/*/device"))
	if err != nil {
		return nil
	}
	var out []Device
	for _, t := range ttys {
		name := filepath.Base(filepath.Dir(t))
		if !strings.HasPrefix(name, "ttyUSB") && !strings.HasPrefix(name, "ttyACM") {
			continue
		}
		node := filepath.Join(root, "dev", name)
		d := Device{Bus: "serial", Name: byID(root, node), Kind: "serial", Driver: linkName(filepath.Join(t, "driver")), Denied: denied(node), nodes: []string{node}}
		if dir, err := filepath.EvalSymlinks(t); err == nil {
			for range 4 { // the port's interface, its device
				if v := readLine(filepath.Join(dir, "idVendor")); v != "" {
					d.USB = v + ":" + readLine(filepath.Join(dir, "idProduct"))
					d.Serial = readLine(filepath.Join(dir, "serial"))
					d.Product = readLine(filepath.Join(dir, "product"))
					break
				}
				dir = filepath.Dir(dir)
			}
		}
		out = append(out, d)
	}
	return out
}

// byID is the port's name under /dev/serial/by-id, which survives a re-plug, or
// the port itself.
func byID(root, node string) string {
	links, err := filepath.Glob(filepath.Join(root, "dev/serial/by-id/*"))
	if err != nil {
		return node
	}
	for _, l := range links {
		if target, err := filepath.EvalSymlinks(l); err == nil && target == node {
			return l
		}
	}
	return node
}

func denied(node string) bool {
	err := unix.Access(node, unix.R_OK|unix.W_OK)
	return err == unix.EACCES || err == unix.EPERM
}

func readLine(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

func linkName(path string) string {
	target, err := os.Readlink(path)
	if err != nil {
		return ""
	}
	return filepath.Base(target)
}

// findHolders fills in who has a device open: /proc/PID/fd of every program that
// this user may look at.
func findHolders(root string, devices []Device) {
	at := map[string][]int{}
	for i, d := range devices {
		for _, n := range d.nodes {
			at[n] = append(at[n], i)
		}
	}
	files, err := filepath.Glob(filepath.Join(root, "proc/[0-9]*/fd/*"))
	if err != nil || len(at) == 0 {
		return
	}
	for _, f := range files {
		target, err := os.Readlink(f)
		if err != nil {
			continue
		}
		if root != "/" {
			target = filepath.Join(root, target)
		}
		for _, i := range at[target] {
			dir := filepath.Dir(filepath.Dir(f))
			pid, err := strconv.Atoi(filepath.Base(dir))
			p := Process{pid, readLine(filepath.Join(dir, "comm"))}
			if err == nil && !slices.Contains(devices[i].Holders, p) {
				devices[i].Holders = append(devices[i].Holders, p)
			}
		}
	}
}

// smartcardClients are the programs that have the PC/SC client library loaded:
// whoever holds a card is one of them.
func smartcardClients() []Process {
	maps, err := filepath.Glob("/proc/[0-9]*/maps")
	if err != nil {
		return nil
	}
	var out []Process
	for _, m := range maps {
		b, err := os.ReadFile(m)
		if err != nil || !bytes.Contains(b, []byte("libpcsclite.so")) {
			continue
		}
		dir := filepath.Dir(m)
		pid, err := strconv.Atoi(filepath.Base(dir))
		name := readLine(filepath.Join(dir, "comm"))
		if err == nil && pid != os.Getpid() && name != "cardferry" && name != "pcscd" {
			out = append(out, Process{pid, name})
		}
	}
	return out
}
