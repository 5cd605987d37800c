package pty_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cardferry/drivers/idcard"
	"cardferry/drivers/rig/pty"

	"go.bug.st/serial"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// host plugs dev in and opens the host's end.
func host(t *testing.T, dev pty.Device, baud int) (*pty.Port, serial.Port) {
	t.Helper()
	link := filepath.Join(t.TempDir(), "tty")
	p, err := pty.Plug(link, dev)
	must(t, err)
	t.Cleanup(func() { must(t, p.Unplug()) })
	port, err := serial.Open(link, &serial.Mode{BaudRate: baud, DataBits: 8})
	must(t, err)
	t.Cleanup(func() { _ = port.Close() })
	return p, port
}

func TestAScanDripsAtTheRateOfItsLine(t *testing.T) {
	scanner := &pty.Scanner{Suffix: "\r\n", Baud: 9600}
	_, port := host(t, scanner, 9600)
	code := bytes.Repeat([]byte("A"), 46)
	began := time.Now()
	must(t, scanner.Scan(string(code)))
	if took := time.Since(began); took < 48*time.Second*10/9600 {
		t.Errorf("48 bytes took %v, less than a UART needs", took)
	}
	got := make([]byte, 48)
	_, err := io.ReadFull(port, got)
	must(t, err)
	if !bytes.Equal(got, append(code, "\r\n"...)) {
		t.Errorf("%q", got)
	}
}

func TestUnplugHangsUp(t *testing.T) {
	link := filepath.Join(t.TempDir(), "tty")
	scanner := &pty.Scanner{}
	p, err := pty.Plug(link, scanner)
	must(t, err)
	port, err := serial.Open(link, &serial.Mode{BaudRate: 9600, DataBits: 8})
	must(t, err)
	must(t, p.Unplug())
	must(t, p.Unplug()) // again does nothing
	if n, err := port.Read(make([]byte, 1)); err == nil {
		t.Errorf("read %d bytes of a pulled device", n)
	}
	must(t, port.Close())
	if _, err := os.Lstat(link); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("link: %v", err)
	}
	if err := scanner.Scan("A"); !errors.Is(err, pty.ErrUnplugged) {
		t.Errorf("scan: %v", err)
	}
	if err := scanner.Flood(1); !errors.Is(err, pty.ErrUnplugged) {
		t.Errorf("flood: %v", err)
	}
}

func TestPlugWithoutFolderLeavesNothingBehind(t *testing.T) {
	if _, err := pty.Plug(filepath.Join(t.TempDir(), "missing", "tty"), &pty.Scanner{}); err == nil {
		t.Error("plugged into a folder that is not there")
	}
}

func TestIDReaderHearsOneRateOnly(t *testing.T) {
	_, port := host(t, &pty.IDReader{Baud: 57600}, 115200)
	request := idcard.CmdStatus.Frame()
	_, err := port.Write(request)
	must(t, err)
	must(t, port.SetReadTimeout(100*time.Millisecond))
	if n, err := port.Read(make([]byte, 64)); n != 0 || err != nil {
		t.Errorf("answered at another rate: %d bytes, %v", n, err)
	}
	must(t, port.SetMode(&serial.Mode{BaudRate: 57600, DataBits: 8}))
	must(t, port.SetReadTimeout(serial.NoTimeout))
	_, err = port.Write(request)
	must(t, err)
	answer := make([]byte, 11)
	_, err = io.ReadFull(port, answer)
	must(t, err)
	if want := []byte("\xAA\xAA\xAA\x96\x69\x00\x04\x00\x00\x90\x94"); !bytes.Equal(answer, want) {
		t.Errorf("% X", answer)
	}
}

// The reader's state machine, step by step: command and status.
func TestIDReaderKeepsACardUntilItIsLifted(t *testing.T) {
	r := &pty.IDReader{}
	status := func(c idcard.Command) idcard.Status {
		t.Helper()
		body, err := idcard.Body(r.Answer(c.Frame()))
		must(t, err)
		return idcard.Status(body[2])
	}
	steps := func(name string, want ...any) {
		t.Helper()
		for i := 0; i < len(want); i += 2 {
			if got := status(want[i].(idcard.Command)); got != want[i+1].(idcard.Status) {
				t.Errorf("%s, step %d: status %02X", name, i/2+1, byte(got))
			}
		}
	}
	steps("no card", idcard.CmdFind, idcard.StatusNoCard, idcard.CmdSelect, idcard.StatusSelectFailed,
		idcard.CmdRead, idcard.StatusReadFailed, idcard.CmdNewestAddress, idcard.StatusReadFailed)
	r.Place(pty.IDCard{})
	steps("card", idcard.CmdSelect, idcard.StatusSelectFailed, idcard.CmdFind, idcard.StatusFound,
		idcard.CmdSelect, idcard.StatusOK, idcard.CmdCardNumber, idcard.StatusOK, idcard.CmdRead, idcard.StatusOK)
	steps("after the read", idcard.CmdFind, idcard.StatusNoCard, idcard.CmdNewestAddress, idcard.StatusNoContent)
	r.Lift()
	steps("lifted", idcard.CmdNewestAddress, idcard.StatusReadFailed, idcard.CmdFind, idcard.StatusNoCard)
	r.Place(pty.IDCard{Addresses: []string{"样例路1号"}})
	steps("again", idcard.CmdFind, idcard.StatusFound, idcard.CmdSelect, idcard.StatusOK,
		idcard.CmdReadAll, idcard.StatusOK, idcard.CmdNewestAddress, idcard.StatusOK)
	if n := r.Requests(idcard.CmdFind); n != 5 {
		t.Errorf("%d finds", n)
	}
	if got := status(0x7777); got != idcard.StatusBadCommand {
		t.Errorf("unknown command: %02X", byte(got))
	}
}

// The lengths that vendors state for the answers to a read.
func TestReadAnswersHaveTheSizesOfTheProtocol(t *testing.T) {
	for _, c := range []struct {
		name   string
		cmd    idcard.Command
		finger int
		want   int
	}{
		{"30 01", idcard.CmdRead, 1024, 1295},
		{"30 10 without fingerprint", idcard.CmdReadAll, 0, 1297},
		{"30 10 with fingerprint", idcard.CmdReadAll, 1024, 2321},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &pty.IDReader{}
			r.Place(pty.IDCard{Fingerprint: make([]byte, c.finger)})
			r.Answer(idcard.CmdFind.Frame())
			r.Answer(idcard.CmdSelect.Frame())
			if got := len(r.Answer(c.cmd.Frame())); got != c.want {
				t.Errorf("%d bytes, want %d", got, c.want)
			}
		})
	}
}
