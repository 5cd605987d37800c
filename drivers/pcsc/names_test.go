//go:build cgo || windows

package pcsc

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestNames(t *testing.T) {
	for _, c := range []struct{ name, steps string }{
		{"the device number does not matter",
			"+ACS ACR39U ICC Reader (5200121) 03 00=ACS ACR39U ICC Reader (5200121)"},
		{"slots of one device", "+ACS Dual 00 00=ACS Dual|+ACS Dual 00 01=ACS Dual slot 1|+ACS Dual 00 0A=ACS Dual slot A"},
		{"two of a kind", "+ACR39U 00 00=ACR39U|+ACR39U 01 00=ACR39U #2|+ACR39U 02 00=ACR39U #3"},
		{"two of a kind with two slots", "+Dual 00 00=Dual|+Dual 01 00=Dual #2|+Dual 01 01=Dual #2 slot 1|+Dual 00 01=Dual slot 1"},
		{"a re-plugged reader takes the free name", "+X 00 00=X|+X 01 00=X #2|-X 00 00|+X 02 00=X|+X 00 00=X #3"},
		{"the other one keeps its name", "+X 00 00=X|+X 01 00=X #2|-X 00 00|-X 01 00|+X 01 00=X"},
		{"a name is free when the last slot left", "+X 00 00=X|+X 00 01=X slot 1|-X 00 00|+X 01 00=X #2|-X 00 01|+X 02 00=X"},
		{"Windows", "+Alcor Micro USB Smart Card Reader 0=Alcor Micro USB Smart Card Reader|" +
			"+Alcor Micro USB Smart Card Reader 1=Alcor Micro USB Smart Card Reader #2"},
		{"virtual", "+Virtual PCD 0 00 00=Virtual PCD 0|+Virtual PCD 0 00 01=Virtual PCD 0 slot 1|+Virtual PCD 1 00 00=Virtual PCD 1"},
		{"no number at all", "+Odd=Odd"},
		{"empty", "+="},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNamer()
			inUse := map[string]string{}
			for step := range strings.SplitSeq(c.steps, "|") {
				pcscName, want, _ := strings.Cut(step[1:], "=")
				if step[0] == '-' {
					n.detach(pcscName)
					delete(inUse, pcscName)
					continue
				}
				got := n.attach(pcscName)
				if got != want {
					t.Errorf("%q is called %q, want %q", pcscName, got, want)
				}
				for other, name := range inUse {
					if name == got {
						t.Errorf("%q and %q are both called %q", pcscName, other, got)
					}
				}
				inUse[pcscName] = got
			}
		})
	}
}

// Whatever readers call themselves, no two have one name, and when all have left
// nothing is remembered.
func FuzzNames(f *testing.F) {
	f.Add("X 00 00\nX 01 00\nX #2 02 00\nX 00 01")
	f.Add("Dual slot 1 00 00\nDual 01 01\nDual 01 00")
	f.Add("Reader 0\nReader 1\n\xff 00 00\n\xfe 00 00\n")
	f.Fuzz(func(t *testing.T, lines string) {
		n, inUse := newNamer(), map[string]string{}
		names := strings.Split(lines, "\n")
		for _, pcscName := range names[:min(len(names), 50)] {
			if _, again := n.attached[pcscName]; again {
				continue
			}
			name := n.attach(pcscName)
			if other, taken := inUse[name]; taken {
				t.Fatalf("%q and %q are both called %q", pcscName, other, name)
			}
			if !utf8.ValidString(name) {
				t.Fatalf("%q is called %q", pcscName, name)
			}
			inUse[name] = pcscName
		}
		for _, pcscName := range inUse {
			n.detach(pcscName)
		}
		if len(n.attached)+len(n.ordinals) > 0 {
			t.Fatalf("remembered: %v %v", n.attached, n.ordinals)
		}
	})
}

func TestContactless(t *testing.T) {
	madeUp := []byte{0x3B, 0x8F, 0x80, 0x01, 0x80, 0x4F}
	contact := []byte{0x3B, 0x9F, 0x95, 0x81, 0x31}
	for _, c := range []struct {
		reader string
		atr    []byte
		want   bool
	}{
		{"ACS ACR39U ICC Reader 00 00", contact, false},
		{"ACS ACR1281 Dual Reader 00 01", madeUp, true},
		{"ACS ACR1281 Dual Reader 00 00", contact, false},
		{"ACS ACR122U PICC Interface 00 00", contact, true}, // an ATR against the rules
		{"OMNIKEY CardMan 5x21-CL 0", nil, true},
		{"Identiv uTrust 3700 F CL Reader 0", nil, true},
		{"Cherry CLICK Reader 0", contact, false},
		{"Generic NFC Reader 0", contact, true},
		{"X", []byte{0x3B, 0x80, 0x80}, false},
		{"X", nil, false},
	} {
		if got := contactless(c.reader, c.atr); got != c.want {
			t.Errorf("%s, % X: %t, want %t", c.reader, c.atr, got, c.want)
		}
	}
}
