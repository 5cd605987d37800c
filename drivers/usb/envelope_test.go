//go:build cgo

package usb

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"cardferry/drivers/idcard"
)

// sealed is an answer of the reader around a frame, as one stream.
func sealed(frame []byte) []byte {
	b := []byte{envelopeAnswer, 0, 0, byte(len(frame) + 1), byte((len(frame) + 1) >> 8), 0}
	b = append(b, frame...)
	sum := sum16(b[3:])
	return append(b, byte(sum), byte(sum>>8))
}

// answerReports cuts a stream into reports.
func answerReports(stream []byte) (all [][]byte) {
	for part := range slices.Chunk(stream, hidReport) {
		report := make([]byte, hidReport)
		copy(report, part)
		all = append(all, report)
	}
	return all
}

func TestWrap(t *testing.T) {
	reports := wrap(idcard.CmdFind.Frame())
	want := "8800000b00b1aaaaaa96690003200122ff03" // the example of the MR-300
	if len(reports) != 1 || len(reports[0]) != hidReport || hex.EncodeToString(reports[0]) != want+strings.Repeat("00", hidReport-len(want)/2) {
		t.Errorf("%x", reports)
	}
	if n := len(wrap(make([]byte, 100))); n != 2 {
		t.Errorf("%d reports", n)
	}
}

func TestOpener(t *testing.T) {
	short := idcard.AppendFrame(nil, []byte{0, 0, 0x90})
	long := idcard.AppendFrame(nil, append([]byte{0, 0, 0x90, 1, 0, 4, 0}, make([]byte, 1280)...))
	first := sealed(long)
	first[3], first[4] = 57, 0 // a length that counts the first report only
	damaged := sealed(short)
	damaged[len(damaged)-1] ^= 1
	tooLong := sealed(short)
	tooLong[envelopeHeader+5] = 0xFF
	for _, c := range []struct {
		name    string
		reports [][]byte
		want    []byte
		err     error
	}{
		{"one report", answerReports(sealed(short)), short, nil},
		{"many reports", answerReports(sealed(long)), long, nil},
		{"length of the first report only", answerReports(first), long, nil},
		{"noise before it", slices.Concat([][]byte{{}, {0x55}, make([]byte, hidReport)}, answerReports(sealed(short))), short, nil},
		{"wrong sum", answerReports(damaged), nil, idcard.ErrChecksum},
		{"impossible length", answerReports(tooLong), nil, idcard.ErrLength},
		{"the reader answers itself", answerReports([]byte{envelopeAnswer, 0, 0, 1, 0, 1, 2, 0}), nil, idcard.ErrNoAnswer},
	} {
		t.Run(c.name, func(t *testing.T) {
			var o opener
			for i, r := range c.reports {
				frame, err := o.add(r)
				if last := i == len(c.reports)-1; !last && (frame != nil || err != nil) {
					t.Fatalf("report %d: %x, %v", i, frame, err)
				} else if last && (!bytes.Equal(frame, c.want) || !errors.Is(err, c.err)) {
					t.Errorf("%d bytes, %v", len(frame), err)
				}
			}
			if o.pending() {
				t.Error("something is left")
			}
		})
	}
}

func FuzzEnvelope(f *testing.F) {
	f.Add(sealed(idcard.AppendFrame(nil, []byte{0, 0, 0x90})))
	f.Add(sealed(idcard.AppendFrame(nil, make([]byte, 1290))))
	f.Fuzz(func(t *testing.T, stream []byte) {
		var o opener
		for _, report := range answerReports(stream) {
			frame, err := o.add(report)
			if frame != nil && (err != nil || len(frame) > idcard.MaxFrame) || len(o.buf) > maxEnvelope+hidReport {
				t.Errorf("%d bytes, %v, holds %d", len(frame), err, len(o.buf))
			}
			if err != nil && !idcard.WireError(err) {
				t.Errorf("%v", err)
			}
		}
	})
}
