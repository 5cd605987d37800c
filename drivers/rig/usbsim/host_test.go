package usbsim

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// host is the other end of the cable: it submits URBs as a kernel does. Its
// methods may be used from several goroutines.
type host struct {
	t    *testing.T
	c    *net.UnixConn
	done chan struct{} // the link has ended

	mu   sync.Mutex
	seq  uint32
	open map[uint32]*transferInTest
}

type transferInTest struct {
	in     bool
	result chan result
}

type result struct {
	status int32
	actual int
	data   []byte
}

// attach plugs dev into a host of its own, through the socket that the umockdev
// bridge would have.
func attach(t *testing.T, dev interface{ Base() *Device }) (*host, *Attached) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bridge")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	must(t, err)
	defer func() { must(t, l.Close()) }()
	t.Setenv(BridgeEnv, path)
	a, err := Plug(dev)
	must(t, err)
	c, err := l.AcceptUnix()
	must(t, err)
	h := &host{t: t, c: c, done: make(chan struct{}), open: map[uint32]*transferInTest{}}
	go h.read()
	t.Cleanup(func() {
		must(t, a.Unplug())
		<-h.done
	})
	return h, a
}

// read takes answers until the device hangs up, then hangs up too.
func (h *host) read() {
	defer close(h.done)
	defer func() { _ = h.c.Close() }()
	be := binary.BigEndian
	for {
		var b [urbHeader]byte
		if _, err := io.ReadFull(h.c, b[:]); err != nil {
			return
		}
		r := result{status: int32(be.Uint32(b[20:])), actual: int(be.Uint32(b[24:]))}
		h.mu.Lock()
		u := h.open[be.Uint32(b[4:])]
		delete(h.open, be.Uint32(b[4:]))
		h.mu.Unlock()
		if be.Uint32(b[0:]) == retSubmit && u != nil && u.in {
			r.data = make([]byte, r.actual)
			if _, err := io.ReadFull(h.c, r.data); err != nil {
				return
			}
		}
		if u != nil {
			u.result <- r
		}
	}
}

func (h *host) send(cmd uint32, in bool, fill func(b []byte), data []byte) (uint32, <-chan result) {
	be := binary.BigEndian
	u := &transferInTest{in: in, result: make(chan result, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seq++
	h.open[h.seq] = u
	b := make([]byte, urbHeader)
	be.PutUint32(b[0:], cmd)
	be.PutUint32(b[4:], h.seq)
	if in {
		be.PutUint32(b[12:], directionIsIn)
	}
	fill(b)
	_, err := h.c.Write(append(b, data...))
	if err != nil {
		h.t.Error(err)
	}
	return h.seq, u.result
}

// submit starts a transfer on an endpoint: size bytes wanted, or data sent.
func (h *host) submit(ep byte, size int, data []byte) (uint32, <-chan result) {
	return h.send(cmdSubmit, ep&dirIn != 0, func(b []byte) {
		binary.BigEndian.PutUint32(b[16:], uint32(ep&^dirIn))
		binary.BigEndian.PutUint32(b[24:], uint32(max(size, len(data))))
	}, data)
}

// cancel unlinks a transfer and returns the status of that.
func (h *host) cancel(seq uint32) int32 {
	_, done := h.send(cmdUnlink, false, func(b []byte) { binary.BigEndian.PutUint32(b[20:], seq) }, nil)
	return (<-done).status
}

// out sends one transfer and returns its status.
func (h *host) out(ep byte, data []byte) int32 {
	_, done := h.submit(ep, 0, data)
	return (<-done).status
}

// in waits for one transfer of up to size bytes.
func (h *host) in(ep byte, size int) result {
	_, done := h.submit(ep, size, nil)
	return <-done
}

// data is in for a transfer that must succeed.
func (h *host) data(ep byte, size int) []byte {
	h.t.Helper()
	r := h.in(ep, size)
	if r.status != 0 {
		h.t.Fatalf("transfer on %#02x: status %d", ep, r.status)
	}
	return r.data
}

// control runs a control transfer; size is that of the data stage to the host.
func (h *host) control(typ, request byte, value, index uint16, size int, data []byte) result {
	le := binary.LittleEndian
	_, done := h.send(cmdSubmit, typ&dirIn != 0, func(b []byte) {
		n := max(size, len(data))
		binary.BigEndian.PutUint32(b[24:], uint32(n))
		b[40], b[41] = typ, request
		le.PutUint16(b[42:], value)
		le.PutUint16(b[44:], index)
		le.PutUint16(b[46:], uint16(n))
	}, data)
	return <-done
}

// descriptor fetches a descriptor.
func (h *host) descriptor(kind, number byte, index uint16) []byte {
	h.t.Helper()
	const standardIn, interfaceIn = 0x80, 0x81
	typ := byte(standardIn)
	if kind == descReport {
		typ = interfaceIn
	}
	r := h.control(typ, reqGetDescriptor, uint16(kind)<<8|uint16(number), index, 255, nil)
	if r.status != 0 {
		h.t.Fatalf("descriptor %#02x: status %d", kind, r.status)
	}
	return r.data
}

func TestEveryDeviceEnumerates(t *testing.T) {
	devices := map[string]interface{ Base() *Device }{
		"ID reader, bulk":      NewIDReader(),
		"ID reader, four pipe": NewSplitIDReader(),
		"ID reader, HID":       NewHIDIDReader(),
		"HD-100":               NewHD100("H1"),
		"POS scanner":          NewPOSScanner("P1"),
		"keyboard":             NewKeyboard("K1", LayoutUS()),
		"FTDI":                 NewFTDI("F1"),
		"CCID":                 NewCCID("C1"),
	}
	for name, dev := range devices {
		t.Run(name, func(t *testing.T) {
			h, _ := attach(t, dev)
			d := dev.Base()
			desc := h.descriptor(descDevice, 0, 0)
			if len(desc) != 18 || binary.LittleEndian.Uint16(desc[8:]) != d.VID || binary.LittleEndian.Uint16(desc[10:]) != d.PID {
				t.Errorf("device descriptor % X", desc)
			}
			walkConfig(t, h, d, h.descriptor(descConfig, 0, 0))
			if d.Serial != "" {
				if s := h.descriptor(descString, stringSerial, 0); int(s[0]) != len(s) || s[2] != d.Serial[0] {
					t.Errorf("serial number string % X", s)
				}
			}
			const setConfiguration = 0x00
			if r := h.control(setConfiguration, reqSetConfig, 1, 0, 0, nil); r.status != 0 {
				t.Errorf("set configuration: status %d", r.status)
			}
			if r := h.control(0x80, reqGetConfig, 0, 0, 1, nil); !bytes.Equal(r.data, []byte{1}) {
				t.Errorf("configuration % X", r.data)
			}
		})
	}
}

// walkConfig checks that the configuration is a chain of whole descriptors with
// as many interfaces and endpoints as it says, and that HID reports have the length
// that is told.
func walkConfig(t *testing.T, h *host, d *Device, b []byte) {
	t.Helper()
	if int(binary.LittleEndian.Uint16(b[2:])) != len(b) {
		t.Fatalf("configuration of %d bytes says %d", len(b), binary.LittleEndian.Uint16(b[2:]))
	}
	interfaces, endpoints := 0, 0
	for rest := b; len(rest) > 0; rest = rest[rest[0]:] {
		if rest[0] < 2 || int(rest[0]) > len(rest) {
			t.Fatalf("descriptor of %d bytes, %d left", rest[0], len(rest))
		}
		switch rest[1] {
		case descInterface:
			interfaces++
			endpoints += int(rest[4])
		case descEndpoint:
			endpoints--
		case descHID:
			if rest[0] != 9 || rest[6] != descReport {
				continue // 21h is also the CCID class descriptor
			}
			n := int(binary.LittleEndian.Uint16(rest[7:]))
			if got := h.descriptor(descReport, 0, uint16(interfaces-1)); len(got) != n {
				t.Errorf("report descriptor of %d bytes, told %d", len(got), n)
			}
		}
	}
	if interfaces != len(d.interfaces) || interfaces != int(b[4]) || endpoints != 0 {
		t.Errorf("%d interfaces, %d endpoints too few", interfaces, endpoints)
	}
}

func TestWithoutAHostThereIsAReason(t *testing.T) {
	t.Setenv(BridgeEnv, filepath.Join(t.TempDir(), "nobody"))
	if _, err := Plug(NewIDReader()); !errors.Is(err, ErrNoHost) {
		t.Errorf("%v", err)
	}
}
