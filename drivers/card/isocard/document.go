package isocard

import (
	"errors"
	"strconv"

	"cardferry/drivers/emrtd/chip"
)

// Document is the chip of a travel document.
type Document struct {
	KeyInfo string         `json:"keyInfo,omitzero"` // of BAC and PACE; see chip.Config
	CAN     string         `json:"can,omitzero"`     // card access number, for PACE
	PACE    []Way          `json:"pace,omitzero"`    // none: BAC only
	Files   map[string]Hex `json:"files"`            // by file identifier, four hex digits
}

// Way is one way of PACE; see chip.Way.
type Way struct {
	Cipher    int `json:"cipher"`
	Parameter int `json:"parameter"`
}

func (d *Document) chip() (*chip.Chip, error) {
	if d == nil {
		return nil, nil
	}
	c := chip.Config{KeyInfo: d.KeyInfo, CAN: d.CAN, Files: map[uint16][]byte{}}
	for _, w := range d.PACE {
		if w.Cipher < 0 || w.Cipher > 127 || w.Parameter < 0 || w.Parameter > 31 {
			return nil, errors.New("a cipher is 1 to 4, a parameter 0 to 31")
		}
		c.PACE = append(c.PACE, chip.Way(w))
	}
	for name, data := range d.Files {
		id, err := strconv.ParseUint(name, 16, 16)
		if err != nil || len(name) != 4 {
			return nil, errors.New("files go by identifiers of four hex digits")
		}
		c.Files[uint16(id)] = data
	}
	return chip.New(c), nil
}
