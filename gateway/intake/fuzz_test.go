package intake

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"cardferry/gateway/keys"
	"cardferry/hl7"
	"cardferry/hl7/mllp"
	"cardferry/sync/queue"
)

// FuzzHandle feeds any bytes: nothing panics, what is accepted was stored, and
// every answer is one that hl7 can read.
func FuzzHandle(f *testing.F) {
	for _, s := range []string{
		adt("1"), adt("1", "1"), enhanced("1", "AL", "AL"), adt(""), "", "MSH", "PID|", qbp("Q22", "1", ""), qbp("Q99", "1", "|||AL|AL"), marker,
		"BHS|^~\\&\r" + adt("1") + adt("2") + "BTS|2\r", adt("1") + adt("2"), "FHS$%~\\&\rBHS$%\rMSH\r", "MSH$%~\\&$A$$$$$$ADT%A01$1$P$2.5\r",
		"\ufeff" + adt("1"), strings.ReplaceAll(adt("1"), "\r", "\n"), "MSH|^~\\&|HIS|||||||9|||0\r", "MSH|^~\\&|HIS|||||||9|||-1\r",
		part1, part2, part3, part1 + part2 + part3,
		"\xff\xfeM\x00S\x00H\x00|\x00^\x00~\x00\\\x00&\x00|\x00",
	} {
		f.Add([]byte(s))
	}
	k, err := keys.Open(f.TempDir(), false)
	if err != nil {
		f.Fatal(err)
	}
	seal, _, err := k.Sealing("intake")
	if err != nil {
		f.Fatal(err)
	}
	stored := 0
	i, err := New(Options{
		Enqueue: func(_ context.Context, it queue.Item) (queue.Receipt, error) {
			stored++
			if len(it.ID) == 0 || len(it.Lanes) == 0 || len(it.Lanes) > queue.MaxLanes {
				panic("not an item the queue takes")
			}
			return queue.Receipt{}, nil
		},
		ItemID: fakeID, Lane: fakeID, StateDir: f.TempDir(), MaxMessage: 1 << 16, MaxBatch: 100, Seal: seal,
		Senders: []Sender{{Name: "numbered", Application: "HIS", Sequence: true, ReusedID: Keep}, {Name: "gbk", Facility: "H", Charset: "GBK", ForceCharset: true}},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := i.Close(); err != nil {
			f.Error(err)
		}
	})
	f.Fuzz(func(t *testing.T, raw []byte) {
		stored = 0
		reply := i.Handle(t.Context(), bytes.Clone(raw), mllp.Peer{})
		if reply.Then != mllp.Continue || reply.ACK == nil && reply.Also != nil && !looksLikeBatch(raw) {
			t.Fatalf("%+v", reply)
		}
		good, elsewhere := 0, 0
		for _, answer := range append([][]byte{reply.ACK}, reply.Also...) {
			if answer == nil {
				continue
			}
			b, err := hl7.Split(answer, hl7.Options{})
			if err != nil {
				t.Fatalf("%v in %q", err, answer)
			}
			for _, msg := range b.Messages {
				if _, err := hl7.Parse(msg, hl7.Options{}); err != nil {
					t.Fatalf("%v in %q", err, msg)
				}
				if code := codeOf(msg); code == hl7.AA || code == hl7.CA {
					good++
				}
			}
		}
		// Accepted without being in the queue: queries (CA, then the response), parts
		// that wait for the rest, and messages that only speak about sequence numbers.
		// Twice accepted: CA, then AA.
		if split, err := hl7.Split(raw, hl7.Options{MaxSize: 1 << 16}); err == nil {
			for _, msg := range split.Messages {
				m, err := hl7.Parse(msg, hl7.Options{})
				if err != nil {
					continue
				}
				if c := m.Continuation(); len(m.Segments()) == 1 || isQuery(m.At(pathType).Raw()) || c.From != "" || c.To != "" {
					elsewhere++
				}
			}
		}
		if good > 2*(stored+elsewhere) {
			t.Fatalf("%d accepted, %d stored", good, stored)
		}
	})
}

// fakeID is a hash good enough for tests, in hex.
func fakeID(parts ...string) string {
	h := uint64(14695981039346656037)
	for _, p := range parts {
		for k := range len(p) {
			h = (h ^ uint64(p[k])) * 1099511628211
		}
		h *= 31
	}
	const digits = "0123456789abcdef"
	out := make([]byte, 40)
	for k := range out {
		out[k] = digits[h>>(4*(k%16))&15]
	}
	return string(out)
}
