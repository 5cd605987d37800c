package idcard

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Transport carries one request frame to the reader and returns the one response
// frame. It drops stale input first, honours ctx's deadline, and reports the four
// ways an exchange goes wrong with [ErrChecksum], [ErrLength], [ErrTorn] and
// [ErrNoAnswer]. Any other error means the wire is gone. It is used by one
// goroutine at a time.
type Transport interface {
	Exchange(ctx context.Context, frame []byte) (response []byte, err error)
}

// How long the SAM may take to answer, on top of the time on the wire. The
// figures are the generous end of what vendors state.
const (
	statusTimeout = 2 * time.Second
	findTimeout   = time.Second
	selectTimeout = 1500 * time.Millisecond
	readTimeout   = 4 * time.Second
)

// exchangeTries is how often an exchange is repeated when a frame was damaged or
// the reader did not answer.
const exchangeTries = 3

// lag is how long a response that missed its time-out may still take; it doubles with
// every try.
const lag = 200 * time.Millisecond

// Session has the commands of one reader. It is used by one goroutine at a time.
type Session struct {
	t       Transport
	lagging bool // the last request was not answered, its response may yet come
	pause   func(ctx context.Context, d time.Duration) bool
}

// NewSession returns a session over t.
func NewSession(t Transport) *Session { return &Session{t: t, pause: sleep} }

// Card is what a read returns: raw blocks of one card.
type Card struct {
	Text  []byte // 256 bytes, see [DecodeText]
	Photo []byte // 1024 bytes, WLT: a proprietary compression without open decoder
}

// Check asks the SAM for its self test (11 FF). Tries limits how often it asks;
// 1 is right for probing a baud rate.
func (s *Session) Check(ctx context.Context, tries int) error {
	_, err := s.do(ctx, CmdStatus, statusTimeout, tries, StatusOK)
	return err
}

// Reset restarts the SAM (10 FF).
func (s *Session) Reset(ctx context.Context) error {
	_, err := s.do(ctx, CmdReset, statusTimeout, exchangeTries, StatusOK)
	return err
}

// SAMNumber returns the number of the security module, which identifies the
// reader: "05.03-20200101-0001234567-0089012345" (12 FF; five little-endian
// numbers).
func (s *Session) SAMNumber(ctx context.Context) (string, error) {
	data, err := s.do(ctx, CmdSAMNumber, statusTimeout, exchangeTries, StatusOK)
	if err != nil {
		return "", err
	}
	if len(data) < 16 {
		return "", fmt.Errorf("%s: %w (%d of 16 bytes)", CmdSAMNumber, ErrTorn, len(data))
	}
	le := binary.LittleEndian
	return fmt.Sprintf("%02d.%02d-%08d-%010d-%010d",
		le.Uint16(data), le.Uint16(data[2:]), le.Uint32(data[4:]), le.Uint32(data[8:]), le.Uint32(data[12:])), nil
}

// Find looks for a card that was not read since it was put down (20 01). No card
// is no error.
func (s *Session) Find(ctx context.Context) (bool, error) {
	_, err := s.do(ctx, CmdFind, findTimeout, exchangeTries, StatusFound, StatusOK)
	if hasStatus(err, StatusNoCard) {
		return false, nil
	}
	return err == nil, err
}

// Select chooses the card found (20 02).
func (s *Session) Select(ctx context.Context) error {
	_, err := s.do(ctx, CmdSelect, selectTimeout, exchangeTries, StatusOK)
	return err
}

// Read reads text and photo of the selected card (30 01), from readers that do not
// know that command with 30 10, whose fingerprint is thrown away. Afterwards the card
// must leave the field before Find sees it again.
func (s *Session) Read(ctx context.Context) (Card, error) {
	cmd := CmdRead
	data, err := s.do(ctx, cmd, readTimeout, exchangeTries, StatusOK)
	if hasStatus(err, StatusBadCommand) {
		cmd = CmdReadAll
		data, err = s.do(ctx, cmd, readTimeout, exchangeTries, StatusOK)
	}
	if err != nil {
		return Card{}, err
	}
	return parseCard(cmd, data)
}

// parseCard cuts a read's answer: the big-endian lengths of text, photo and, with
// 30 10, fingerprint, then the blocks.
func parseCard(cmd Command, data []byte) (Card, error) {
	lengths := 4
	if cmd == CmdReadAll {
		lengths = 6
	}
	if len(data) < lengths {
		return Card{}, fmt.Errorf("%s: %w (%d of %d bytes of lengths)", cmd, ErrTorn, len(data), lengths)
	}
	text, photo := int(binary.BigEndian.Uint16(data)), int(binary.BigEndian.Uint16(data[2:]))
	data = data[lengths:]
	if text != TextSize || len(data) < text+photo {
		return Card{}, fmt.Errorf("%s: %w (text %d, photo %d, got %d bytes)", cmd, ErrTorn, text, photo, len(data))
	}
	return Card{Text: data[:text], Photo: data[text : text+photo]}, nil
}

// NewestAddress returns the raw appended addresses, 70 bytes each and the newest
// last (30 03); none is an empty answer. It works only while the card that was
// read lies on the reader, which makes it the way to see a card leave.
func (s *Session) NewestAddress(ctx context.Context) ([]byte, error) {
	data, err := s.do(ctx, CmdNewestAddress, selectTimeout, exchangeTries, StatusOK, StatusNoContent)
	return data, err
}

// do sends cmd and returns the data of the response when its status is one of
// want, else a [StatusError] or what the transport said.
func (s *Session) do(ctx context.Context, cmd Command, timeout time.Duration, tries int, want ...Status) ([]byte, error) {
	var err error
	for try := range tries {
		// A reader that is late would answer this request with the last one's
		// response. The pause lets that arrive, where the transport drops it as
		// stale.
		if s.lagging && !s.pause(ctx, lag<<try) {
			return nil, ctx.Err()
		}
		var data []byte
		data, err = s.once(ctx, cmd, timeout, want)
		var dialect *StatusError
		if try == tries-1 && errors.Is(err, ErrOutOfStep) && errors.As(err, &dialect) {
			err = dialect // the line is quiet and it says so again: it means this request
		}
		s.lagging = errors.Is(err, ErrNoAnswer) || errors.Is(err, ErrTorn) || errors.Is(err, ErrOutOfStep)
		if err == nil || !repeatable(err) || ctx.Err() != nil {
			return data, err
		}
	}
	return nil, err
}

func (s *Session) once(ctx context.Context, cmd Command, timeout time.Duration, want []Status) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	frame, err := s.t.Exchange(ctx, cmd.Frame())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cmd, err)
	}
	body, err := Body(frame)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cmd, err)
	}
	if len(body) < 3 {
		return nil, fmt.Errorf("%s: %w (no status)", cmd, ErrLength)
	}
	status, data := Status(body[2]), body[3:]
	refusal := &StatusError{Command: cmd, Status: status}
	switch {
	case status.answers(cmd, len(data)):
	case status == StatusOK:
		return nil, fmt.Errorf("%s: %w (%d bytes)", cmd, ErrOutOfStep, len(data))
	default:
		return nil, fmt.Errorf("%w (%w)", ErrOutOfStep, refusal)
	}
	for _, w := range want {
		if status == w {
			return data, nil
		}
	}
	return nil, refusal
}

// repeatable says whether the exchange, not the card, went wrong.
func repeatable(err error) bool {
	return WireError(err) || hasStatus(err, StatusBadChecksum) || hasStatus(err, StatusBadLength)
}

// WireError says whether err means that a frame was damaged or missing. The wire
// itself still works then; any other error of a [Transport] means that it is gone.
func WireError(err error) bool {
	return errors.Is(err, ErrChecksum) || errors.Is(err, ErrLength) ||
		errors.Is(err, ErrTorn) || errors.Is(err, ErrNoAnswer) || errors.Is(err, ErrOutOfStep)
}
