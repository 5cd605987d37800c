package serial

import (
	"errors"
	"fmt"
	"syscall"

	"go.bug.st/serial"
)

// Line is how bytes are framed on the wire and what the control lines say. The zero
// value is 8N1 with control lines as the system sets them (both on, usually).
type Line struct {
	// DataBits is 5 to 8; 0 is 8.
	DataBits int
	// Parity is "none", "even", "odd", "mark" or "space"; "" is none.
	Parity string
	// StopBits is "1", "1.5" or "2"; "" is 1.
	StopBits string
	// DTR and RTS are "on" or "off"; "" leaves the line alone. Some readers take their
	// power from them, some reset when they change. A port without such lines is used
	// as it is.
	DTR, RTS string
}

func parities() map[string]serial.Parity {
	return map[string]serial.Parity{
		"": serial.NoParity, "none": serial.NoParity, "even": serial.EvenParity, "odd": serial.OddParity,
		"mark": serial.MarkParity, "space": serial.SpaceParity,
	}
}

func stopBits() map[string]serial.StopBits {
	return map[string]serial.StopBits{
		"": serial.OneStopBit, "1": serial.OneStopBit, "1.5": serial.OnePointFiveStopBits, "2": serial.TwoStopBits,
	}
}

// mode returns the line as the library wants it; it fails on what is no line.
func (l Line) mode(baud int) (*serial.Mode, error) {
	m := &serial.Mode{BaudRate: baud, DataBits: l.DataBits}
	if m.DataBits == 0 {
		m.DataBits = 8
	}
	var known bool
	if m.DataBits < 5 || m.DataBits > 8 {
		return nil, fmt.Errorf("%d data bits; use 5 to 8", l.DataBits)
	}
	if m.Parity, known = parities()[l.Parity]; !known {
		return nil, fmt.Errorf("parity %q; use none, even, odd, mark or space", l.Parity)
	}
	if m.StopBits, known = stopBits()[l.StopBits]; !known {
		return nil, fmt.Errorf("stop bits %q; use 1, 1.5 or 2", l.StopBits)
	}
	for name, signal := range map[string]string{"DTR": l.DTR, "RTS": l.RTS} {
		if signal != "" && signal != "on" && signal != "off" {
			return nil, fmt.Errorf("%s %q; use on, off or nothing", name, signal)
		}
	}
	return m, nil
}

// signal sets the control lines that are to be set.
func (l Line) signal(port serial.Port) error {
	set := func(name, value string, f func(bool) error) error {
		if value == "" {
			return nil
		}
		if err := f(value == "on"); err != nil && !errors.Is(err, syscall.ENOTTY) {
			return fmt.Errorf("set %s %s: %w", name, value, err)
		}
		return nil
	}
	return errors.Join(set("DTR", l.DTR, port.SetDTR), set("RTS", l.RTS, port.SetRTS))
}
