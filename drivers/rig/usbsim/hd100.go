package usbsim

import (
	"encoding/binary"
	"sync"

	"cardferry/drivers/idcard"
	"cardferry/drivers/rig/pty"
	"cardferry/drivers/rig/vcard"
)

// HD100 is the desk reader 华大 HD-100, which is not a PC/SC reader: one user slot
// for contact cards, a resident-ID-card module, a beeper, all behind HID feature
// reports of 32 bytes without report id. As in the integrations of hospitals that
// use its vendor library, one source (HDOS_VC6, SSSE32.cpp):
//
//	request  [0] 02 the last report, 82 more follow  [1] 08  [2] 00
//	         [3-4] length of opcode and payload, little-endian  [5] opcode, payload, XOR from [1]
//	answer   [0] 02 or 82  [1] 08  [2] status, 0 is success
//	         [3-4] length, little-endian  [5] data; in further reports from [1], 31 bytes each
//
// Offsets are those of the report, one less than where a report id of 0 is counted.
// Our assumptions, to be checked with a capture: that the answer's data has no
// checksum, that a request of several reports goes on from [1], that every report of
// an answer is fetched with a GET_REPORT of its own, that ID-card answers carry what
// the SAM's answer has behind its status bytes, and the status numbers.
type HD100 struct {
	Device
	SAM *pty.IDReader

	mu      sync.Mutex
	card    vcard.Card
	powered bool
	beeps   int
	rx      []byte
	answer  [][]byte // reports not fetched yet
}

const (
	hd100Report = 32
	hd100In     = 0x81

	hd100Last = 0x02
	hd100More = 0x82
	hd100Mark = 0x08

	hd100Feature = 0x0300 // wValue of GET_REPORT and SET_REPORT: feature report, id 0
	hd100Max     = 4096
)

// Opcodes of the HD-100.
const (
	HD100APDU       = 0x72
	HD100PowerOff   = 0x73
	HD100ColdReset  = 0x74
	HD100WarmReset  = 0x75
	HD100SlotStatus = 0x77
	HD100FindID     = 0xB0
	HD100SelectID   = 0xB1
	HD100Beep       = 0xB2
	HD100ReadID     = 0xB3

	// HD100UserSlot is the slot that people put cards into; 0D to 10 are SAMs.
	HD100UserSlot = 0x0C
)

// Status bytes of the HD-100: those of the slot are told, the others assumed from
// the vendor library's errors -2, -3, -4, -13, -14 and -15.
const (
	hd100OK          = 0
	hd100Unpowered   = 1
	hd100Absent      = 2
	hd100NoAnswer    = 4
	hd100Unsupported = 13
	hd100Parameter   = 14
	hd100Checksum    = 15
)

// NewHD100 makes a reader with an empty slot and no ID card on it.
func NewHD100(serial string) *HD100 {
	h := &HD100{SAM: &pty.IDReader{}}
	h.VID, h.PID = 0x072F, 0x90D5
	h.Manufacturer, h.Name, h.Serial = "HUADA", "HD-100", serial
	h.interfaces = []usbInterface{{class: classHID, report: hd100Reports, endpoints: []endpoint{
		{addr: hd100In, attr: interrupt, maxPacket: hd100Report, interval: 10},
	}}}
	h.reset = func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.powered, h.rx, h.answer = false, nil, nil
	}
	h.control = h.request
	return h
}

// Insert puts a contact card into the user slot. It waits for a card that is busy;
// a card pulls itself in the middle of a command by answering nothing.
func (h *HD100) Insert(card vcard.Card) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.card, h.powered = card, false
}

// Remove pulls the card.
func (h *HD100) Remove() { h.Insert(nil) }

// Beeps returns how often the reader was told to beep.
func (h *HD100) Beeps() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.beeps
}

func (h *HD100) request(s setup, out []byte) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case s.typ == hidSet && s.request == hidSetReport && s.value == hd100Feature:
		return nil, h.take(out)
	case s.typ == hidGet && s.request == hidGetReport && s.value == hd100Feature:
		if len(h.answer) == 0 {
			return make([]byte, hd100Report), nil // nothing to say
		}
		report := h.answer[0]
		h.answer = h.answer[1:]
		return report, nil
	default:
		return hidControl(s, hd100Report)
	}
}

// take collects the reports of a request and runs it when it is complete.
func (h *HD100) take(report []byte) error {
	if len(report) != hd100Report {
		return errStall
	}
	h.rx = append(h.rx, report[1:]...)
	if report[0] == hd100More && len(h.rx) < hd100Max {
		return nil
	}
	message := h.rx
	h.rx = nil
	if report[0] != hd100Last {
		return errStall
	}
	size := 4 + int(binary.LittleEndian.Uint16(message[2:])) // mark, 00, length; opcode and payload
	if message[0] != hd100Mark || size < 5 || size >= len(message) {
		h.reply(hd100Parameter, nil)
		return nil
	}
	opcode, payload := message[4], message[5:size]
	// The status request comes without a checksum.
	if opcode != HD100SlotStatus && xor(message[:size]) != message[size] {
		h.reply(hd100Checksum, nil)
		return nil
	}
	h.run(opcode, payload)
	return nil
}

func xor(b []byte) (sum byte) {
	for _, v := range b {
		sum ^= v
	}
	return sum
}

// run executes one request.
func (h *HD100) run(opcode byte, payload []byte) {
	switch opcode {
	case HD100Beep:
		h.beeps++
		h.reply(hd100OK, nil)
	case HD100FindID:
		h.sam(idcard.CmdFind)
	case HD100SelectID:
		h.sam(idcard.CmdSelect)
	case HD100ReadID:
		h.sam(idcard.CmdRead)
	case HD100SlotStatus, HD100ColdReset, HD100WarmReset, HD100PowerOff, HD100APDU:
		if len(payload) == 0 || payload[0] != HD100UserSlot {
			h.reply(hd100Parameter, nil) // the SAM slots are empty and not simulated
			return
		}
		h.slot(opcode, payload[1:])
	default:
		h.reply(hd100Unsupported, nil)
	}
}

func (h *HD100) slot(opcode byte, payload []byte) {
	switch {
	case h.card == nil:
		h.reply(hd100Absent, nil)
	case opcode == HD100ColdReset || opcode == HD100WarmReset:
		h.card.Reset()
		h.powered = true
		h.reply(hd100OK, h.card.ATR())
	case opcode == HD100PowerOff:
		h.powered = false
		h.reply(hd100OK, nil)
	case !h.powered:
		h.reply(hd100Unpowered, nil)
	case opcode == HD100SlotStatus:
		h.reply(hd100OK, nil)
	case len(payload) < 1+4: // a zero byte and an APDU
		h.reply(hd100Parameter, nil)
	default:
		answer := h.card.APDU(payload[1:])
		if len(answer) == 0 {
			h.card, h.powered = nil, false
			h.reply(hd100NoAnswer, nil)
			return
		}
		h.reply(hd100OK, answer)
	}
}

// sam runs a command on the ID-card module. Its refusal is the reader's status.
func (h *HD100) sam(cmd idcard.Command) {
	body, err := idcard.Body(h.SAM.Answer(cmd.Frame()))
	const statusBytes = 3
	if err != nil || len(body) < statusBytes {
		h.reply(hd100NoAnswer, nil)
		return
	}
	switch status := idcard.Status(body[statusBytes-1]); status {
	case idcard.StatusOK, idcard.StatusFound:
		h.reply(hd100OK, body[statusBytes:])
	default:
		h.reply(byte(status), nil)
	}
}

// reply makes the reports of an answer; one that was not fetched is forgotten.
func (h *HD100) reply(status byte, data []byte) {
	const first, further = hd100Report - 5, hd100Report - 1
	report := make([]byte, hd100Report)
	report[0], report[1], report[2] = hd100Last, hd100Mark, status
	binary.LittleEndian.PutUint16(report[3:], uint16(len(data)))
	data = data[copy(report[5:5+first], data):]
	h.answer = [][]byte{report}
	for len(data) > 0 {
		report[0] = hd100More
		report = make([]byte, hd100Report)
		report[0] = hd100Last
		data = data[copy(report[1:1+further], data):]
		h.answer = append(h.answer, report)
	}
}

// hd100Reports describes one 32-byte feature report without report id.
var hd100Reports = []byte{
	0x06, 0x00, 0xFF, // usage page FF00
	0x09, 0x01, 0xA1, 0x01, // usage 1, application collection
	0x15, 0x00, 0x26, 0xFF, 0x00, 0x75, 0x08, 0x95, hd100Report,
	0x09, 0x02, 0xB1, 0x02, // feature
	0x09, 0x03, 0x95, 0x08, 0x81, 0x02, // an input report, which HID demands and nobody uses
	0xC0,
}
