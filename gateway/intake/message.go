package intake

import (
	"context"
	"errors"
	"unicode/utf8"

	"cardferry/hl7"
	"cardferry/hl7/mllp"
	"cardferry/sync/queue"
)

// decision is what became of a message.
type decision struct {
	outcome  hl7.Outcome
	info     hl7.AckInfo // why not, for outcomes other than Accepted
	withhold bool        // say nothing: it could not be stored
	response []byte      // the answer to a query, instead of an acknowledgement
	expected string      // MSA-4, when the sequence number protocol has something to say
}

func accepted() decision { return decision{} }

// failed is a message that will not do as it is (AE, CE).
func failed(code hl7.ErrorCode, at hl7.Path, text string) decision {
	return decision{outcome: hl7.Failed, info: hl7.AckInfo{ErrorCode: code, Location: at, Text: text}}
}

// rejected is a message that is not for us or not now (AR, CR).
func rejected(code hl7.ErrorCode, at hl7.Path, text string) decision {
	d := failed(code, at, text)
	d.outcome = hl7.Rejected
	return d
}

// incoming is a message that can be read, and who it is from.
type incoming struct {
	m    *hl7.Message
	s    *sender
	mode hl7.AckMode
}

// message takes one message in.
func (i *Intake) message(ctx context.Context, raw []byte, peer mllp.Peer) answer {
	in, a, ok := i.read(raw, peer)
	if !ok {
		return a
	}
	return i.take(ctx, in, peer)
}

// read takes a message apart. False when that is all there is to do, with what to
// answer.
func (i *Intake) read(raw []byte, peer mllp.Peer) (incoming, answer, bool) {
	m, err := hl7.Parse(raw, i.first)
	if err != nil {
		return incoming{}, i.unreadable(raw, peer, err), false
	}
	s := i.senderOf(m)
	if s.reading != i.first {
		if m, err = hl7.Parse(raw, s.reading); err != nil {
			return incoming{}, i.unreadable(raw, peer, err), false
		}
	}
	if m.IsAck() { // acknowledging it would make two systems greet each other for ever
		s.count(AckReceived)
		i.types.add(typeIndex(m.At(pathType).Raw()), "")
		return incoming{}, answer{}, false
	}
	return incoming{m, s, m.AckMode()}, answer{}, true
}

func (i *Intake) take(ctx context.Context, in incoming, peer mllp.Peer) answer {
	in.s.note(in.m, in.mode)
	d := i.decide(ctx, in.m, in.s, peer)
	if d.outcome == hl7.Failed {
		in.s.warn.Do(func() {
			i.log.Warn("HL7 messages refused for what they hold", "sender", in.s.Name, "peer", peer.String(),
				"condition", int(d.info.ErrorCode), "location", d.info.Location.String())
		})
	}
	return i.say(in, d)
}

// maxControlID is the longest MSH-10 that [hl7.ACK] repeats, bytes. The standard
// has 199.
const maxControlID = 4096

// decide finds out what is to become of a message, and stores it if nothing
// speaks against it.
func (i *Intake) decide(ctx context.Context, m *hl7.Message, s *sender, peer mllp.Peer) decision {
	if !s.listed && i.o.OnlyListed {
		return i.keepOut(s, peer, NotListed, "this sender is not configured here; see hl7.senders")
	}
	if event, text := s.admits(peer); event != 0 {
		return i.keepOut(s, peer, event, text)
	}
	if len(m.ControlID()) == 0 {
		s.count(NoControlID)
		return failed(hl7.RequiredFieldMissing, pathControlID, "MSH-10 is empty; without it a repeat cannot be told from a new message")
	}
	if len(m.ControlID()) > maxControlID {
		s.count(OverLimit)
		return failed(hl7.DataTypeError, pathControlID, "MSH-10 is too long to be repeated in an acknowledgement")
	}
	if !readable(m, s) {
		s.count(UnknownCharset)
		return failed(hl7.TableValueNotFound, pathCharset,
			"MSH-18 names a character set this listener does not know; correct it, or configure one for this sender")
	}
	if code := m.At(pathType).Raw(); isQuery(code) {
		return i.query(ctx, m, s)
	}
	if i.o.Validate != nil {
		if info := i.o.Validate(m); info != nil {
			s.count(Refused)
			return decision{outcome: hl7.Failed, info: *info}
		}
	}
	if s.sequence != nil {
		return i.sequenced(ctx, m, s)
	}
	return i.store(ctx, m, s)
}

// keepOut refuses a message for who sent it.
func (i *Intake) keepOut(s *sender, peer mllp.Peer, event Event, text string) decision {
	s.count(event)
	s.warn.Do(func() {
		i.log.Warn("HL7 messages refused", "sender", s.Name, "peer", peer.String(), "reason", event.String())
	})
	return rejected(hl7.ApplicationError, pathSender, text)
}

// readable is false when MSH-18 names a set that is not known and what is read
// instead would be a guess: names would arrive garbled and nobody would notice.
func readable(m *hl7.Message, s *sender) bool {
	return m.CharsetKnown() || s.Charset != "" || utf8.Valid(m.Bytes())
}

// store takes a message in, unless its control id was another one's.
func (i *Intake) store(ctx context.Context, m *hl7.Message, s *sender) decision {
	it := i.item(m, s)
	key, content := i.controlKey(m, it)
	now := i.o.Now()
	known := i.ids.begin(key, content, now, s.ReusedID == Keep)
	if known == anotherOne {
		s.count(ReusedControlID)
		if s.ReusedID == Refuse {
			return failed(hl7.DuplicateKeyIdentifier, pathControlID,
				"MSH-10 was used for another message; send a new message with an id of its own, a repeat with the same bytes")
		}
		s.warn.Do(func() { i.log.Warn("a sender uses control ids (MSH-10) again for other messages", "sender", s.Name) })
	}
	stored := false
	defer func() { i.ids.end(key, content, now, stored) }()
	var d decision
	if c := m.Continuation(); c.From == "" && c.To == "" {
		d = i.enqueue(ctx, it, s)
	} else {
		d = i.part(ctx, m, c, it, s, known == sameOne)
	}
	stored = d.outcome == hl7.Accepted
	return d
}

// enqueue puts an item into the queue and says what to tell the sender.
func (i *Intake) enqueue(ctx context.Context, it queue.Item, s *sender) decision {
	receipt, err := i.o.Enqueue(ctx, it)
	i.noteFull(errors.Is(err, queue.ErrFull))
	switch {
	case err == nil && receipt.Duplicate:
		s.count(Repeated)
		return accepted()
	case err == nil:
		s.count(Stored)
		return accepted()
	case errors.Is(err, queue.ErrInvalid):
		s.count(OverLimit)
		return failed(hl7.ApplicationError, hl7.Path{}, "the message breaks a limit of the queue")
	case errors.Is(err, queue.ErrFull):
		s.count(QueueFull)
		return s.later("the queue is full; nothing was stored, send again later")
	}
	s.count(StoreFailed)
	i.trouble.Do(func() { i.log.Error("messages are not stored", "sender", s.Name, "error", err) })
	return s.later("the message could not be stored, send again later")
}

// later tells the sender to come again, or nothing at all.
func (s *sender) later(text string) decision {
	d := rejected(hl7.ApplicationError, hl7.Path{}, text)
	d.withhold = s.OnFull == Withhold
	return d
}

// noteFull logs once when messages begin to be refused for want of space, and
// once when they are taken again.
func (i *Intake) noteFull(full bool) {
	if i.full.Load() == full || i.full.Swap(full) == full {
		return
	}
	if full {
		i.log.Error("the queue is full: messages are refused; see cardferry queue stat, free disk space or raise queue.quota")
	} else {
		i.log.Info("the queue has space again: messages are taken")
	}
}

// note counts what was tolerated in a message.
func (s *sender) note(m *hl7.Message, mode hl7.AckMode) {
	msh := m.Segments()[0]
	switch set, valid := m.Charset(), utf8.Valid(m.Bytes()); {
	case set == "UTF-8" && !valid:
		s.count(CharsetInvalid)
	case set == "UTF-8" || set == "UTF-16":
	case valid && !ascii(m.Bytes()):
		s.count(CharsetMismatch)
	case !valid && s.Charset == "" && msh.Field(18).Kind() == hl7.Absent:
		s.count(CharsetGuessed)
	}
	if mode.Accept == hl7.Unspecified && msh.Field(15).Kind() == hl7.Text ||
		mode.Application == hl7.Unspecified && msh.Field(16).Kind() == hl7.Text {
		s.count(AckConditionIgnored)
	}
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
