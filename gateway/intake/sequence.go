package intake

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strconv"
	"sync"

	"cardferry/hl7"
)

// sequence is the last sequence number accepted from one sender (HL7 v2.9,
// 2.10.1), kept in a file of two slots that are written in turn, so that a torn
// write leaves the number before.
type sequence struct {
	mu     sync.Mutex // held while a message of the sender is taken in: they come in order
	file   *os.File
	writes uint64
	last   int64 // unknown before the first message and after a reset
}

const (
	unknown    = -1
	slotSize   = 512 // a sector each
	slotBytes  = 8 + 8 + 4
	maxNumber  = 1 << 53 // the standard's NM has no limit; this is far beyond any counter
	resync     = 0       // MSH-13: which number do you expect?
	reset      = -1      // MSH-13: take whatever comes next for the first
	unexpected = "MSH-13 is not the sequence number expected; MSA-4 tells it. Send the missing messages, or -1 to begin anew"
)

// openSequence opens the file, or makes it.
func openSequence(path string) (*sequence, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open sequence number: %w", err)
	}
	q := &sequence{file: f, last: unknown}
	for slot := range int64(2) {
		var b [slotBytes]byte
		switch _, err := f.ReadAt(b[:], slot*slotSize); {
		case errors.Is(err, io.EOF):
			continue
		case err != nil:
			return nil, errors.Join(fmt.Errorf("read sequence number: %w", err), f.Close())
		}
		writes := binary.BigEndian.Uint64(b[:])
		if crc32.Checksum(b[:16], castagnoli) == binary.BigEndian.Uint32(b[16:]) && writes > q.writes {
			q.writes, q.last = writes, int64(binary.BigEndian.Uint64(b[8:]))
		}
	}
	return q, nil
}

// save makes n the last number, durably.
func (q *sequence) save(n int64) error {
	var b [slotBytes]byte
	binary.BigEndian.PutUint64(b[:], q.writes+1)
	binary.BigEndian.PutUint64(b[8:], uint64(n))
	binary.BigEndian.PutUint32(b[16:], crc32.Checksum(b[:16], castagnoli))
	if _, err := q.file.WriteAt(b[:], int64(q.writes+1)%2*slotSize); err != nil {
		return fmt.Errorf("write sequence number: %w", err)
	}
	if err := q.file.Sync(); err != nil {
		return fmt.Errorf("sync sequence number: %w", err)
	}
	q.writes, q.last = q.writes+1, n
	return nil
}

// expected is MSA-4: the next number, or -1 for any.
func (q *sequence) expected() string {
	if q.last == unknown {
		return "-1"
	}
	return strconv.FormatInt(q.last+1, 10)
}

func (q *sequence) close() error { return q.file.Close() }

// sequenced takes a message of a sender that numbers its messages. The number is
// on disk before the acknowledgement leaves, and after the message.
func (i *Intake) sequenced(ctx context.Context, m *hl7.Message, s *sender) decision {
	q := s.sequence
	q.mu.Lock()
	defer q.mu.Unlock()
	field := m.At(pathSequence)
	if field.Kind() != hl7.Text {
		return i.store(ctx, m, s)
	}
	n, err := strconv.ParseInt(field.Text(), 10, 64)
	if err != nil || n < reset || n > maxNumber {
		s.count(SequenceInvalid)
		return failed(hl7.DataTypeError, pathSequence, "MSH-13 must be a whole number from -1")
	}
	switch {
	case n == resync || n == reset:
		return i.restart(ctx, m, s, n)
	case q.last != unknown && n > q.last+1:
		s.count(SequenceGap)
		d := failed(hl7.ApplicationError, pathSequence, unexpected)
		d.expected = q.expected()
		return d
	case q.last != unknown && n <= q.last:
		// A repeat has the same bytes and is recognised as such by the queue. If it
		// is not, a number was used twice; the message is stored all the same rather
		// than accepted without.
		s.count(SequenceRepeat)
		return i.store(ctx, m, s)
	}
	d := i.store(ctx, m, s)
	if d.outcome != hl7.Accepted {
		return d
	}
	return i.saveNumber(s, n, d)
}

// restart answers a sender that begins its stream: 0 asks what is expected, -1
// lets the next number count as the first. Such a message has no content by the
// standard; one that has is stored.
func (i *Intake) restart(ctx context.Context, m *hl7.Message, s *sender, n int64) decision {
	s.count(SequenceReset)
	d := accepted()
	if len(m.Segments()) > 1 {
		d = i.store(ctx, m, s)
	}
	if d.outcome == hl7.Accepted && n == reset {
		d = i.saveNumber(s, unknown, d)
	}
	d.expected = s.sequence.expected()
	return d
}

func (i *Intake) saveNumber(s *sender, n int64, d decision) decision {
	if err := s.sequence.save(n); err != nil {
		s.count(StoreFailed)
		i.log.Error("sequence number not stored", "sender", s.Name, "error", err)
		return s.later("the sequence number could not be stored, send again later")
	}
	return d
}
