//go:build cgo

package usb

import (
	"errors"
	"fmt"
	"strings"

	"cardferry/drivers"
	"cardferry/drivers/idcard"

	"github.com/google/gousb"
)

// What a session ends with.
var (
	errGone    = errors.New("device was unplugged")
	errStalled = errors.New("device stalls again and again; unplug it and plug it in again")
	errNoData  = errors.New("device does not send what a reader of its kind sends; set kind in the configuration")
)

// isUSB says whether err is one of the given errors of libusb. gousb wraps some of
// them with %v, and then only their text is left.
func isUSB(err error, codes ...gousb.Error) bool {
	if err == nil {
		return false
	}
	var e gousb.Error
	typed := errors.As(err, &e)
	for _, c := range codes {
		if typed && e == c || !typed && strings.HasSuffix(err.Error(), c.Error()) {
			return true
		}
	}
	return false
}

// gone says whether err is what a pulled device leaves behind.
func gone(err error) bool {
	return errors.Is(err, errGone) || errors.Is(err, gousb.TransferNoDevice) ||
		isUSB(err, gousb.ErrorNoDevice, gousb.ErrorNotFound)
}

// guard turns a panic of the USB library into an error: gousb panics on descriptors
// with repeated or missing interface numbers and when libusb cannot start.
func guard(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("USB library failed (a device with broken descriptors?): %v", p)
	}
}

// verdict is what the end of a session means.
type verdict struct {
	state  State
	remedy string
	fault  *drivers.Fault // nil for a device that is not there
}

func judge(id identity, err error) verdict {
	var se *idcard.StatusError
	switch {
	case err == nil, gone(err):
		return verdict{StateStarting, "", nil}
	case isUSB(err, gousb.ErrorAccess):
		return verdict{StateNoPermission, RemedyPermission, &drivers.Fault{
			Code: drivers.FaultAccessDenied,
			Detail: fmt.Sprintf(`%v; let the service's user open the device (Linux: packaged udev rule, or SUBSYSTEM=="usb", `+
				`ENV{DEVTYPE}=="usb_device", ATTR{idVendor}=="%04x", ATTR{idProduct}=="%04x", GROUP="cardferry", MODE="0660")`,
				err, id.vendor, id.product.product),
		}}
	case isUSB(err, gousb.ErrorBusy):
		return verdict{StateClaimed, RemedyOtherUser, &drivers.Fault{
			Code:   drivers.FaultInUse,
			Detail: err.Error() + "; close the other program that uses the device",
		}}
	case errors.Is(err, errNoData):
		return verdict{StateUnsupported, RemedyKind, &drivers.Fault{Code: drivers.FaultReaderHardware, Detail: err.Error()}}
	case idcard.WireError(err), errors.As(err, &se):
		return verdict{StateFailing, RemedyReplug, idcard.FaultOf(err)}
	default:
		return verdict{StateFailing, RemedyReplug, &drivers.Fault{Code: drivers.FaultReaderHardware, Detail: err.Error()}}
	}
}
