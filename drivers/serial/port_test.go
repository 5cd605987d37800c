package serial

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"cardferry/drivers"
	"cardferry/drivers/idcard"
)

func TestWhyASessionEnded(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want drivers.FaultCode // "" is no fault: the device is away
	}{
		{"context ended", nil, ""},
		{"no device node", fmt.Errorf("open: %w", fs.ErrNotExist), ""},
		{"pulled while writing", fmt.Errorf("write: %w", syscall.EIO), ""},
		{"pulled while opening", fmt.Errorf("open: %w", syscall.ENXIO), ""},
		{"pulled, other kernel path", fmt.Errorf("read: %w", syscall.ENODEV), ""},
		{"not allowed", fmt.Errorf("open: %w", syscall.EACCES), drivers.FaultAccessDenied},
		{"mute reader", fmt.Errorf("find: %w", idcard.ErrNoAnswer), drivers.FaultReaderHardware},
		{"noise", fmt.Errorf("find: %w", idcard.ErrChecksum), drivers.FaultFrame},
		{"wrong rate", fmt.Errorf("find: %w", idcard.ErrLength), drivers.FaultFrameTooLong},
		{"SAM self test", &idcard.StatusError{Command: idcard.CmdStatus, Status: idcard.StatusSelfTest}, drivers.FaultReaderHardware},
		{"anything else", errors.New("surprise"), drivers.FaultReaderHardware},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := faultOf(c.err)
			switch {
			case f == nil && c.want != "", f != nil && f.Code != c.want:
				t.Errorf("fault %+v, want %q", f, c.want)
			case f != nil && f.Detail == "":
				t.Error("no detail for hospital IT")
			}
		})
	}
}

func TestARefusedPortIsAFaultOnceItLasts(t *testing.T) {
	denied := fmt.Errorf("open: %w", syscall.EACCES)
	for _, c := range []struct {
		name string
		errs []error
		want int
	}{
		{"until udev has set the group", []error{denied, denied}, 0},
		{"lasting", []error{denied, denied, denied}, 1},
		{"lasting is told once", []error{denied, denied, denied, denied, denied}, 1},
		{"pulled between", []error{denied, denied, fs.ErrNotExist, denied, denied}, 0},
		{"another fault is told at once", []error{idcard.ErrNoAnswer}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			faults := 0
			d := New(Config{})
			d.emit = func(e drivers.Event) {
				if e.Type == drivers.Faulted {
					faults++
				}
			}
			for _, err := range c.errs {
				d.failed(err)
			}
			if faults != c.want {
				t.Errorf("%d faults, want %d", faults, c.want)
			}
		})
	}
}
