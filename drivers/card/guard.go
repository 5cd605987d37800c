package card

import "fmt"

// The guard is what keeps a profile from harming a patient's card: a wrong PIN
// or security code is counted by the card and cannot be taken back. It holds
// twice, when a profile is loaded and again for every command sent.

// classInstruction is a CLA INS pair such as 80B0.
type classInstruction uint16

func (ci classInstruction) ins() byte { return byte(ci) }
func (ci classInstruction) cla() byte { return byte(ci >> 8) }

// readInstruction says whether INS only selects, reads or fetches
// (ISO/IEC 7816-4): SELECT, READ BINARY, READ RECORD, GET RESPONSE, GET DATA,
// GET CHALLENGE.
func readInstruction(ins byte) bool {
	switch ins {
	case 0xA4, 0xB0, 0xB1, 0xB2, 0xB3, 0xC0, 0xCA, 0xCB, 0x84:
		return true
	}
	return false
}

// harmfulInstruction says whether INS changes a card, counts a try or hides
// another command, in any class. Proprietary classes mostly reuse these values.
func harmfulInstruction(ins byte) bool {
	switch ins {
	case 0x04, 0x44, 0x46, 0x47, // DEACTIVATE, ACTIVATE, GENERATE KEY PAIR
		0x0E, 0x0F, // ERASE
		0x10, 0x12, 0x14, 0x16, // SCQL, TRANSACTION, USER, chip-specific block
		0x20, 0x21, 0x22, 0x24, 0x26, 0x28, 0x2A, 0x2B, 0x2C, // VERIFY … RESET RETRY COUNTER
		0x70,                         // MANAGE CHANNEL
		0x82, 0x83, 0x86, 0x87, 0x88, // AUTHENTICATE
		0xC2, 0xC3: // ENVELOPE
		return true
	}
	// D0-DF write and update; E0-EF create, delete, terminate; F0-FF are
	// life-cycle and vendor commands.
	return ins >= 0xD0
}

// permit says whether a profile that allows the given pairs may send CLA INS.
func permit(ci classInstruction, allow []classInstruction) error {
	cla, ins := ci.cla(), ci.ins()
	switch {
	case cla == 0x00 && readInstruction(ins):
		return nil
	case harmfulInstruction(ins):
		return fmt.Errorf("instruction %02X can change a card or use up a try; no profile may send it", ins)
	case cla == 0x00:
		return fmt.Errorf("instruction %02X does not read; class 00 may send only A4 B0 B1 B2 B3 C0 CA CB 84", ins)
	case cla == 0xFF && ins != 0xCA && ins != 0xB0:
		return fmt.Errorf("reader command FF%02X is not FFCA (get UID) or FFB0 (read block)", ins)
	case cla != 0xFF && cla&0x80 == 0:
		return fmt.Errorf("class %02X (secure messaging, chaining or logical channel) is not available", cla)
	}
	for _, a := range allow {
		if a == ci {
			return nil
		}
	}
	return fmt.Errorf("command %04X is not in the profile's allow list", uint16(ci))
}
