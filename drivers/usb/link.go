//go:build cgo

package usb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/gousb"
)

// writeLimit bounds one OUT transfer.
const writeLimit = time.Second

// link is one claimed interface of an open device. close ends its pumps first.
type link struct {
	dev    *gousb.Device
	cfg    *gousb.Config
	intf   *gousb.Interface
	number int

	ctx    context.Context // of the pumps
	cancel context.CancelFunc
	pumps  sync.WaitGroup
}

// claim opens a device and claims one interface; the kernel's driver is detached from
// that interface and gets it back at close. Afterwards the data toggles of both sides
// are in step, whatever went on before.
func (b *bus) claim(ctx context.Context, desc *gousb.DeviceDesc, number int) (l *link, err error) {
	dev, err := b.open(desc)
	if err != nil {
		return nil, err
	}
	l = &link{dev: dev, number: number}
	l.ctx, l.cancel = context.WithCancel(ctx)
	defer func() {
		if err != nil {
			l.close()
			l = nil
		}
	}()
	defer guard(&err)
	active, err := dev.ActiveConfigNum()
	if err != nil {
		return l, fmt.Errorf("read configuration: %w", err)
	}
	if err := only(dev.Desc, active, number); err != nil {
		return l, err
	}
	if err := dev.SetAutoDetach(true); err != nil {
		return l, fmt.Errorf("detach the kernel's driver: %w", err)
	}
	if l.cfg, err = dev.Config(active); err != nil {
		return l, fmt.Errorf("take configuration: %w", err)
	}
	if l.intf, err = l.cfg.Interface(number, 0); err != nil {
		return l, fmt.Errorf("claim interface: %w", err)
	}
	return l, nil
}

// only leaves one interface in a configuration as gousb sees it. Left to itself, gousb
// detaches the kernel from every interface of a device (a scanner's keyboard, a
// keyboard's media keys) and gives none but the claimed one back, and it takes the
// number of an interface for its index. The alternate setting is there twice so that
// gousb selects it: SET_INTERFACE also resets the data toggles.
func only(desc *gousb.DeviceDesc, config, number int) error {
	c, ok := desc.Configs[config]
	if !ok {
		return fmt.Errorf("configuration %d is not described: %w", config, errNoData)
	}
	i := slices.IndexFunc(c.Interfaces, func(i gousb.InterfaceDesc) bool { return i.Number == number })
	if i < 0 || len(c.Interfaces[i].AltSettings) == 0 {
		return fmt.Errorf("interface %d is not described: %w", number, errNoData)
	}
	mine := c.Interfaces[i]
	mine.AltSettings = []gousb.InterfaceSetting{mine.AltSettings[0], mine.AltSettings[0]}
	c.Interfaces = slices.Repeat([]gousb.InterfaceDesc{mine}, number+1)
	desc.Configs[config] = c
	return nil
}

// close gives everything back. Errors are those of a device that has left.
func (l *link) close() {
	l.cancel()
	l.pumps.Wait()
	if l.intf != nil {
		l.intf.Close()
	}
	if l.cfg != nil {
		_ = l.cfg.Close()
	}
	_ = l.dev.Close()
}

// endpoints returns the addresses of the interface's endpoints of one direction, in
// order.
func (l *link) endpoints(dir gousb.EndpointDirection) []gousb.EndpointDesc {
	var all []gousb.EndpointDesc
	for _, e := range l.intf.Setting.Endpoints {
		if e.Direction == dir && (e.TransferType == gousb.TransferTypeBulk || e.TransferType == gousb.TransferTypeInterrupt) {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b gousb.EndpointDesc) int { return int(a.Address) - int(b.Address) })
	return all
}

// write sends one transfer; a stall is cleared and tried again once.
func (l *link) write(ctx context.Context, ep gousb.EndpointDesc, data []byte) error {
	out, err := l.intf.OutEndpoint(ep.Number)
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	for try := 0; ; try++ {
		_, err = out.WriteContext(ctx, data)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, gousb.TransferStall) && try == 0:
			if err := l.clearHalt(ep); err != nil {
				return err
			}
		case errors.Is(err, gousb.TransferStall):
			return fmt.Errorf("write: %w", errStalled)
		case errors.Is(err, gousb.TransferCancelled):
			return fmt.Errorf("write: %w", ctx.Err())
		default:
			return fmt.Errorf("write: %w", err)
		}
	}
}

// Request types of control transfers (USB 2.0 table 9-2).
const (
	toEndpoint     = 0x02 // standard
	standardIn     = 0x81 // standard, from the interface
	classIn        = 0xA1 // class, from the interface
	classOut       = 0x21 // class, to the interface
	clearFeature   = 0x01
	getDescriptor  = 0x06
	hidGetReport   = 0x01
	hidSetReport   = 0x09
	hidSetIdle     = 0x0A
	hidSetProtocol = 0x0B
	reportDesc     = 0x22
	outputReport   = 0x02
	featureReport  = 0x03
)

// clearHalt ends a stall (USB 2.0 section 9.4.1). gousb has no call that also resets
// the host's data toggle; where a controller needs that, the next claim does it.
func (l *link) clearHalt(ep gousb.EndpointDesc) error {
	if _, err := l.dev.Control(toEndpoint, clearFeature, 0, uint16(ep.Address), nil); err != nil {
		return fmt.Errorf("clear halt: %w", err)
	}
	return nil
}

// classRequest sends a class request to the interface.
func (l *link) classRequest(request byte, value uint16, data []byte) error {
	if _, err := l.dev.Control(classOut, request, value, uint16(l.number), data); err != nil {
		return fmt.Errorf("class request %02X: %w", request, err)
	}
	return nil
}

// classAnswer asks the interface for up to len(buf) bytes.
func (l *link) classAnswer(request byte, value uint16, buf []byte) ([]byte, error) {
	n, err := l.dev.Control(classIn, request, value, uint16(l.number), buf)
	if err != nil {
		return nil, fmt.Errorf("class request %02X: %w", request, err)
	}
	return buf[:n], nil
}

// pipe is what comes in on one endpoint: packets, in order, until it is closed; then
// why says for what reason.
type pipe struct {
	packets chan []byte
	why     error
}

// queued is how many packets may wait for whoever reads a pipe; then the device waits.
const queued = 64

// pump reads an IN endpoint until the link closes or the device fails. One packet a
// transfer: an answer that fills its last packet would never complete a longer one.
func (l *link) pump(ep gousb.EndpointDesc) (*pipe, error) {
	in, err := l.intf.InEndpoint(ep.Number)
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	p := &pipe{packets: make(chan []byte, queued)}
	l.pumps.Go(func() {
		defer close(p.packets)
		defer guard(&p.why)
		p.why = l.read(in, ep, p.packets)
	})
	return p, nil
}

func (l *link) read(in *gousb.InEndpoint, ep gousb.EndpointDesc, packets chan<- []byte) error {
	buf := make([]byte, max(ep.MaxPacketSize, 8))
	cleared := false // since the last packet
	for {
		n, err := in.ReadContext(l.ctx, buf)
		if n > 0 {
			cleared = false
			select {
			case packets <- slices.Clone(buf[:n]):
			case <-l.ctx.Done():
			}
		}
		switch {
		case l.ctx.Err() != nil:
			return fmt.Errorf("read: %w", l.ctx.Err())
		case err == nil:
		case errors.Is(err, gousb.TransferStall) && !cleared:
			cleared = true
			if err := l.clearHalt(ep); err != nil {
				return err
			}
		case errors.Is(err, gousb.TransferStall):
			return fmt.Errorf("read: %w", errStalled)
		default:
			return fmt.Errorf("read: %w", err)
		}
	}
}

// drain drops what waits in the pipe. A device that never stops sending is not waited
// for.
func (p *pipe) drain() {
	for range 2 * queued {
		select {
		case _, ok := <-p.packets:
			if ok {
				continue
			}
		default:
		}
		return
	}
}
