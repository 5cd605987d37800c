package intake

import (
	"bytes"
	"context"
	"errors"
	"strconv"

	"cardferry/hl7"
	"cardferry/hl7/mllp"
)

// looksLikeBatch says whether a frame may hold more than one message: it begins
// with a batch or file header, or a line in it begins with another MSH.
func looksLikeBatch(raw []byte) bool {
	start := bytes.TrimLeft(raw, "\r\n \t\x00")
	return bytes.HasPrefix(start, []byte("FHS")) || bytes.HasPrefix(start, []byte("BHS")) ||
		bytes.Contains(start, []byte("\rMSH")) || bytes.Contains(start, []byte("\nMSH"))
}

// batch stores the messages of a batch and answers with one batch of their
// acknowledgements, in order (HL7 v2.9, 2.10.3). What was stored stays stored,
// whatever becomes of the others. If one acknowledgement must be withheld all
// are: the sender sends the batch again, and what is stored is recognised.
func (i *Intake) batch(ctx context.Context, raw []byte, peer mllp.Peer) answer {
	b, err := hl7.Split(raw, hl7.Options{MaxSize: i.o.MaxMessage})
	if err != nil {
		i.fallback.count(BadBatch)
		return i.unreadable(raw, peer, err)
	}
	if len(b.Messages) == 1 && b.BatchHeader == nil && b.FileHeader == nil {
		return i.message(ctx, raw, peer) // the other MSH was inside a field
	}
	if bytes.ContainsAny(raw, "\x0b\x1c") { // Split would cut a message there and accept what is left of it
		i.fallback.count(BadBatch)
		return i.unreadable(raw, peer, errBlockInBatch)
	}
	i.noteBatch(b)
	r := batchReply{header: b.BatchHeader}
	if len(b.Messages) > i.o.MaxBatch {
		i.fallback.count(BatchTooLarge)
		r.add(unframed(hl7.ACK(b.Messages[0], hl7.AckInfo{Code: hl7.AR, ErrorCode: hl7.ApplicationError, Now: i.now(), Options: i.first,
			Text: "the batch has more messages than the limit of " + strconv.Itoa(i.o.MaxBatch) + "; nothing was stored, send smaller batches"})))
		return answer{first: r.bytes(i)}
	}
	var behind [][]byte
	for _, a := range i.messages(ctx, b.Messages, peer) {
		if a.withhold {
			return a
		}
		r.add(a.first)
		behind = append(behind, a.behind...)
	}
	if r.count == 0 && len(b.Messages) > 0 {
		return answer{behind: behind} // nobody wants to hear anything
	}
	return answer{first: r.bytes(i), behind: behind}
}

var errBlockInBatch = errors.New("a batch with an MLLP block character (VT or FS) inside; nothing was stored, send its messages one by one")

// noteBatch counts what does not hold in a batch.
func (i *Intake) noteBatch(b hl7.Batch) {
	for _, w := range b.Warnings {
		switch w.Code {
		case hl7.WarnBatchCount, hl7.WarnFileCount:
			i.fallback.count(BatchCount)
		case hl7.WarnOutsideMessage:
			i.fallback.count(OutsideMessage)
		}
	}
}

// batchReply collects acknowledgements.
type batchReply struct {
	header []byte // BHS of the batch, nil when it had none
	acks   []byte
	count  int
}

func (r *batchReply) add(ack []byte) {
	if ack != nil {
		r.acks = append(r.acks, ack...)
		r.count++
	}
}

// bytes is the batch of acknowledgements. BHS-3 to 6 change places, BHS-12 is
// the control id of the batch that is answered.
func (r *batchReply) bytes(i *Intake) []byte {
	sep, fields := byte('|'), [][]byte(nil)
	if len(r.header) > 4 {
		sep = r.header[3]
		fields = bytes.Split(r.header, r.header[3:4])
	}
	field := func(n int) []byte { // BHS-n; BHS-1 is the separator itself
		if n > len(fields) || len(fields[n-1]) > maxEcho || !printable(fields[n-1]) {
			return nil
		}
		return fields[n-1]
	}
	encoding := field(2)
	if encoding == nil {
		sep, encoding, fields = '|', []byte(`^~\&`), nil
	}
	now := i.now().AppendFormat(nil, "20060102150405-0700")
	b := []byte("BHS")
	for _, f := range [][]byte{encoding, field(5), field(6), field(3), field(4), now, nil, nil, nil, []byte(newControlID()), field(11)} {
		b = append(append(b, sep), f...)
	}
	b = append(append(bytes.TrimRight(b, string(sep)), '\r'), r.acks...)
	b = append(append(b, "BTS"...), sep)
	return append(strconv.AppendInt(b, int64(r.count), 10), '\r')
}

// maxEcho bounds a field of a batch header that is repeated, bytes.
const maxEcho = 1024

// printable says whether b is ASCII without control characters.
func printable(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}
