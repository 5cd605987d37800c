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
		0x0C, 0x0E, 0x0F, // ERASE
		0x10, 0x12, 0x14, 0x16, 0x18, 0x1A, 0x1C, 0x1E, // SCQL, TRANSACTION, USER; application and card block
		0x20, 0x21, 0x22, 0x24, 0x26, 0x28, 0x2A, 0x2B, 0x2C, // VERIFY … RESET RETRY COUNTER
		0x50, 0x52, 0x54, 0x56, 0x58, 0x5E, // purse: INITIALIZE, CREDIT, DEBIT, UPDATE; RELOAD PIN
		0x70,                         // MANAGE CHANNEL
		0x82, 0x83, 0x86, 0x87, 0x88, // AUTHENTICATE
		0xA8, 0xAE, // GET PROCESSING OPTIONS, GENERATE AC: count transactions
		0xC2, 0xC3: // ENVELOPE
		return true
	}
	// D0-DF write and update; E0-EF create, delete, terminate; F0-FF are
	// life-cycle and vendor commands.
	return ins >= 0xD0
}

// proprietaryClass says whether a profile may name the class in its allow list: the
// classes in which public card descriptions read. Class 90 is not among them:
// DESFire writes with values that read elsewhere.
func proprietaryClass(cla byte) bool {
	switch cla {
	case 0x80, 0xA0, 0xBC, 0xC8, 0xCC, 0xFF:
		return true
	}
	return false
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
	case !proprietaryClass(cla):
		return fmt.Errorf("class %02X is not available: profiles read in class 00 and, by allow list, 80 A0 BC C8 CC FF", cla)
	}
	for _, a := range allow {
		if a == ci {
			return nil
		}
	}
	return fmt.Errorf("command %04X is not in the profile's allow list", uint16(ci))
}

// permitBuiltin says whether a command of the engine's own steps has exactly the
// form that reads: it names the few reader commands that a profile cannot.
func permitBuiltin(c command) error {
	ok := false
	switch {
	case c.cla == 0x00 && c.ins == 0xB0: // READ BINARY for read-memory
		ok = c.data == nil && c.p1&0x80 == 0
	case c.cla != 0xFF:
	case c.ins == 0xCA: // Get Data: UID, ATS
		ok = c.p1 <= 1 && c.p2 == 0 && c.data == nil
	case c.ins == 0xB0: // Read Binary Blocks, read memory
		ok = c.data == nil && c.ne > 0
	case c.ins == 0xA4: // ACS: select memory card type
		ok = c.p1 == 0 && c.p2 == 0 && len(c.data) == 1 && c.data[0] >= 1 && c.data[0] <= 6
	case c.ins == 0x82: // Load Keys into volatile memory (P1 = 20 would store them)
		ok = c.p1 == 0 && len(c.data) == 6
	case c.ins == 0x86: // General Authenticate for MIFARE
		ok = c.p1 == 0 && c.p2 == 0 && len(c.data) == 5 && c.data[0] == 1 && c.data[1] == 0 && (c.data[3] == 0x60 || c.data[3] == 0x61)
	}
	if !ok {
		return fmt.Errorf("the engine would send %02X%02X in a form that does not only read", c.cla, c.ins)
	}
	return nil
}
