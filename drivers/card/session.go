package card

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"cardferry/drivers"
)

// ErrLimit says that a card needed more commands or sent more bytes than its
// profile allows: a wrong profile, a broken card or a hostile one.
var ErrLimit = errors.New("card exceeds the profile's limits; raise limits in the profile if the card is genuine")

// ErrResponse says that a response had no status word: the reader or the card
// lost the connection. Presenting the card again usually helps.
var ErrResponse = errors.New("response shorter than a status word; present the card again")

// StatusError says that a card refused a command that the profile needs. It
// holds no card content.
type StatusError struct {
	Profile string // "cn-ssc@1"
	Step    string // "read-record"
	Line    int    // of the step in the profile's file
	SW      uint16 // ISO/IEC 7816-4 status word
	Reason  string // set when it was not the card that refused: what is missing
}

// Error names profile, step and status word.
func (e *StatusError) Error() string {
	if e.Reason != "" {
		return fmt.Sprintf("profile %s, line %d, %s: %s", e.Profile, e.Line, e.Step, e.Reason)
	}
	return fmt.Sprintf("profile %s, line %d, %s: card answered %04X (%s)", e.Profile, e.Line, e.Step, e.SW, statusWord(e.SW).text())
}

// refusedWith says whether err is the card's refusal with this status word.
func refusedWith(err error, sw statusWord) bool {
	var refused *StatusError
	return errors.As(err, &refused) && refused.SW == uint16(sw)
}

// session hides how a card wants to be talked to (T=0, T=1, GET RESPONSE, wrong
// length) and counts what was used. One session serves one profile on one card.
type session struct {
	*presence
	allow    []classInstruction
	siteKey  func(name string) ([]byte, bool)
	probing  bool          // what other probes learnt holds
	getResp  bool          // fetch on 61xx
	getP2    byte          // P2 of GET RESPONSE
	delay    time.Duration // before a 6Cxx retry
	extended bool          // extended Le still worth trying
	apdus    int           // commands left
	bytes    int           // response bytes left

	control []byte // answer to the last SELECT
	opened  opened // sector of a MIFARE card
	memory  string // dialect of a memory card, once it is named
}

// command sends c and returns data and final status word. An error means that
// there was no usable answer; a refusal is a status word.
func (s *session) command(ctx context.Context, c command) ([]byte, statusWord, error) {
	key := s.selectKey(c)
	if data, sw, ok := s.recall(key); ok && s.probing {
		return data, sw, nil
	}
	data, sw, err := s.converse(ctx, c)
	if err == nil {
		s.remember(key, data, sw)
	}
	return data, sw, err
}

// converse sends c and what the answer asks for: the right length, the rest.
func (s *session) converse(ctx context.Context, c command) ([]byte, statusWord, error) {
	data, sw, err := s.exchange(ctx, c)
	if err != nil {
		return nil, 0, err
	}
	// 6Cxx: right length is xx. Some cards say 67xx (ISO 7816-4 has only 6700).
	// A reader command without an answer keeps its form, whatever the reader says, and a
	// protected command is never sent twice: it has a counter.
	if c.cla != 0x0C && (sw&0xFF00 == 0x6C00 || sw&0xFF00 == 0x6700 && sw != 0x6700) && (c.ne > 0 || !c.builtin) {
		if err := s.wait(ctx); err != nil {
			return nil, 0, err
		}
		c.ne = shortLength(byte(sw))
		if data, sw, err = s.exchange(ctx, c); err != nil {
			return nil, 0, err
		}
	}
	if !s.getResp || sw&0xFF00 != 0x6100 {
		return data, sw, nil
	}
	data, sw, err = s.getResponse(ctx, c.cla, data, sw)
	if c.ins == 0xA4 && c.ne == 0 && sw != swOK && err == nil {
		return nil, swOK, nil // nobody asked for the answer to SELECT, and 61xx said that it succeeded
	}
	return data, sw, err
}

// getResponse collects the rest of an answer after 61xx.
func (s *session) getResponse(ctx context.Context, cla byte, data []byte, sw statusWord) ([]byte, statusWord, error) {
	if cla&0x80 != 0 {
		cla = 0 // GET RESPONSE is interindustry even after a proprietary command
	}
	for sw&0xFF00 == 0x6100 {
		get := command{cla: cla &^ 0x1C, ins: 0xC0, p2: s.getP2, ne: shortLength(byte(sw))}
		more, next, err := s.exchange(ctx, get)
		if err == nil && next&0xFF00 == 0x6C00 {
			get.ne = shortLength(byte(next))
			more, next, err = s.exchange(ctx, get)
		}
		if err != nil {
			return nil, 0, err
		}
		data, sw = append(data, more...), next
	}
	return data, sw, nil
}

// exchange sends one command as it is, within guard and limits.
func (s *session) exchange(ctx context.Context, c command) ([]byte, statusWord, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	err := permit(classInstruction(c.cla)<<8|classInstruction(c.ins), s.allow)
	switch {
	case c.builtin:
		err = permitBuiltin(c)
	case c.document:
		err = permitDocument(c)
	}
	if err != nil {
		return nil, 0, err
	}
	if s.apdus <= 0 {
		return nil, 0, fmt.Errorf("too many commands: %w", ErrLimit)
	}
	s.apdus--
	raw, err := c.encode(s.info.Protocol)
	if err != nil {
		return nil, 0, err
	}
	s.last = nil
	resp, err := s.ch.Transmit(ctx, raw)
	if err != nil {
		return nil, 0, fmt.Errorf("transmit: %w", err)
	}
	n := len(resp) - 2
	if n < 0 {
		return nil, 0, ErrResponse
	}
	if s.bytes -= n; s.bytes < 0 {
		return nil, 0, fmt.Errorf("too many bytes: %w", ErrLimit)
	}
	return bytes.Clone(resp[:n]), statusWord(resp[n])<<8 | statusWord(resp[n+1]), nil // a channel may reuse its buffer
}

// wait pauses for cards that need time before a retry (Belpic).
func (s *session) wait(ctx context.Context) error { return pause(ctx, s.delay) }

// pause waits, or returns ctx's error.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// final says whether an error ends the read: the card left, time is up, a limit
// was reached. Everything else is the reader's or card's answer to one command.
func final(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, drivers.ErrCardRemoved) || errors.Is(err, ErrLimit)
}
