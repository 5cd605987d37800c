package hd100

import (
	"bytes"
	"context"
	"errors"

	"cardferry/drivers/idcard"
)

// IDModule carries SAM commands to the reader's ID-card module. It implements
// [idcard.Transport]: the module knows find, select and read, and says of a refusal
// only that it is one.
type IDModule struct{ R *Reader }

// textAndPhoto are the lengths that a SAM puts before text and photo (256 and 1024).
var textAndPhoto = []byte{0x01, 0x00, 0x04, 0x00}

// Exchange implements [idcard.Transport].
func (m IDModule) Exchange(ctx context.Context, frame []byte) ([]byte, error) {
	body, err := idcard.Body(frame)
	if err != nil || len(body) < 2 {
		return nil, errors.Join(err, idcard.ErrLength)
	}
	var opcode byte
	ok, no := idcard.StatusOK, idcard.StatusBadCommand
	switch idcard.Command(uint16(body[0])<<8 | uint16(body[1])) {
	case idcard.CmdFind:
		opcode, ok, no = opFindID, idcard.StatusFound, idcard.StatusNoCard
	case idcard.CmdSelect:
		opcode, no = opSelectID, idcard.StatusSelectFailed
	case idcard.CmdRead:
		opcode, no = opReadID, idcard.StatusReadFailed
	default:
		return idcard.AppendFrame(nil, []byte{0, 0, byte(no)}), nil
	}
	if opcode != opFindID {
		m.R.field.Lock()
	} else if !m.R.field.TryLock() { // a contactless card is being read
		return idcard.AppendFrame(nil, []byte{0, 0, byte(no)}), nil
	}
	defer m.R.field.Unlock()
	data, err := m.R.do(ctx, opcode)
	switch {
	case refused(err):
		return idcard.AppendFrame(nil, []byte{0, 0, byte(no)}), nil
	case errors.Is(err, ErrSilent), errors.Is(err, context.DeadlineExceeded):
		return nil, idcard.ErrNoAnswer
	case err != nil:
		return nil, err
	}
	// Assumed: the answer to a read is the SAM's, with or without the lengths.
	if opcode == opReadID && !bytes.HasPrefix(data, textAndPhoto) && len(data) >= idcard.TextSize {
		photo := min(len(data)-idcard.TextSize, 1024)
		lengths := []byte{0x01, 0x00, byte(photo >> 8), byte(photo)}
		data = append(lengths, data[:idcard.TextSize+photo]...)
	}
	return idcard.AppendFrame(nil, append([]byte{0, 0, byte(ok)}, data[:min(len(data), idcard.MaxLength-4)]...)), nil
}
