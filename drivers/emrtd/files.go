package emrtd

import (
	"context"
	"errors"
	"fmt"
)

// Transceive sends one raw command APDU (short length) and returns the response APDU
// with its status word in the last two bytes. It fetches what 61xx announces.
type Transceive func(ctx context.Context, command []byte) (response []byte, err error)

const (
	swOK = 0x9000
	// maxFile is the longest file: bit 15 of a READ BINARY offset means something else.
	maxFile = 0x7FFF
	// chunk is what a protected response of 256 bytes holds with padding, status and
	// checksum, for both block sizes.
	chunk = 0xDF
	// maxCommands bounds the commands that select and read, for documents that answer
	// byte by byte; the longest files take 150 each.
	maxCommands = 512
)

// plain sends a command and takes data and status word apart.
func plain(ctx context.Context, send Transceive, cmd []byte) ([]byte, uint16, error) {
	answer, err := send(ctx, cmd)
	if err != nil {
		return nil, 0, err
	}
	n := len(answer) - 2
	if n < 0 {
		return nil, 0, fmt.Errorf("%w: response without a status word", ErrMalformed)
	}
	return answer[:n], uint16(answer[n])<<8 | uint16(answer[n+1]), nil
}

// reader reads files, plain until sm is set and protected after that.
type reader struct {
	send Transceive
	sm   *messaging
	sent int // commands
}

// command sends SELECT or READ BINARY. A protected answer that cannot be trusted is an
// error, a status word is not.
func (r *reader) command(ctx context.Context, ins, p1, p2 byte, data []byte, ne int) ([]byte, uint16, error) {
	if r.sent++; r.sent > maxCommands {
		return nil, 0, fmt.Errorf("%w: more than %d commands", ErrMessaging, maxCommands)
	}
	if r.sm == nil {
		cmd := []byte{0x00, ins, p1, p2}
		if len(data) > 0 {
			cmd = append(append(cmd, byte(len(data))), data...)
		}
		if ne > 0 {
			cmd = append(cmd, byte(ne))
		}
		return plain(ctx, r.send, cmd)
	}
	if r.sm.dead {
		return nil, 0, ErrMessaging
	}
	answer, err := r.send(ctx, r.sm.protect(ins, p1, p2, data, ne))
	if err != nil {
		return nil, 0, err
	}
	return r.sm.open(answer)
}

// file reads a whole elementary file that is one data object, by its identifier.
// Status words that mean that there is none, or that it is closed, are a StatusError.
func (r *reader) file(ctx context.Context, name string, id uint16) ([]byte, error) {
	_, sw, err := r.command(ctx, 0xA4, 0x02, 0x0C, []byte{byte(id >> 8), byte(id)}, 0)
	if err != nil {
		return nil, fmt.Errorf("select %s: %w", name, err)
	}
	if sw != swOK {
		return nil, &StatusError{"select " + name, sw}
	}
	var out []byte
	want := 4 // enough for most headers
	for len(out) < want {
		data, sw, err := r.command(ctx, 0xB0, byte(len(out)>>8), byte(len(out)), nil, min(chunk, want-len(out)))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if sw != swOK && sw != 0x6282 {
			return nil, &StatusError{"read " + name, sw}
		}
		out = append(out, data...)
		if _, head, length, ok, err := header(out); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		} else if ok {
			want = head + length
		} else {
			want = len(out) + 2
		}
		if want > maxFile {
			return nil, fmt.Errorf("%s: %w: %d bytes are more than can be read", name, ErrMalformed, want)
		}
		if len(data) == 0 || sw == 0x6282 {
			break
		}
	}
	if len(out) < want {
		return nil, fmt.Errorf("%s: %w: ends after %d of %d bytes", name, ErrMalformed, len(out), want)
	}
	return out[:want], nil
}

// refused says whether the document refused a command and goes on talking.
func refused(err error) bool {
	var status *StatusError
	return errors.As(err, &status)
}
