package isocard

import "errors"

// memory is a contact memory card behind a reader with pseudo-APDUs: ACS (reference
// manuals of ACR38 and ACR39: FFA4 selects the type, FFB0 reads) or OMNIKEY
// (synchronous API: FFB0 reads at once). Nothing is written, no security code taken.
type memory struct {
	code     byte // ACS type code
	data     []byte
	selects  bool // the type has to be selected first
	selected bool
}

// memoryTypes are the ACS type codes and sizes in bytes.
var memoryTypes = map[string]struct {
	code byte
	size int
}{
	"at24c01-16":   {0x01, 2 << 10},
	"at24c32-1024": {0x02, 64 << 10}, // as far as two address bytes reach
	"sle4428":      {0x05, 1 << 10},
	"sle4442":      {0x06, 256},
}

func (m *Memory) chip() (*memory, error) {
	if m == nil {
		return nil, nil
	}
	kind, ok := memoryTypes[m.Type]
	switch {
	case !ok:
		return nil, errors.New("type is sle4442, sle4428, at24c01-16 or at24c32-1024")
	case len(m.Data) > kind.size:
		return nil, errors.New("more data than the type holds")
	case m.Dialect != "" && m.Dialect != "acs" && m.Dialect != "omnikey":
		return nil, errors.New("dialect is acs or omnikey")
	}
	data := make([]byte, max(len(m.Data), min(kind.size, 2<<10)))
	for i := copy(data, m.Data); i < len(data); i++ {
		data[i] = 0xFF // as delivered
	}
	return &memory{code: kind.code, data: data, selects: m.Dialect != "omnikey"}, nil
}

func (m *memory) reset() {
	if m != nil {
		m.selected = false
	}
}

func (m *memory) selectType(r request) []byte {
	m.selected = m.selects && r.p1 == 0 && r.p2 == 0 && len(r.data) == 1 && r.data[0] == m.code
	if !m.selected {
		return sw(0x6300)
	}
	return sw(0x9000)
}

func (m *memory) read(r request) []byte {
	at := int(r.p1)<<8 | int(r.p2)
	switch {
	case m.selects && !m.selected:
		return sw(0x6985)
	case r.le < 0:
		return sw(0x6700)
	case at >= len(m.data):
		return sw(0x6B00)
	case at+r.le > len(m.data):
		return answer(m.data[at:], 0x6282)
	}
	return answer(m.data[at:at+r.le], 0x9000)
}
