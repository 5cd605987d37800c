package usbsim

import (
	"encoding/binary"
	"unicode/utf16"
)

// Standard requests (USB 2.0 table 9-4) and descriptor types (table 9-5, HID 1.11
// section 7.1).
const (
	reqGetStatus     = 0
	reqClearFeature  = 1
	reqSetFeature    = 3
	reqSetAddress    = 5
	reqGetDescriptor = 6
	reqGetConfig     = 8
	reqSetConfig     = 9
	reqGetInterface  = 10
	reqSetInterface  = 11

	descDevice    = 1
	descConfig    = 2
	descString    = 3
	descInterface = 4
	descEndpoint  = 5
	descHID       = 0x21
	descReport    = 0x22
)

// Numbers of the string descriptors.
const (
	stringManufacturer = iota + 1
	stringProduct
	stringSerial
)

// handleControl answers a control transfer; the result is the data stage of an IN
// request.
func (d *Device) handleControl(s setup, out []byte) ([]byte, error) {
	var data []byte
	var err error
	switch {
	case s.typ&0x60 == 0:
		data, err = d.standard(s)
	case d.control != nil:
		data, err = d.control(s, out)
	default:
		err = errStall
	}
	if err == nil && s.in() && len(data) > int(s.length) {
		data = data[:s.length]
	}
	return data, err
}

// standard answers the requests of USB 2.0 chapter 9.
func (d *Device) standard(s setup) ([]byte, error) {
	switch s.request {
	case reqGetStatus:
		return []byte{0, 0}, nil
	case reqClearFeature:
		const recipientEndpoint = 2
		if s.typ&0x1F == recipientEndpoint {
			d.clearHalt(byte(s.index))
		}
		return nil, nil
	case reqSetFeature, reqSetAddress, reqSetInterface:
		return nil, nil
	case reqGetInterface:
		return []byte{0}, nil
	case reqGetConfig:
		d.mu.Lock()
		defer d.mu.Unlock()
		return []byte{d.config}, nil
	case reqSetConfig:
		d.mu.Lock()
		defer d.mu.Unlock()
		d.config = byte(s.value)
		return nil, nil
	case reqGetDescriptor:
		return d.descriptor(byte(s.value>>8), byte(s.value), int(s.index))
	default:
		return nil, errStall
	}
}

func (d *Device) clearHalt(ep byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if q := d.queues[ep]; q != nil {
		q.stalled = false
	}
}

func (d *Device) descriptor(kind, number byte, index int) ([]byte, error) {
	switch kind {
	case descDevice:
		return d.deviceDescriptor(), nil
	case descConfig:
		return d.configDescriptor(), nil
	case descString:
		return d.stringDescriptor(number)
	case descReport:
		if index < len(d.interfaces) && d.interfaces[index].report != nil {
			return d.interfaces[index].report, nil
		}
	}
	return nil, errStall
}

// deviceDescriptor is USB 2.0 table 9-8; the class is told by the interfaces.
func (d *Device) deviceDescriptor() []byte {
	le := binary.LittleEndian
	b := []byte{18, descDevice, 0x00, 0x02, 0, 0, 0, 64}
	b = le.AppendUint16(b, d.VID)
	b = le.AppendUint16(b, d.PID)
	release := d.Release
	if release == 0 {
		release = 0x0100
	}
	b = le.AppendUint16(b, release)
	for i, s := range []string{d.Manufacturer, d.Name, d.Serial} {
		if s == "" {
			b = append(b, 0)
		} else {
			b = append(b, byte(i+stringManufacturer))
		}
	}
	return append(b, 1)
}

// configDescriptor is the one configuration with all its interfaces: bus powered,
// 100 mA (USB 2.0 tables 9-10, 9-12, 9-13).
func (d *Device) configDescriptor() []byte {
	b := []byte{9, descConfig, 0, 0, byte(len(d.interfaces)), 1, 0, 0x80, 50}
	for n, i := range d.interfaces {
		b = append(b, 9, descInterface, byte(n), 0, byte(len(i.endpoints)), i.class, i.subClass, i.protocol, 0)
		if i.report != nil {
			b = append(b, 9, descHID, 0x11, 0x01, 0, 1, descReport)
			b = binary.LittleEndian.AppendUint16(b, uint16(len(i.report)))
		}
		b = append(b, i.classDesc...)
		for _, e := range i.endpoints {
			b = append(b, 7, descEndpoint, e.addr, e.attr)
			b = binary.LittleEndian.AppendUint16(b, e.maxPacket)
			b = append(b, e.interval)
		}
	}
	binary.LittleEndian.PutUint16(b[2:], uint16(len(b)))
	return b
}

func (d *Device) stringDescriptor(number byte) ([]byte, error) {
	text := ""
	switch number {
	case 0:
		return []byte{4, descString, 0x09, 0x04}, nil // the languages: English (US)
	case stringManufacturer:
		text = d.Manufacturer
	case stringProduct:
		text = d.Name
	case stringSerial:
		text = d.Serial
	}
	if text == "" {
		return nil, errStall
	}
	b := []byte{0, descString}
	for _, u := range utf16.Encode([]rune(text)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	b[0] = byte(len(b))
	return b, nil
}
