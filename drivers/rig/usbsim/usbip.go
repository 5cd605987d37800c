package usbsim

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Commands and sizes of the URB phase of USB/IP; all numbers are big-endian.
const (
	cmdSubmit = 1
	cmdUnlink = 2
	retSubmit = 3
	retUnlink = 4

	urbHeader   = 48
	maxTransfer = 1 << 20
	maxPending  = 256 // URBs that wait on one endpoint
)

// Status of a URB: Linux error numbers, negated, whatever system this runs on.
const (
	statusOverflow  = -75  // EOVERFLOW
	statusStall     = -32  // EPIPE
	statusUnlinked  = -104 // ECONNRESET
	statusProtocol  = -71  // EPROTO
	directionIsIn   = 1
	lastErrorOffset = 20
)

// errLetGo says that the host ended the link: it disliked what the device said, or it
// has ended itself.
var errLetGo = errors.New("usbsim: the host let go of the device")

// link is the host's end of the cable.
type link interface {
	io.ReadWriteCloser
	CloseWrite() error
}

// serve plays d to the host at the other end of c until the host or the device
// ends the link. When it returns, all its goroutines have ended.
func serve(c link, d *Device, gone <-chan struct{}) error {
	defer d.plugOut()
	defer func() { _ = c.Close() }()
	ctx, cancel := context.WithCancel(context.Background())
	s := &session{c: c, d: d, waiting: map[uint32]*urb{}, lines: map[byte]chan *urb{}}
	s.wg.Go(func() {
		select {
		case <-gone:
			// The host answers with its own end of the link once it has dropped the
			// device; until then it is read, so that it is never blocked.
			cancel()
			_ = c.CloseWrite()
		case <-ctx.Done():
		}
	})
	if d.connected != nil {
		s.wg.Go(func() { d.connected(ctx) })
	}
	err := s.run(ctx)
	cancel()
	s.wg.Wait()
	select {
	case <-gone:
		return nil
	default:
	}
	if errors.Is(err, io.EOF) {
		return errLetGo
	}
	return err
}

// session is one life of a device between plugging in and unplugging.
type session struct {
	c  link
	d  *Device
	wg sync.WaitGroup

	writing sync.Mutex

	mu      sync.Mutex
	waiting map[uint32]*urb    // IN transfers without an answer, by sequence number
	lines   map[byte]chan *urb // by endpoint: its transfers complete in order
}

type urb struct {
	seq    uint32
	ep     byte
	size   int
	ctx    context.Context
	cancel context.CancelFunc
}

func (s *session) run(ctx context.Context) error {
	var h [urbHeader]byte
	be := binary.BigEndian
	for {
		if _, err := io.ReadFull(s.c, h[:]); err != nil {
			return err
		}
		seq := be.Uint32(h[4:])
		switch cmd := be.Uint32(h[0:]); cmd {
		case cmdSubmit:
			if err := s.submit(ctx, seq, h[:]); err != nil {
				return err
			}
		case cmdUnlink:
			s.unlink(seq, be.Uint32(h[lastErrorOffset:]))
		default:
			return fmt.Errorf("usbsim: unknown USB/IP command %#x", cmd)
		}
	}
}

// submit takes one URB: control and OUT transfers are answered at once, IN
// transfers when the device has something to say.
func (s *session) submit(ctx context.Context, seq uint32, h []byte) error {
	be := binary.BigEndian
	isIn, ep, size := be.Uint32(h[12:]) == directionIsIn, byte(be.Uint32(h[16:])), be.Uint32(h[24:])
	if size > maxTransfer {
		return fmt.Errorf("usbsim: transfer of %d bytes, at most %d", size, maxTransfer)
	}
	if n := int32(be.Uint32(h[32:])); n > 0 {
		return errors.New("usbsim: isochronous transfers are not simulated")
	}
	var out []byte
	if !isIn && size > 0 {
		out = make([]byte, size)
		if _, err := io.ReadFull(s.c, out); err != nil {
			return err
		}
	}
	if ctx.Err() == nil { // else it is unplugged, which the host is about to notice
		s.perform(ctx, seq, ep, isIn, h[40:], out, int(size))
	}
	return nil
}

// perform lets the device do what a URB asks for.
func (s *session) perform(ctx context.Context, seq uint32, ep byte, isIn bool, b, out []byte, size int) {
	le := binary.LittleEndian
	switch {
	case ep == 0:
		data, err := s.d.handleControl(setup{b[0], b[1], le.Uint16(b[2:]), le.Uint16(b[4:]), le.Uint16(b[6:])}, out)
		if !isIn {
			data = nil
		}
		s.answer(seq, data, len(out), err)
	case !isIn:
		s.answer(seq, nil, len(out), s.d.handleOut(ep, out))
	default:
		u := &urb{seq: seq, ep: ep | dirIn, size: size}
		u.ctx, u.cancel = context.WithCancel(ctx)
		select {
		case s.line(ctx, u) <- u:
		case <-ctx.Done():
			u.cancel()
		}
	}
}

// line returns the queue of the URB's endpoint and starts its goroutine when it is
// the first.
func (s *session) line(ctx context.Context, u *urb) chan *urb {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting[u.seq] = u
	q := s.lines[u.ep]
	if q == nil {
		q = make(chan *urb, maxPending)
		s.lines[u.ep] = q
		s.wg.Go(func() { s.complete(ctx, q) })
	}
	return q
}

// complete answers the IN transfers of one endpoint, in order.
func (s *session) complete(ctx context.Context, q <-chan *urb) {
	for {
		select {
		case <-ctx.Done():
			return
		case u := <-q:
			data, err := s.d.handleIn(u.ctx, u.ep, u.size)
			u.cancel()
			if !s.settle(u, data, err) && len(data) > 0 {
				s.d.unsend(u.ep, data)
			}
		}
	}
}

// settle answers an IN transfer unless the host has cancelled it. The answer must be
// on the wire before a cancellation is told to be too late: vhci_hcd drops a device
// that answers a transfer it no longer knows.
func (s *session) settle(u *urb, data []byte, err error) (wanted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, wanted = s.waiting[u.seq]; wanted {
		delete(s.waiting, u.seq)
		s.answer(u.seq, data, 0, err)
	}
	return wanted
}

// unlink is the host's cancellation of a URB. Status 0 says that it has been
// answered already.
func (s *session) unlink(seq, victim uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.waiting[victim]
	delete(s.waiting, victim)
	status := int32(0)
	if u != nil {
		u.cancel()
		status = statusUnlinked
	}
	s.write(retUnlink, seq, status, 0, nil)
}

// answer completes a URB; sent is the number of bytes an OUT transfer took.
func (s *session) answer(seq uint32, data []byte, sent int, err error) {
	status := int32(0)
	switch {
	case errors.Is(err, errGone):
		return // nobody answers for a device that is not there
	case errors.Is(err, errStall):
		status = statusStall
	case errors.Is(err, errOverflow):
		status = statusOverflow
	case err != nil:
		status = statusProtocol
	}
	if err != nil {
		data, sent = nil, 0
	}
	s.write(retSubmit, seq, status, sent+len(data), data)
}

// write sends one answer. A link that fails is noticed by run.
func (s *session) write(cmd, seq uint32, status int32, actual int, data []byte) {
	b := make([]byte, urbHeader, urbHeader+len(data))
	be := binary.BigEndian
	be.PutUint32(b[0:], cmd)
	be.PutUint32(b[4:], seq)
	be.PutUint32(b[lastErrorOffset:], uint32(status))
	be.PutUint32(b[24:], uint32(actual))
	s.writing.Lock()
	defer s.writing.Unlock()
	_, _ = s.c.Write(append(b, data...))
}
