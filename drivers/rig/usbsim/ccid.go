package usbsim

import (
	"context"
	"encoding/binary"
	"math/bits"
	"sync"
	"time"

	"cardferry/drivers/rig/vcard"
)

// CCID is a USB smart card reader of class 0Bh with one slot (USB CCID 1.1) that
// exchanges whole APDUs, extended length included. pcscd drives it with libccid.
// Unlike vpcd's readers it can be unplugged and plugged in while pcscd runs, and
// it tells of cards at once, by its interrupt endpoint.
type CCID struct {
	Device

	mu      sync.Mutex
	card    vcard.Card
	powered bool
	apdus   int
	inbox   chan []byte // what the bulk endpoint took, for the slot's goroutine
}

const (
	ccidOut  = 0x02
	ccidIn   = 0x81
	ccidIntr = 0x83
)

// Messages (section 6) and their parts.
const (
	ccidPowerOn    = 0x62
	ccidPowerOff   = 0x63
	ccidStatus     = 0x65
	ccidTransfer   = 0x6F
	ccidSetParam   = 0x61
	ccidGetParam   = 0x6C
	ccidResetParam = 0x6D

	ccidDataBlock  = 0x80
	ccidSlotStatus = 0x81
	ccidParameters = 0x82
	ccidSlotChange = 0x50

	ccidHeader   = 10
	ccidFailed   = 0x40 // bmCommandStatus
	ccidTimeMore = 0x80 // bmCommandStatus: time extension asked
	ccidMute     = 0xFE // bError: ICC_MUTE

	ccidMaxAPDU    = 65544
	ccidMaxMessage = ccidMaxAPDU + ccidHeader

	// ccidExtendEvery is how often a reader asks for more time while its card works.
	ccidExtendEvery = 500 * time.Millisecond
)

// Bits of bmICCStatus.
const (
	slotActive = iota
	slotInactive
	slotEmpty
)

// NewCCID makes a reader with an empty slot. Its VID:PID is that of a common desk
// reader, because libccid only takes readers it knows (/etc/libccid_Info.plist).
func NewCCID(serial string) *CCID {
	c := &CCID{}
	c.VID, c.PID, c.Release = 0x08E6, 0x3437, 0x0200
	c.Manufacturer, c.Name, c.Serial = "Gemalto", "USB SmartCard Reader", serial
	c.interfaces = []usbInterface{{class: classSmartcard, classDesc: ccidDescriptor(), endpoints: []endpoint{
		{addr: ccidOut, attr: bulk, maxPacket: 64},
		{addr: ccidIn, attr: bulk, maxPacket: 64},
		{addr: ccidIntr, attr: interrupt, maxPacket: 8, interval: 24},
	}}}
	var rx []byte
	c.reset = func() {
		rx = nil
		c.mu.Lock()
		defer c.mu.Unlock()
		c.powered = false
		c.inbox = make(chan []byte, 16)
	}
	c.out = map[byte]func([]byte) error{ccidOut: func(b []byte) error {
		rx = append(rx, b...)
		if len(rx) < ccidHeader {
			return nil
		}
		size := ccidHeader + int(binary.LittleEndian.Uint32(rx[1:]))
		if size > ccidMaxMessage {
			rx = nil
			return errStall
		}
		if len(rx) < size {
			return nil
		}
		message := rx[:size]
		rx = nil
		select {
		case c.inbox <- message:
			return nil
		default:
			return errStall // a host that does not wait for answers
		}
	}}
	c.connected = c.run
	return c
}

// ccidDescriptor is the class descriptor (section 5.1).
func ccidDescriptor() []byte {
	le := binary.LittleEndian
	b := []byte{54, 0x21, 0x10, 0x01, 0, 0x07} // CCID 1.10, one slot, 5, 3 and 1.8 V
	for _, v := range []uint32{
		3,          // protocols T=0 and T=1
		4000, 4000, // default and greatest clock in kHz
	} {
		b = le.AppendUint32(b, v)
	}
	b = append(b, 0)
	b = le.AppendUint32(b, 10752)  // data rate in bit/s
	b = le.AppendUint32(b, 344105) // greatest data rate
	b = append(b, 0)
	for _, v := range []uint32{
		254,  // greatest IFSD
		0, 0, // no synchronous protocols, nothing mechanical
		0x000404BE, // everything automatic, short and extended APDU level
		ccidMaxMessage,
	} {
		b = le.AppendUint32(b, v)
	}
	return append(b, 0xFF, 0xFF, 0, 0, 0, 1)
}

// Insert puts a card in, in place of one that may be there.
func (c *CCID) Insert(card vcard.Card) { c.change(card) }

// Remove pulls the card, also in the middle of a command.
func (c *CCID) Remove() { c.change(nil) }

// APDUs returns how many commands cards in this reader have answered.
func (c *CCID) APDUs() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.apdus
}

func (c *CCID) change(card vcard.Card) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.card, c.powered = card, false
	const present, changed = 1, 2
	state := byte(changed)
	if card != nil {
		state |= present
	}
	c.send(ccidIntr, []byte{ccidSlotChange, state})
}

// run answers messages one after the other while the reader is plugged in. It ends
// when the card has answered the last one.
func (c *CCID) run(ctx context.Context) {
	c.mu.Lock()
	inbox := c.inbox
	c.mu.Unlock()
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-inbox:
			c.message(m)
		}
	}
}

func (c *CCID) message(m []byte) {
	c.mu.Lock()
	card, powered := c.card, c.powered
	c.mu.Unlock()
	switch m[0] {
	case ccidPowerOn:
		if card == nil {
			c.reply(m, ccidDataBlock, ccidFailed, ccidMute, 0, nil)
			return
		}
		card.Reset()
		atr := card.ATR()
		c.power(card, true)
		c.reply(m, ccidDataBlock, 0, 0, 0, atr)
	case ccidPowerOff:
		if card != nil {
			card.Reset()
		}
		c.power(card, false)
		c.reply(m, ccidSlotStatus, 0, 0, 0, nil)
	case ccidStatus:
		c.reply(m, ccidSlotStatus, 0, 0, 0, nil)
	case ccidTransfer:
		if card == nil || !powered {
			c.reply(m, ccidDataBlock, ccidFailed, ccidMute, 0, nil)
			return
		}
		c.transfer(m, card)
	case ccidSetParam: // the host chooses the protocol; here it is what it says
		c.reply(m, ccidParameters, 0, 0, m[7], m[ccidHeader:])
	case ccidGetParam, ccidResetParam:
		protocol := firstProtocol(card)
		data := []byte{0x11, 0x00, 0, 0x0A, 0} // T=0 (section 6.2.3)
		if protocol == 1 {
			data = []byte{0x11, 0x10, 0, 0x4D, 0, 0xFE, 0}
		}
		c.reply(m, ccidParameters, 0, 0, protocol, data)
	default:
		c.reply(m, ccidSlotStatus, ccidFailed, 0, 0, nil) // command not supported
	}
}

// transfer lets the card answer an APDU, and asks for more time as long as it works.
func (c *CCID) transfer(m []byte, card vcard.Card) {
	done := make(chan struct{})
	extended := make(chan struct{})
	go func() {
		defer close(extended)
		tick := time.NewTicker(ccidExtendEvery)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				c.reply(m, ccidDataBlock, ccidTimeMore, 1, 0, nil)
			}
		}
	}()
	answer := card.APDU(m[ccidHeader:])
	close(done)
	<-extended
	c.mu.Lock()
	present := c.card == card
	if present && len(answer) > 0 {
		c.apdus++
	}
	c.mu.Unlock()
	switch {
	case !present:
		c.reply(m, ccidDataBlock, ccidFailed, ccidMute, 0, nil)
	case len(answer) == 0: // the card pulled itself
		c.Remove()
		c.reply(m, ccidDataBlock, ccidFailed, ccidMute, 0, nil)
	default:
		c.reply(m, ccidDataBlock, 0, 0, 0, answer)
	}
}

// firstProtocol returns the protocol that a card offers first: the low half of TD1
// in its ATR, 0 without (ISO 7816-3, 8.2.3).
func firstProtocol(card vcard.Card) byte {
	if card == nil {
		return 0
	}
	atr := card.ATR()
	if len(atr) < 2 || atr[1]&0x80 == 0 {
		return 0
	}
	td := 2 + bits.OnesCount8(atr[1]&0x70) // after TA1, TB1, TC1
	if td >= len(atr) {
		return 0
	}
	return atr[td] & 0x0F
}

// power notes that card, if it is still in, has or has no power.
func (c *CCID) power(card vcard.Card, on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.card == card {
		c.powered = on && card != nil
	}
}

// reply sends a message back: slot and sequence number of m, status with the state
// of the slot, error, one special byte, data.
func (c *CCID) reply(m []byte, kind, status, failure, special byte, data []byte) {
	c.mu.Lock()
	switch {
	case c.card == nil:
		status |= slotEmpty
	case !c.powered:
		status |= slotInactive
	}
	c.mu.Unlock()
	b := []byte{kind}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	b = append(b, m[5], m[6], status, failure, special)
	c.send(ccidIn, append(b, data...))
}
