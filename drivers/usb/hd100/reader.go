package hd100

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Port carries feature reports of [ReportSize] bytes. Both functions end by themselves
// within seconds.
type Port struct {
	Set func(report []byte) error
	// Get fills a report and returns it.
	Get func(report []byte) ([]byte, error)
}

// The opcodes that are used. Not one of them writes.
const (
	opPower4442   = 0x50
	opRead4442    = 0x52
	opPower4428   = 0x60
	opRead4428    = 0x62
	opRead24C     = 0x6B
	opPower24C    = 0x6D
	opAPDU        = 0x72
	opPowerOff    = 0x73
	opColdReset   = 0x74
	opSlotStatus  = 0x77
	opFieldType   = 0x87
	opRequestA    = 0x41
	opAnticoll    = 0x42
	opSelectA     = 0x43
	opAuthMifare  = 0x44
	opReadMifare  = 0x46
	opActivateA   = 0x85
	opContactless = 0x86
	opFindID      = 0xB0
	opSelectID    = 0xB1
	opReadID      = 0xB3
)

const (
	userSlot = 0x0C // the slot for people's cards; 0D to 10 are for SAMs
	fieldA   = 0x41 // ISO/IEC 14443 type A
)

// Answers of opSlotStatus.
const (
	slotUnpowered = 1
	slotAbsent    = 2
)

// forms of the answers that have a length of one byte.
var forms = map[byte]form{
	opColdReset: reset, opPower4442: short, opPower4428: short, opPower24C: short,
	opAnticoll: short, opActivateA: short, opReadMifare: short,
}

// ErrSilent says that the reader took a request and did not answer it.
var ErrSilent = errors.New("HD-100 does not answer; unplug it and plug it in again")

// StatusError is an answer that says that a request failed.
type StatusError struct{ Opcode, Status byte }

// Error names opcode and status.
func (e *StatusError) Error() string {
	return fmt.Sprintf("HD-100 refuses request %02X with status %02X", e.Opcode, e.Status)
}

// How long an answer may take. The ID-card module is given a second before it is asked,
// as the vendor's library does; asking earlier may disturb it.
const (
	answerLimit = 5 * time.Second
	askAgain    = 20 * time.Millisecond
	idPause     = time.Second
)

// errPort marks errors of the port itself: the device is gone or broken.
var errPort = errors.New("HD-100")

// Reader sends requests, one at a time. It is safe for concurrent use, as its slot and
// its ID-card module are looked after by two goroutines.
type Reader struct {
	port Port
	wire sync.Mutex // from a request to its answer
	// field belongs to whoever has a contactless card or ID card selected.
	field sync.Mutex
}

// NewReader returns a reader on a port.
func NewReader(p Port) *Reader { return &Reader{port: p} }

// do sends a request and returns the data of its answer. A refusal is a [*StatusError].
func (r *Reader) do(ctx context.Context, opcode byte, payload ...byte) ([]byte, error) {
	r.wire.Lock()
	defer r.wire.Unlock()
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	for _, report := range request(opcode, payload) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := r.port.Set(report); err != nil {
			return nil, fmt.Errorf("%w: send request %02X: %w", errPort, opcode, err)
		}
	}
	if opcode == opReadID {
		if err := pause(ctx, idPause); err != nil {
			return nil, err
		}
	}
	a := answer{form: forms[opcode]}
	for {
		report, err := r.port.Get(make([]byte, ReportSize))
		if err != nil {
			return nil, fmt.Errorf("%w: fetch the answer to request %02X: %w", errPort, opcode, err)
		}
		complete, err := a.add(report)
		switch {
		case err != nil:
			return nil, fmt.Errorf("request %02X: %w", opcode, err)
		case len(a.buf) > 0 && a.status() != 0:
			return nil, &StatusError{opcode, a.status()}
		case complete:
			return a.data(), nil
		case len(a.buf) > 0: // the next report is there already
			if ctx.Err() != nil {
				return nil, silence(ctx)
			}
		default:
			if pause(ctx, askAgain) != nil {
				return nil, silence(ctx)
			}
		}
	}
}

// silence is why waiting ended.
func silence(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ErrSilent
	}
	return ctx.Err()
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Present says whether a card is in the slot. It is also the way to see that a device
// is an HD-100 at all.
func (r *Reader) Present(ctx context.Context) (bool, error) {
	_, err := r.do(ctx, opSlotStatus, userSlot)
	var refused *StatusError
	if errors.As(err, &refused) {
		if refused.Status == slotUnpowered || refused.Status == slotAbsent {
			return refused.Status == slotUnpowered, nil
		}
		return false, err
	}
	return err == nil, err
}

// refused says whether err is a refusal: the reader works, what it was asked for
// does not.
func refused(err error) bool {
	var s *StatusError
	return errors.As(err, &s)
}
