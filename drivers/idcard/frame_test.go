package idcard_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"cardferry/drivers/idcard"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The request frames as vendors print them.
func TestRequestFramesAreThoseOfTheProtocol(t *testing.T) {
	for cmd, want := range map[idcard.Command]string{
		idcard.CmdReset:         "AA AA AA 96 69 00 03 10 FF EC",
		idcard.CmdStatus:        "AA AA AA 96 69 00 03 11 FF ED",
		idcard.CmdSAMNumber:     "AA AA AA 96 69 00 03 12 FF EE",
		idcard.CmdFind:          "AA AA AA 96 69 00 03 20 01 22",
		idcard.CmdSelect:        "AA AA AA 96 69 00 03 20 02 21",
		idcard.CmdRead:          "AA AA AA 96 69 00 03 30 01 32",
		idcard.CmdNewestAddress: "AA AA AA 96 69 00 03 30 03 30",
		idcard.CmdCardNumber:    "AA AA AA 96 69 00 03 30 05 36",
		idcard.CmdReadAll:       "AA AA AA 96 69 00 03 30 10 23",
	} {
		if got := cmd.Frame(); !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("%s: % X, want %s", cmd, got, want)
		}
	}
}

func TestBody(t *testing.T) {
	for _, c := range []struct {
		name, frame string
		want        string
		err         error
	}{
		{name: "no card", frame: "AA AA AA 96 69 00 04 00 00 80 84", want: "00 00 80"},
		{name: "find", frame: "AA AA AA 96 69 00 08 00 00 9F 00 00 00 00 97", want: "00 00 9F 00 00 00 00"},
		{name: "sleep has no parameter", frame: "AA AA AA 96 69 00 02 00 02", want: "00"},
		{name: "wrong checksum", frame: "AA AA AA 96 69 00 04 00 00 80 85", err: idcard.ErrChecksum},
		{name: "torn", frame: "AA AA AA 96 69 00 04 00 00", err: idcard.ErrTorn},
		{name: "no preamble", frame: "AA AA 96 69 00 04 00 00 80 84", err: idcard.ErrTorn},
		{name: "empty", frame: "", err: idcard.ErrTorn},
		{name: "length over the limit", frame: "AA AA AA 96 69 09 0B 00 00 80 84", err: idcard.ErrLength},
		{name: "length zero", frame: "AA AA AA 96 69 00 00 00 00 80 84", err: idcard.ErrLength},
		{name: "bytes behind", frame: "AA AA AA 96 69 00 04 00 00 80 84 00", err: idcard.ErrLength},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := idcard.Body(unhex(t, c.frame))
			if !errors.Is(err, c.err) || !bytes.Equal(got, unhex(t, c.want)) {
				t.Errorf("% X, %v; want %s, %v", got, err, c.want, c.err)
			}
		})
	}
}

// next returns the next whole frame and how many were damaged before it.
func next(d *idcard.Decoder) (frame []byte, damaged int) {
	for {
		f, err := d.Next()
		if err == nil {
			return f, damaged
		}
		damaged++
	}
}

func TestDecoderFindsFramesInAStream(t *testing.T) {
	const noCard, found = "AA AA AA 96 69 00 04 00 00 80 84", "AA AA AA 96 69 00 08 00 00 9F 00 00 00 00 97"
	for _, c := range []struct {
		name, stream string
		want         []string
		damaged      int
	}{
		{name: "one frame", stream: noCard, want: []string{noCard}},
		{name: "two in a row", stream: noCard + found, want: []string{noCard, found}},
		{name: "noise before", stream: "00 FF AA 96" + noCard, want: []string{noCard}},
		{name: "preamble with extra AA", stream: "AA AA" + noCard, want: []string{noCard}},
		{name: "wrong checksum, then good", stream: "AA AA AA 96 69 00 04 00 00 80 00" + noCard, want: []string{noCard}, damaged: 1},
		{name: "torn frame swallows the next one's start", stream: "AA AA AA 96 69 00 14 00 00" + found + noCard, want: []string{found, noCard}, damaged: 1},
		{name: "impossible length", stream: "AA AA AA 96 69 FF FF" + noCard, want: []string{noCard}, damaged: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, size := range []int{1, 3, 1000} {
				var d idcard.Decoder
				var got [][]byte
				damaged := 0
				for stream := unhex(t, c.stream); len(stream) > 0; {
					n := min(size, len(stream))
					_, _ = d.Write(stream[:n])
					stream = stream[n:]
					for {
						f, bad := next(&d)
						damaged += bad
						if f == nil {
							break
						}
						got = append(got, f)
					}
				}
				if damaged != c.damaged || len(got) != len(c.want) {
					t.Fatalf("chunks of %d: %d frames, %d damaged; want %d, %d", size, len(got), damaged, len(c.want), c.damaged)
				}
				for i := range got {
					if !bytes.Equal(got[i], unhex(t, c.want[i])) {
						t.Errorf("frame %d is % X", i, got[i])
					}
				}
			}
		})
	}
}

func FuzzDecoder(f *testing.F) {
	f.Add([]byte("\xAA\xAA\xAA\x96\x69\x00\x04\x00\x00\x80\x84"), uint8(3))
	f.Add([]byte("\xAA\xAA\xAA\x96\x69\x09\x0A\xAA\xAA\xAA\x96\x69\x00\x02\x00\x02"), uint8(1))
	f.Add(bytes.Repeat([]byte{0xAA}, 100), uint8(7))
	f.Fuzz(func(t *testing.T, stream []byte, seed uint8) {
		good := idcard.CmdFind.Frame()
		rnd := rand.New(rand.NewPCG(uint64(seed), 0))
		var d idcard.Decoder
		feed := func(b []byte) (last []byte) {
			for len(b) > 0 {
				n := 1 + rnd.IntN(len(b))
				_, _ = d.Write(b[:n])
				b = b[n:]
				for {
					f, _ := next(&d)
					if f == nil {
						break
					}
					if _, err := idcard.Body(f); err != nil {
						t.Fatalf("frame is not whole: %v", err)
					}
					last = f
				}
			}
			return last
		}
		feed(stream)
		// Whatever came before, enough good frames are recognised again.
		var last []byte
		for range idcard.MaxFrame/len(good) + 2 {
			last = feed(good)
		}
		if !bytes.Equal(last, good) {
			t.Fatal("decoder does not find its way back")
		}
	})
}

// A read's answer arrives in the pieces of a 64-byte USB-serial FIFO.
func BenchmarkDecoder(b *testing.B) {
	frame := idcard.AppendFrame(nil, make([]byte, 1287))
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		var d idcard.Decoder
		for rest := frame; len(rest) > 0; {
			n := min(64, len(rest))
			_, _ = d.Write(rest[:n])
			rest = rest[n:]
			if f, err := d.Next(); err != nil || (f == nil) != (len(rest) > 0) {
				b.Fatal("frame is not whole")
			}
		}
	}
}
