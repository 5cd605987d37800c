package hd100

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"cardferry/drivers/card"
)

func TestRequest(t *testing.T) {
	for _, c := range []struct {
		name    string
		opcode  byte
		payload string // hex
		want    []string
	}{
		// The examples of the vendor library's source, without the report id.
		{"beep", 0xB2, "0A", []string{"0208000200B20AB2"}},
		{"GET CHALLENGE in the user slot", opAPDU, "0C000084000008", []string{"0208000800720C000084000008F2"}},
		{"the request without a sum", opSlotStatus, "0C", []string{"0208000200770C"}},
		{"two reports", opAPDU, strings.Repeat("AA", 30), []string{"8208001F0072" + strings.Repeat("AA", 26), "02" + strings.Repeat("AA", 4) + "65"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			payload, err := hex.DecodeString(c.payload)
			if err != nil {
				t.Fatal(err)
			}
			got := request(c.opcode, payload)
			if len(got) != len(c.want) {
				t.Fatalf("%x", got)
			}
			for i, want := range c.want {
				if s := strings.ToUpper(hex.EncodeToString(got[i])); s != want+strings.Repeat("0", 2*ReportSize-len(want)) {
					t.Errorf("report %d: %s, want %s", i, s, want)
				}
			}
		})
	}
}

func TestProtocolOf(t *testing.T) {
	for atr, want := range map[string]card.Protocol{
		"": card.T0, "3B": card.T0, "3B00": card.T0, "3B6800000073C84012009000": card.T0,
		"3B8001": card.T1, "3B80811F": card.T1, "3BF011000081": card.T1, "3BF0110081": card.T0, "3B80": card.T0, "3BF01100": card.T0,
	} {
		b, err := hex.DecodeString(atr)
		if err != nil {
			t.Fatal(err)
		}
		if got := protocolOf(b); got != want {
			t.Errorf("%s: %s", atr, got)
		}
	}
}

// FuzzAnswer feeds the parsers any reports a device could send.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte{0x02, 0x02, 0x00, 0x02, 0x00, 0x90, 0x00})
	f.Add(bytes.Repeat([]byte{0x82, 0x02, 0x00, 0xFF, 0x0F}, 20))
	f.Add([]byte{0x02, 0x02, 0x00, 0x04, 0x3B, 0x80, 0x01, 0x81})
	f.Add([]byte{0x02, 0x02, 0x00, 0x05, 0x05, 0x78, 0x80, 0x80, 0x02})
	f.Fuzz(func(t *testing.T, stream []byte) {
		for _, form := range []form{long, short, reset} {
			a := answer{form: form}
			for report := range slices.Chunk(stream, ReportSize) {
				complete, err := a.add(report)
				if err != nil && !errors.Is(err, ErrAnswer) || len(a.buf) > maxData+2*ReportSize {
					t.Fatalf("%v, holds %d bytes", err, len(a.buf))
				}
				if err != nil {
					break
				}
				if complete {
					data := a.data()
					protocolOf(data)
					if atr := contactlessATR(historical(data)); len(atr) > 33 || xor(atr[1:]) != 0 {
						t.Errorf("ATR % X", atr)
					}
					break
				}
			}
		}
	})
}
