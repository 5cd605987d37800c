package serial

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"go.bug.st/serial"
)

func TestLine(t *testing.T) {
	for _, c := range []struct {
		name string
		line Line
		want serial.Mode
		err  bool
	}{
		{name: "8N1", want: serial.Mode{BaudRate: 9600, DataBits: 8}},
		{name: "7E2", line: Line{DataBits: 7, Parity: "even", StopBits: "2"},
			want: serial.Mode{BaudRate: 9600, DataBits: 7, Parity: serial.EvenParity, StopBits: serial.TwoStopBits}},
		{name: "8O1.5", line: Line{Parity: "odd", StopBits: "1.5"},
			want: serial.Mode{BaudRate: 9600, DataBits: 8, Parity: serial.OddParity, StopBits: serial.OnePointFiveStopBits}},
		{name: "9 data bits", line: Line{DataBits: 9}, err: true},
		{name: "unknown parity", line: Line{Parity: "E"}, err: true},
		{name: "unknown stop bits", line: Line{StopBits: "3"}, err: true},
		{name: "unknown signal", line: Line{DTR: "true"}, err: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.line.mode(9600)
			if (err != nil) != c.err || err == nil && *got != c.want {
				t.Errorf("%+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

// signals is a port that notes its control lines.
type signals struct {
	serial.Port
	set []string
	err error
}

func (s *signals) SetDTR(on bool) error { s.set = append(s.set, fmt.Sprint("DTR ", on)); return s.err }
func (s *signals) SetRTS(on bool) error { s.set = append(s.set, fmt.Sprint("RTS ", on)); return s.err }

func TestControlLines(t *testing.T) {
	for _, c := range []struct {
		name string
		line Line
		port signals
		want string
		err  bool
	}{
		{name: "left alone", want: "[]"},
		{name: "set", line: Line{DTR: "on", RTS: "off"}, want: "[DTR true RTS false]"},
		{name: "port has none", line: Line{DTR: "off"}, port: signals{err: syscall.ENOTTY}, want: "[DTR false]"},
		{name: "pulled", line: Line{DTR: "off"}, port: signals{err: syscall.EIO}, want: "[DTR false]", err: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.line.signal(&c.port)
			if got := fmt.Sprint(c.port.set); got != c.want || (err != nil) != c.err {
				t.Errorf("%s, %v; want %s", got, err, c.want)
			}
			if c.err && !errors.Is(err, c.port.err) {
				t.Errorf("%v does not wrap %v", err, c.port.err)
			}
		})
	}
}
