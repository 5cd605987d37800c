//go:build cgo

package usb

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"cardferry/drivers/idcard"

	"github.com/google/gousb"
)

// split carries the header of each frame over a first pair of endpoints and the rest
// over a second (SAM_V module documents: pipes 02 and 06 out, 81 and 85 in). It
// implements [idcard.Transport].
type split struct {
	l                  *link
	outHeader, outBody gousb.EndpointDesc
	inHeader, inBody   *pipe
}

func openSplit(l *link) (idcard.Transport, error) {
	in, out := l.endpoints(gousb.EndpointDirectionIn), l.endpoints(gousb.EndpointDirectionOut)
	header, err := l.pump(in[0])
	if err != nil {
		return nil, err
	}
	body, err := l.pump(in[1])
	if err != nil {
		return nil, err
	}
	return &split{l: l, outHeader: out[0], outBody: out[1], inHeader: header, inBody: body}, nil
}

// Exchange implements [idcard.Transport].
func (s *split) Exchange(ctx context.Context, frame []byte) ([]byte, error) {
	s.inHeader.drain()
	s.inBody.drain()
	if err := s.l.write(ctx, s.outHeader, frame[:samHeader]); err != nil {
		return nil, writeError(err)
	}
	if err := s.l.write(ctx, s.outBody, frame[samHeader:]); err != nil {
		return nil, writeError(err)
	}
	var header []byte
	for len(header) < samHeader {
		packet, err := s.inHeader.next(ctx, len(header) > 0)
		if err != nil {
			return nil, err
		}
		header = append(header, packet...)
	}
	// Two headers are two answers, one of them late: the last is ours, and its body
	// is what the checksum fits.
	if i := bytes.LastIndex(header, []byte(samPreamble)); i > 0 && len(header)-i >= samHeader {
		header = header[i:]
	}
	size := int(binary.BigEndian.Uint16(header[samHeader-2:]))
	if size > idcard.MaxLength || !bytes.HasPrefix(header, []byte(samPreamble)) || len(header) > samHeader {
		return nil, fmt.Errorf("%w (header of %d bytes, length field %d)", idcard.ErrLength, len(header), size)
	}
	answer := header
	for len(answer) < samHeader+size {
		packet, err := s.inBody.next(ctx, true)
		if err != nil {
			return nil, err
		}
		answer = append(answer, packet...)
	}
	if _, err := idcard.Body(answer); err != nil {
		return nil, err
	}
	return answer, nil
}
