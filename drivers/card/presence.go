package card

import (
	"bytes"
	"time"
)

// presence is one card in a reader: what all profiles that try it share. A probe
// need not send what an earlier one already knows.
type presence struct {
	ch      Channel
	info    Info
	since   time.Time             // of the first look at the card
	refused map[string]statusWord // SELECTs by name that the card does not know
	last    *selected             // the last command, if it selected an application
}

// selected is an application that was selected and what the card said.
type selected struct {
	key  string
	data []byte
	sw   statusWord
}

// forget is for when others could talk to the card: nothing is known to be selected.
func (s *session) forget() { s.last, s.control, s.opened, s.memory = nil, nil, opened{}, "" }

func newPresence(ch Channel, info Info) *presence {
	return &presence{ch: ch, info: info, since: time.Now(), refused: map[string]statusWord{}}
}

// selectKey identifies a SELECT of the first application with a name; "" is any
// other command.
func (s *session) selectKey(c command) string {
	if c.cla != 0 || c.ins != 0xA4 || c.p1 != 0x04 || c.p2&0x03 != 0 {
		return ""
	}
	raw, err := c.encode(s.info.Protocol)
	if err != nil {
		return ""
	}
	if !s.getResp {
		raw = append(raw, 0xFF)
	}
	return string(append(raw, s.getP2))
}

// recall returns what the card would answer: an application it does not have, or
// the one that was selected by the very last command.
func (p *presence) recall(key string) ([]byte, statusWord, bool) {
	if key == "" {
		return nil, 0, false
	}
	if sw, ok := p.refused[key]; ok {
		return nil, sw, true
	}
	if p.last != nil && p.last.key == key {
		return bytes.Clone(p.last.data), p.last.sw, true
	}
	return nil, 0, false
}

func (p *presence) remember(key string, data []byte, sw statusWord) {
	switch {
	case key == "":
	case sw == swOK:
		p.last = &selected{key, bytes.Clone(data), sw}
	case sw == 0x6A82 || sw == 0x6A81 || sw == 0x6D00 || sw == 0x6E00:
		p.refused[key] = sw
	}
}
