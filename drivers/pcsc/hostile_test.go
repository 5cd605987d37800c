//go:build cgo

package pcsc

import (
	"bytes"
	"testing"

	"cardferry/drivers"
	"cardferry/drivers/rig/vcard"
)

// What a broken or malicious card does to the real service and the profile engine ends
// in one outcome, and the next card in that reader is read.
func TestHostileCards(t *testing.T) {
	always := func(rsp []byte) vcard.Card { return &chip{apdu: func([]byte) []byte { return rsp }} }
	huge := append(bytes.Repeat([]byte{0x61}, 65533-2), 0x90, 0x00) // all that vpcd carries, but for its own two
	hostile := []struct {
		name string
		card vcard.Card
	}{
		{"61 00 for ever", always([]byte{0x61, 0x00})},
		{"61 FF with data for ever", always(append(bytes.Repeat([]byte{0x70}, 255), 0x61, 0xFF))},
		{"6C 01 for ever", always([]byte{0x6C, 0x01})},
		{"64 KB answers", always(huge)},
		{"one byte answers", always([]byte{0x90})},
		{"9000 to everything", always([]byte{0x90, 0x00})},
		{"not even success", always([]byte{0xFF, 0xFF})},
		{"a lying TLV length", always([]byte{0x6F, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, 0x90, 0x00})},
		{"more than the longest response", always(bytes.Repeat([]byte{0x90, 0x00}, 32767))},
	}
	all := allReaders(t)[:len(hostile)]
	r := start(t, shippedProfiles(t).Read)
	r.attached(all)
	for i, h := range hostile {
		r.insertQuietly(i, h.card)
	}
	for i, h := range hostile {
		r.expect(all[i].name, drivers.Presented)
		outcome := r.next(all[i].name)
		switch read := outcome.Read; {
		case outcome.Type == drivers.Completed && (read.Patient == nil || len(read.Patient.Identifier)+len(read.Patient.Name) == 0):
		case outcome.Type == drivers.Faulted && outcome.Fault.Code == drivers.FaultReadFailed:
		default:
			t.Errorf("%s: %s %v %+v, want a card that says nobody's name or cannot be read", h.name, outcome.Type, read, outcome.Fault)
		}
		r.remove(i)
		r.expect(all[i].name, drivers.Removed)
	}
	for i := range hostile {
		r.insertQuietly(i, replayed(t, replayFiles(t)[0]))
	}
	for i, reader := range all {
		r.expect(reader.name, drivers.Presented, drivers.Completed)
		r.remove(i)
	}
}
