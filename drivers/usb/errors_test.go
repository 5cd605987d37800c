//go:build cgo

package usb

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"cardferry/drivers"
	"cardferry/drivers/idcard"

	"github.com/google/gousb"
)

func TestJudge(t *testing.T) {
	id := identity{product{0x0400, 0xC35A}, "S1", "1-2"}
	wrap := func(err error) error { return fmt.Errorf("claim interface: %w", err) }
	// As gousb v1.1.3 words it, without wrapping.
	asText := func(err error) error { return fmt.Errorf("failed to claim interface 0 on vid=0400: %v", err) } //nolint:errorlint // on purpose
	for _, c := range []struct {
		name  string
		err   error
		state State
		fault drivers.FaultCode
	}{
		{"unplugged before it was opened", wrap(errGone), StateStarting, ""},
		{"unplugged during a transfer", wrap(gousb.TransferNoDevice), StateStarting, ""},
		{"unplugged during a claim", wrap(asText(gousb.ErrorNoDevice)), StateStarting, ""},
		{"not permitted", wrap(gousb.ErrorAccess), StateNoPermission, drivers.FaultAccessDenied},
		{"claimed by another program", wrap(asText(gousb.ErrorBusy)), StateClaimed, drivers.FaultInUse},
		{"not what it was taken for", wrap(errNoData), StateUnsupported, drivers.FaultReaderHardware},
		{"stalls", wrap(errStalled), StateFailing, drivers.FaultReaderHardware},
		{"mute", wrap(idcard.ErrNoAnswer), StateFailing, drivers.FaultReaderHardware},
		{"damaged frames", wrap(idcard.ErrChecksum), StateFailing, drivers.FaultFrame},
		{"anything else", io.ErrUnexpectedEOF, StateFailing, drivers.FaultReaderHardware},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := judge(id, c.err)
			code := drivers.FaultCode("")
			if v.fault != nil {
				code = v.fault.Code
			}
			if v.state != c.state || code != c.fault {
				t.Errorf("%s, %s; want %s, %s", v.state, code, c.state, c.fault)
			}
			if c.fault == drivers.FaultAccessDenied && !strings.Contains(v.fault.Detail, `ATTR{idVendor}=="0400", ATTR{idProduct}=="c35a"`) {
				t.Errorf("no udev rule in %q", v.fault.Detail)
			}
		})
	}
}

func TestPanicsOfTheLibraryAreErrors(t *testing.T) {
	fail := func() (err error) {
		defer guard(&err)
		var none []int
		at := len(none)
		_ = none[at]
		return nil
	}
	if err := fail(); err == nil {
		t.Error("no error")
	}
}

// Left alone, gousb would detach the kernel from all interfaces of the device and use
// the number of an interface as its index.
func TestOnlyOneInterfaceIsTouched(t *testing.T) {
	setting := func(n int) gousb.InterfaceDesc {
		return gousb.InterfaceDesc{Number: n, AltSettings: []gousb.InterfaceSetting{{Number: n}}}
	}
	desc := &gousb.DeviceDesc{Configs: map[int]gousb.ConfigDesc{1: {Number: 1, Interfaces: []gousb.InterfaceDesc{setting(0), setting(3)}}}}
	if err := only(desc, 1, 3); err != nil {
		t.Fatal(err)
	}
	all := desc.Configs[1].Interfaces
	if len(all) != 4 {
		t.Fatalf("%d interfaces", len(all))
	}
	for _, i := range all {
		if i.Number != 3 || len(i.AltSettings) != 2 {
			t.Errorf("interface %d with %d settings", i.Number, len(i.AltSettings))
		}
	}
	if err := only(desc, 1, 0); !errors.Is(err, errNoData) {
		t.Errorf("interface that is not there: %v", err)
	}
	if err := only(desc, 2, 3); !errors.Is(err, errNoData) {
		t.Errorf("configuration that is not there: %v", err)
	}
}
