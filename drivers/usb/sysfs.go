//go:build cgo

package usb

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// sysfs is what Linux tells about one device without opening it, which works without
// permission and leaves the kernel's drivers alone. Other systems have no such files.
type sysfs struct {
	root *os.Root // nil when there is none
	path string   // "1-2.3"
}

// sysfsOf returns the description of the device at path, or one that knows nothing
// when what is there is another device.
func sysfsOf(dir, path string, id product) sysfs {
	root, err := os.OpenRoot(filepath.Join(dir, path))
	if err != nil {
		return sysfs{}
	}
	s := sysfs{root, path}
	vendor, errV := strconv.ParseUint(s.text("idVendor"), 16, 16)
	prod, errP := strconv.ParseUint(s.text("idProduct"), 16, 16)
	if errV != nil || errP != nil || (product{uint16(vendor), uint16(prod)}) != id {
		s.close()
		return sysfs{}
	}
	return s
}

func (s sysfs) close() {
	if s.root != nil {
		_ = s.root.Close()
	}
}

func (s sysfs) known() bool { return s.root != nil }

// text returns an attribute such as "product", "" if there is none.
func (s sysfs) text(name string) string {
	return strings.TrimSpace(string(s.read(name)))
}

// reportDescriptor returns the HID report descriptor of an interface as the kernel's
// HID driver read it; nil when that driver does not have the interface.
func (s sysfs) reportDescriptor(config, number int) []byte {
	if s.root == nil {
		return nil
	}
	folder := s.path + ":" + strconv.Itoa(config) + "." + strconv.Itoa(number)
	f, err := s.root.Open(folder)
	if err != nil {
		return nil
	}
	names, err := f.Readdirnames(-1)
	_ = f.Close()
	if err != nil {
		return nil
	}
	for _, name := range names { // the HID device is called "0003:0C2E:0B61.0001"
		if strings.HasPrefix(name, "0003:") {
			return s.read(folder + "/" + name + "/report_descriptor")
		}
	}
	return nil
}

func (s sysfs) read(name string) []byte {
	if s.root == nil {
		return nil
	}
	f, err := s.root.Open(name)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	const most = 8 << 10 // HID_MAX_DESCRIPTOR_SIZE is 4096
	b, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return nil
	}
	return b
}
