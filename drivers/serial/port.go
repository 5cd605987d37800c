package serial

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"cardferry/drivers"
	"cardferry/drivers/idcard"

	"go.bug.st/serial"
)

// openPort opens a port and throws away what waited in it, which belongs to the time
// before the reader was ours.
func openPort(name string, line Line, baud int) (serial.Port, error) {
	mode, err := line.mode(baud)
	if err != nil {
		return nil, err
	}
	port, err := serial.Open(name, mode)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	if err := errors.Join(line.signal(port), port.ResetInputBuffer()); err != nil {
		return nil, errors.Join(fmt.Errorf("reset %s: %w", name, err), port.Close())
	}
	return port, nil
}

// read reads from a port. The library waits with select(2), whose table ends at
// descriptor 1023: on a process with more files open than that it panics, which must
// end one reader's session and not the daemon.
func read(port serial.Port, b []byte) (n int, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("read: serial library failed (too many open files for select?): %v", p)
		}
	}()
	if n, err = port.Read(b); err != nil {
		err = fmt.Errorf("read: %w", err)
	}
	return n, err
}

// faultOf returns the fault that the end of a session means, nil for a device that
// is not there.
func faultOf(err error) *drivers.Fault {
	var pe *serial.PortError
	var se *idcard.StatusError
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist), gone(err):
		return nil
	case idcard.WireError(err), errors.As(err, &se):
		return idcard.FaultOf(err)
	case errors.Is(err, fs.ErrPermission):
		return accessDenied(err)
	case !errors.As(err, &pe):
		return &drivers.Fault{Code: drivers.FaultReaderHardware, Detail: err.Error()}
	}
	switch pe.Code() {
	case serial.PortClosed, serial.PortNotFound:
		return nil
	case serial.PortBusy:
		return &drivers.Fault{
			Code:   drivers.FaultInUse,
			Detail: err.Error() + "; close the other program that has the port open",
		}
	case serial.PermissionDenied:
		return accessDenied(err)
	default:
		return &drivers.Fault{Code: drivers.FaultReaderHardware, Detail: err.Error()}
	}
}

func accessDenied(err error) *drivers.Fault {
	return &drivers.Fault{
		Code:   drivers.FaultAccessDenied,
		Detail: err.Error() + "; let the service's user open the port (Linux: group dialout or the packaged udev rule)",
	}
}

// gone says whether err is what a pulled device leaves behind.
func gone(err error) bool {
	return errors.Is(err, syscall.EIO) || errors.Is(err, syscall.ENXIO) || errors.Is(err, syscall.ENODEV)
}
