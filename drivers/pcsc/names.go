//go:build cgo || windows

package pcsc

import (
	"fmt"
	"regexp"
	"strings"
)

// simulatedPrefix begins the names of virtual readers (vpcd of the vsmartcard
// project). What they read is always marked as simulated.
const simulatedPrefix = "Virtual PCD"

// address is what a PC/SC reader name says: the product (with the USB interface
// and serial number where the service knows them), the number the service gave
// the device when it was plugged in, and the slot of the device.
type address struct {
	product string
	device  string
	slot    string // "00" for the first or only one
}

var (
	// pcsc-lite: "Product [interface] (serial) DD SS", device and slot in hex.
	liteName = regexp.MustCompile(`^(.*\S) ([0-9A-F]{2}) ([0-9A-F]{2})$`)
	// Windows and macOS: "Product 0"; slots of one device differ in product.
	winName = regexp.MustCompile(`^(.*\S) ([0-9]+)$`)
)

// contactlessName recognises the readers, or slots of readers, that say of themselves
// that they are contactless: "ACS ACR122U PICC Interface", "OMNIKEY CardMan 5x21-CL".
var contactlessName = regexp.MustCompile(`(?i)\b(picc|contactless|nfc|rfid|cl)\b`)

// contactless says whether a card is contactless: its ATR is one that a reader makes up
// for such a card, 3B 8n 80 01 … (PC/SC part 3, 3.1.3.2.3: no interface bytes but TD1 80,
// TD2 01), or the reader can do nothing else. A reader that has both in one slot is
// known by the ATR only.
func contactless(pcscName string, atr []byte) bool {
	madeUp := len(atr) >= 4 && atr[0] == 0x3B && atr[1]&0xF0 == 0x80 && atr[2] == 0x80 && atr[3] == 0x01
	return madeUp || contactlessName.MatchString(pcscName)
}

func parseName(pcscName string) address {
	if m := liteName.FindStringSubmatch(pcscName); m != nil {
		return address{product: m[1], device: m[2], slot: m[3]}
	}
	if m := winName.FindStringSubmatch(pcscName); m != nil {
		return address{product: m[1], device: m[2], slot: "00"}
	}
	return address{product: pcscName, slot: "00"}
}

// namer gives attached readers their stable names. The device number in a PC/SC
// name depends on what else was plugged in when, so it is left out:
//
//	"ACS ACR39U ICC Reader (5200121) 00 00"  ACS ACR39U ICC Reader (5200121)
//	"ACS ACR1281 Dual Reader 01 01"          ACS ACR1281 Dual Reader slot 1
//
// Where two devices of one product without serial numbers are attached, the
// second is "… #2": the lowest number free when it came. Only these can trade
// names, when both are re-plugged in another order; nothing tells them apart.
type namer struct {
	attached map[string]attached // by PC/SC name
	ordinals map[address]int     // of devices (slot empty); 1 is the first
}

// attached is a reader that has a name.
type attached struct {
	address
	name string
}

func newNamer() *namer {
	return &namer{attached: map[string]attached{}, ordinals: map[address]int{}}
}

// attach returns the stable name of a reader that came.
func (n *namer) attach(pcscName string) string {
	a := parseName(pcscName)
	device := address{product: a.product, device: a.device}
	if n.ordinals[device] == 0 {
		n.ordinals[device] = n.lowestFree(a.product)
	}
	name := strings.ToValidUTF8(a.product, "?") // what a device says of itself may be anything
	if o := n.ordinals[device]; o > 1 {
		name = fmt.Sprintf("%s #%d", name, o)
	}
	if a.slot != "00" {
		name += " slot " + strings.TrimPrefix(a.slot, "0")
	}
	for n.taken(name) { // by a product that is called like the second of another
		name += "*"
	}
	n.attached[pcscName] = attached{a, name}
	return name
}

func (n *namer) taken(name string) bool {
	for _, a := range n.attached {
		if a.name == name {
			return true
		}
	}
	return false
}

func (n *namer) lowestFree(product string) int {
	taken := map[int]bool{}
	for device, o := range n.ordinals {
		if device.product == product {
			taken[o] = true
		}
	}
	o := 1
	for taken[o] {
		o++
	}
	return o
}

// detach frees the name of a reader that left, once all slots of its device have.
func (n *namer) detach(pcscName string) {
	a := n.attached[pcscName]
	delete(n.attached, pcscName)
	for _, other := range n.attached {
		if other.product == a.product && other.device == a.device {
			return
		}
	}
	delete(n.ordinals, address{product: a.product, device: a.device})
}
