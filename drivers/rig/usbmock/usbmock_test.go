//go:build cgo

package usbmock_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"cardferry/drivers/idcard"
	"cardferry/drivers/rig/pty"
	"cardferry/drivers/rig/usbmock"
	"cardferry/drivers/rig/usbsim"

	"github.com/google/gousb"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { os.Exit(usbmock.Run(m)) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func plug(t testing.TB, dev interface{ Base() *usbsim.Device }) *usbsim.Attached {
	t.Helper()
	at, err := usbsim.Plug(dev)
	must(t, err)
	t.Cleanup(func() { must(t, at.Unplug()) })
	return at
}

// open waits until libusb has the device.
func open(t testing.TB, usb *gousb.Context, d *usbsim.Device) *gousb.Device {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); <-tick.C {
		if dev, _ := usb.OpenDeviceWithVIDPID(gousb.ID(d.VID), gousb.ID(d.PID)); dev != nil {
			return dev
		}
	}
	t.Fatal("libusb never sees the device")
	return nil
}

// client is the least of a driver for the bulk ID reader.
type client struct {
	dev   *gousb.Device
	in    *gousb.InEndpoint
	out   *gousb.OutEndpoint
	close func()
}

func dial(t testing.TB, usb *gousb.Context, d *usbsim.Device) *client {
	t.Helper()
	dev := open(t, usb, d)
	must(t, dev.SetAutoDetach(true))
	intf, release, err := dev.DefaultInterface()
	must(t, err)
	in, err := intf.InEndpoint(usbsim.IDReaderIn &^ 0x80)
	must(t, err)
	out, err := intf.OutEndpoint(usbsim.IDReaderOut)
	must(t, err)
	return &client{dev, in, out, func() {
		release()
		must(t, dev.Close())
	}}
}

func (c *client) do(ctx context.Context, cmd idcard.Command) ([]byte, error) {
	if _, err := c.out.WriteContext(ctx, cmd.Frame()); err != nil {
		return nil, err
	}
	var dec idcard.Decoder
	for buf := make([]byte, 4096); ; {
		n, err := c.in.ReadContext(ctx, buf)
		if err != nil {
			return nil, err
		}
		_, _ = dec.Write(buf[:n])
		if frame, err := dec.Next(); frame != nil || err != nil {
			return frame, err
		}
	}
}

func TestGousbTalksToAnIDReader(t *testing.T) {
	usbmock.Need(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	reader := usbsim.NewIDReader()
	at := plug(t, reader)
	usb := gousb.NewContext()
	defer func() { must(t, usb.Close()) }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := dial(t, usb, &reader.Device)

	status := func(t *testing.T) {
		t.Helper()
		f, err := c.do(ctx, idcard.CmdStatus)
		must(t, err)
		if body, err := idcard.Body(f); err != nil || idcard.Status(body[2]) != idcard.StatusOK {
			t.Errorf("% X %v", f, err)
		}
	}
	t.Run("a command and its answer", status)
	t.Run("an answer of 1295 bytes, in pieces", func(t *testing.T) {
		reader.SAM.Place(pty.IDCard{})
		reader.Chunk(100)
		defer reader.Chunk(0)
		for _, cmd := range []idcard.Command{idcard.CmdFind, idcard.CmdSelect, idcard.CmdRead} {
			f, err := c.do(ctx, cmd)
			must(t, err)
			if cmd == idcard.CmdRead && len(f) != 1295 {
				t.Errorf("%d bytes", len(f))
			}
		}
	})
	t.Run("a mute reader, and then the stream is whole", func(t *testing.T) {
		reader.SAM.Inject(pty.Mute)
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		if _, err := c.do(short, idcard.CmdStatus); err == nil {
			t.Error("a mute reader answered")
		}
		status(t)
	})
	t.Run("a stalled endpoint, until its halt is cleared", func(t *testing.T) {
		reader.Stall(usbsim.IDReaderIn)
		if _, err := c.do(ctx, idcard.CmdStatus); !errors.Is(err, gousb.TransferStall) {
			t.Errorf("%v", err)
		}
		// gousb has no call for it: CLEAR_FEATURE(ENDPOINT_HALT).
		_, err := c.dev.Control(0x02, 0x01, 0, usbsim.IDReaderIn, nil)
		must(t, err)
		_, err = c.in.ReadContext(ctx, make([]byte, 64)) // the answer that was stalled
		must(t, err)
		status(t)
	})
	t.Run("unplugged while a read waits", func(t *testing.T) {
		waiting := make(chan error, 1)
		go func() {
			_, err := c.in.Read(make([]byte, 64))
			waiting <- err
		}()
		must(t, at.Unplug())
		if err := <-waiting; err == nil {
			t.Error("a read of an unplugged device succeeded")
		}
		c.close()
		if dev, _ := usb.OpenDeviceWithVIDPID(gousb.ID(reader.VID), gousb.ID(reader.PID)); dev != nil {
			t.Error("still listed after Unplug returned")
			must(t, dev.Close())
		}
	})
	t.Run("plugged in again, in the same context", func(t *testing.T) {
		plug(t, reader)
		c = dial(t, usb, &reader.Device)
		status(t)
	})
	c.close()
}

// TestPlugCycles plugs and unplugs often: the bridge must not lose its way.
func TestPlugCycles(t *testing.T) {
	usbmock.Need(t)
	usb := gousb.NewContext()
	defer func() { must(t, usb.Close()) }()
	a, b := usbsim.NewIDReader(), usbsim.NewPOSScanner("P1")
	plug(t, b)
	for range 20 {
		at, err := usbsim.Plug(a)
		must(t, err)
		c := dial(t, usb, &a.Device)
		_, err = c.do(t.Context(), idcard.CmdStatus)
		must(t, err)
		c.close()
		must(t, at.Unplug())
	}
	must(t, open(t, usb, &b.Device).Close())
}

func BenchmarkCommand(b *testing.B) {
	usbmock.Need(b)
	reader := usbsim.NewIDReader()
	plug(b, reader)
	usb := gousb.NewContext()
	defer func() { must(b, usb.Close()) }()
	c := dial(b, usb, &reader.Device)
	defer c.close()
	for b.Loop() {
		_, err := c.do(b.Context(), idcard.CmdStatus)
		must(b, err)
	}
}
