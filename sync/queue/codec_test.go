package queue

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func testSealer(tb testing.TB) *sealer {
	tb.Helper()
	c, err := newCodec()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.close)
	k, err := newSealer(c, bytes.Repeat([]byte{7}, dekBytes))
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func sealed(tb testing.TB, k *sealer, it Item, seq uint64) []byte {
	tb.Helper()
	env := k.seal(nil, &it)
	finishEnvelope(env, seq, k)
	return env
}

func TestEnvelopeRoundTrip(t *testing.T) {
	k := testSealer(t)
	random := make([]byte, 5000)
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	full := item(strings.Repeat("i", MaxIDBytes), Backfill, Lane(strings.Repeat("a", MaxLaneBytes)), "b", "c", "d")
	full.Kind, full.Source = strings.Repeat("k", MaxNameBytes), strings.Repeat("s", MaxNameBytes)
	tests := map[string]func(*Item){
		"empty payload":    func(it *Item) { it.Payload = nil },
		"short payload":    func(it *Item) { it.Payload = []byte("x") },
		"incompressible":   func(it *Item) { it.Payload = random },
		"a message":        func(it *Item) { it.Payload = syntheticORU(7) },
		"one megabyte":     func(it *Item) { it.Payload = bytes.Repeat([]byte("OBX|1|"), 170_000) },
		"longest texts":    func(it *Item) { *it = full },
		"before the epoch": func(it *Item) { it.Received = time.Unix(-1, 5) },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			want := item("id", Live, "lane")
			change(&want)
			want.Seq = 42
			got, err := openEnvelope(k, sealed(t, k, want, 42))
			if err != nil {
				t.Fatal(err)
			}
			if !got.Received.Equal(want.Received) {
				t.Errorf("received %v, want %v", got.Received, want.Received)
			}
			got.Received, want.Received = time.Time{}, time.Time{}
			if !bytes.Equal(got.Payload, want.Payload) {
				t.Error("another payload")
			}
			got.Payload, want.Payload = nil, nil
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestDictionaryCompresses(t *testing.T) {
	k := testSealer(t)
	it := item("id", Live, "0123456789abcdef")
	it.Payload = syntheticORU(1)
	if n := len(k.seal(nil, &it)); n*5 > 2*len(it.Payload) {
		t.Errorf("%d bytes become %d", len(it.Payload), n)
	}
}

// TestEveryBitOfAnEnvelopeCounts flips each bit in turn: nothing may pass.
func TestEveryBitOfAnEnvelopeCounts(t *testing.T) {
	k := testSealer(t)
	env := sealed(t, k, item("id", Live, "lane"), 42)
	for bit := range 8 * len(env) {
		b := slices.Clone(env)
		b[bit/8] ^= 1 << (bit % 8)
		if _, err := openEnvelope(k, b); !errors.Is(err, ErrDamaged) {
			t.Fatalf("bit %d of byte %d: %v, want ErrDamaged", bit%8, bit/8, err)
		}
	}
}

func TestEnvelopeCannotMove(t *testing.T) {
	k := testSealer(t)
	env := sealed(t, k, item("id", Live, "lane"), 42)
	// An attacker who can compute checksums moves it to another number.
	moved := slices.Clone(env)
	stamp := slices.Clone(moved[12:28])
	finishEnvelope(moved, 43, k)
	copy(moved[12:28], stamp)
	if _, err := openEnvelope(k, resum(moved)); !errors.Is(err, ErrDamaged) {
		t.Errorf("moved: %v, want ErrDamaged", err)
	}
	other, err := newSealer(k.codec, bytes.Repeat([]byte{8}, dekBytes))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openEnvelope(other, env); !errors.Is(err, ErrDamaged) {
		t.Errorf("under another segment's key: %v, want ErrDamaged", err)
	}
}

// resum recomputes an envelope's checksum, as anybody can.
func resum(env []byte) []byte {
	headLen := int(env[32])<<8 | int(env[33])
	sum := appendSum(append(slices.Clone(env[4:28]), env[32:envPrefix+headLen]...))
	copy(env[28:32], sum[len(sum)-4:])
	return env
}

func TestFooterRoundTrip(t *testing.T) {
	f := &footer{count: 3, last: 109, bytes: 1234, size: 8192}
	f.lanes.first = 100
	f.lanes.add([]Lane{"a", "b"}, 100)
	f.lanes.add([]Lane{"a"}, 105)
	f.lanes.add([]Lane{"c"}, 109)
	got, err := decodeFooter(encodeFooter(f))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, f) {
		t.Errorf("got %+v, want %+v", got, f)
	}
	for _, tt := range []struct {
		lane Lane
		seq  uint64
		want bool
	}{{"a", 99, true}, {"a", 104, true}, {"a", 105, false}, {"b", 100, false}, {"c", 108, true}, {"d", 0, false}} {
		if is := got.lanes.after(fingerprint(tt.lane), tt.seq); is != tt.want {
			t.Errorf("lane %s after %d: %v", tt.lane, tt.seq, is)
		}
	}
}

func TestAckSetRoundTrip(t *testing.T) {
	id := [16]byte{1, 2, 3}
	for _, count := range []uint32{0, 1, 63, 64, 65, 1000} {
		for _, prefix := range []uint32{0, count / 2, count} {
			var a ackSet
			for ord := range prefix {
				a.set(ord)
			}
			for ord := prefix; ord < count; ord += 7 {
				if !a.set(ord) || a.set(ord) {
					t.Fatalf("setting %d twice", ord)
				}
			}
			got, err := decodeAckSet(a.encode(id), id, count)
			if err != nil {
				t.Fatalf("%d of %d: %v", prefix, count, err)
			}
			for ord := range count + 64 {
				if got.has(ord) != a.has(ord) || got.n != a.n {
					t.Fatalf("%d of %d: ordinal %d differs", prefix, count, ord)
				}
			}
			if _, err := decodeAckSet(a.encode(id), [16]byte{9}, count); err == nil {
				t.Error("another segment's acknowledgements were taken")
			}
		}
	}
}

func TestItemLimits(t *testing.T) {
	tests := map[string]func(*Item){
		"no id":            func(it *Item) { it.ID = "" },
		"id too long":      func(it *Item) { it.ID = strings.Repeat("x", MaxIDBytes+1) },
		"id with blank":    func(it *Item) { it.ID = "a b" },
		"id not ASCII":     func(it *Item) { it.ID = "患" },
		"no lane":          func(it *Item) { it.Lanes = nil },
		"too many lanes":   func(it *Item) { it.Lanes = []Lane{"a", "b", "c", "d", "e"} },
		"a lane twice":     func(it *Item) { it.Lanes = []Lane{"a", "b", "a"} },
		"an empty lane":    func(it *Item) { it.Lanes = []Lane{""} },
		"lane too long":    func(it *Item) { it.Lanes = []Lane{Lane(strings.Repeat("x", MaxLaneBytes+1))} },
		"unknown class":    func(it *Item) { it.Class = numClasses },
		"no kind":          func(it *Item) { it.Kind = "" },
		"source too long":  func(it *Item) { it.Source = strings.Repeat("x", MaxNameBytes+1) },
		"payload too long": func(it *Item) { it.Payload = make([]byte, MaxPayloadBytes+1) },
	}
	s := mustOpen(t, t.TempDir(), testOptions(t))
	for name, breakIt := range tests {
		t.Run(name, func(t *testing.T) {
			it := item("id", Live, "lane")
			breakIt(&it)
			if _, err := s.Enqueue(t.Context(), it); !errors.Is(err, ErrInvalid) {
				t.Errorf("got %v, want ErrInvalid", err)
			}
		})
	}
	if st := s.Stat(); st.HighSeq != 0 {
		t.Errorf("something was stored: %+v", st)
	}
}

func FuzzEnvelope(f *testing.F) {
	k := testSealer(f)
	for _, it := range []Item{item("id", Live, "lane"), item("m", Express, "a", "b"), {ID: "x", Lanes: []Lane{"l"}, Kind: "k"}} {
		env := sealed(f, k, it, 1)
		f.Add(env)
		f.Add(env[:len(env)-1])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > envPrefix && len(b) > envPrefix+(int(b[32])<<8|int(b[33])) {
			b = resum(slices.Clone(b)) // reach behind the checksum
		}
		e, err := decodeEnvelope(b)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if e.Size != len(b) || len(e.Lanes) < 1 || len(e.Lanes) > MaxLanes || e.Class >= numClasses {
			t.Fatalf("accepted %+v", e.Header)
		}
		if it, err := openEnvelope(k, b); err == nil && len(it.Payload) > MaxPayloadBytes {
			t.Fatal("payload beyond the limit")
		}
		scanItems(append([]byte("cfq1cfq"), b...), k, 0)
	})
}

func FuzzRecords(f *testing.F) {
	foot := &footer{count: 1, last: 5}
	foot.lanes.first = 5
	foot.lanes.add([]Lane{"a"}, 5)
	var acks ackSet
	acks.set(3)
	parked, err := (&parkedRecord{note: parkedNote{Parked: Parked{Code: "x"}, Lanes: []Lane{"a"}}, envelope: []byte("e")}).encode()
	if err != nil {
		f.Fatal(err)
	}
	gap := Gap{Count: 1, First: 2, Last: 3}
	for _, b := range [][]byte{
		encodeFooter(foot), acks.encode([16]byte{}), parked, gap.encode(), encodeHigh(9),
		(&fileHeader{Live, [16]byte{}, []byte("w")}).encode(), appendSum(make([]byte, idRecordBytes)),
	} {
		f.Add(b[:len(b)-4])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		b = appendSum(b)
		if g, err := decodeFooter(b); err == nil && !bytes.Equal(encodeFooter(g), b) {
			t.Error("footer does not survive a round trip")
		}
		if a, err := decodeAckSet(b, [16]byte{}, 1000); err == nil && a.n > 1000 {
			t.Errorf("%d of 1000 are done", a.n)
		}
		if r, err := decodeParked(b); err == nil && len(r.envelope) > len(b) {
			t.Error("parked envelope longer than its record")
		}
		decodeGap([]byte("lane"), b)
		decodeHigh(b)
		_, _ = decodeFileHeader(b)
		decodeIDs(Live, b)
	})
}
