package doctor

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// tree makes a root with the files (content), links (-> target) and folders that
// sysfs, /dev and /proc would have.
func tree(t *testing.T, files, links map[string]string) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	place := func(name string, write func(path string) error) {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := write(path); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files {
		place(name, func(path string) error { return os.WriteFile(path, []byte(text), 0o600) })
	}
	for name, target := range links {
		place(name, func(path string) error { return os.Symlink(target, path) })
	}
	return root
}

func TestHardware(t *testing.T) {
	const devices = "sys/bus/usb/devices/"
	root := tree(t, map[string]string{
		// A hub, a mouse: of no interest.
		devices + "usb1/idVendor": "1d6b\n", devices + "usb1/bDeviceClass": "09\n",
		devices + "1-1/idVendor": "046d\n", devices + "1-1/idProduct": "c077\n", devices + "1-1/bDeviceClass": "00\n",
		devices + "1-1/1-1:1.0/bInterfaceClass": "03\n", devices + "1-1/1-1:1.0/bInterfaceProtocol": "02\n",
		// An ID-card reader of a vendor's own class, bound to nothing, open in a vendor's program.
		devices + "1-2/idVendor": "0400\n", devices + "1-2/idProduct": "c35a\n", devices + "1-2/product": "IDR210\n",
		devices + "1-2/busnum": "1\n", devices + "1-2/devnum": "7\n", devices + "1-2/1-2:1.0/bInterfaceClass": "ff\n",
		"dev/bus/usb/001/007": "", "proc/4711/comm": "vendorservice\n",
		// A HID POS scanner that the kernel has.
		devices + "1-3/idVendor": "0c2e\n", devices + "1-3/idProduct": "0907\n", devices + "1-3/serial": "S1\n",
		devices + "1-3/busnum": "1\n", devices + "1-3/devnum": "8\n",
		devices + "1-3/1-3:1.0/bInterfaceClass": "03\n", devices + "1-3/1-3:1.0/bInterfaceProtocol": "00\n",
		devices + "1-3/1-3:1.0/0003:0C2E:0907.0001/report_descriptor":     "\x05\x8c\x09\x02",
		devices + "1-3/1-3:1.0/0003:0C2E:0907.0001/hidraw/hidraw3/uevent": "",
		"dev/hidraw3": "", "proc/815/comm": "cardferry\n",
		// A keyboard.
		devices + "1-4/idVendor": "413c\n", devices + "1-4/idProduct": "2107\n",
		devices + "1-4/1-4:1.0/bInterfaceClass": "03\n", devices + "1-4/1-4:1.0/bInterfaceProtocol": "01\n",
		// A smart card reader.
		devices + "1-5/idVendor": "08e6\n", devices + "1-5/idProduct": "3437\n",
		devices + "1-5/1-5:1.0/bInterfaceClass": "0b\n",
		// A serial adapter: listed by its port.
		devices + "1-6/idVendor": "0403\n", devices + "1-6/idProduct": "6001\n", devices + "1-6/serial": "A6\n", devices + "1-6/product": "FT232R\n",
		devices + "1-6/1-6:1.0/bInterfaceClass": "ff\n", devices + "1-6/1-6:1.0/ttyUSB0/uevent": "",
		"dev/ttyUSB0": "", "proc/99/comm": "ModemManager\n",
	}, map[string]string{
		devices + "1-3/1-3:1.0/driver":           "../../../drivers/usbhid",
		devices + "1-6/1-6:1.0/ttyUSB0/driver":   "../../../../bus/usb-serial/drivers/ftdi_sio",
		"sys/class/tty/ttyUSB0/device":           "../../../bus/usb/devices/1-6/1-6:1.0/ttyUSB0",
		"dev/serial/by-id/usb-FTDI_FT232R_A6-if": "../../ttyUSB0",
		"proc/4711/fd/9":                         "/dev/bus/usb/001/007",
		"proc/4711/fd/10":                        "/dev/bus/usb/001/007",
		"proc/815/fd/3":                          "/dev/hidraw3",
		"proc/99/fd/5":                           "/dev/ttyUSB0",
	})
	got, err := listDevices(root)
	if err != nil {
		t.Fatal(err)
	}
	findHolders(root, got)
	want := []Device{
		{Bus: "usb", Name: "1-2", USB: "0400:c35a", Product: "IDR210", Kind: "vendor", Holders: []Process{{4711, "vendorservice"}}},
		{Bus: "usb", Name: "1-3", USB: "0c2e:0907", Serial: "S1", Kind: "scanner", Driver: "usbhid", Holders: []Process{{815, "cardferry"}}},
		{Bus: "usb", Name: "1-4", USB: "413c:2107", Kind: "keyboard"},
		{Bus: "usb", Name: "1-5", USB: "08e6:3437", Kind: "smartcard"},
		{
			Bus: "serial", Name: filepath.Join(root, "dev/serial/by-id/usb-FTDI_FT232R_A6-if"), USB: "0403:6001", Serial: "A6",
			Product: "FT232R", Kind: "serial", Driver: "ftdi_sio", Holders: []Process{{99, "ModemManager"}},
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Device{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if held := got[1].held(); held != "" {
		t.Errorf("the daemon itself counts as a stranger: %s", held)
	}
}

func TestHardwareWhereThereIsNoUSB(t *testing.T) {
	got, err := listDevices(t.TempDir())
	if err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}
