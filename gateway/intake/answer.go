package intake

import (
	"cardferry/hl7"
	"cardferry/hl7/mllp"
	"cardferry/sync/queue"
)

// answer is what a sender hears about one message.
type answer struct {
	first    []byte      // right now; nil for nothing
	code     hl7.AckCode // MSA-1 of it
	behind   [][]byte    // messages of their own that follow
	withhold bool
}

func (a answer) reply() mllp.Reply {
	if a.withhold {
		return mllp.Reply{Then: mllp.Withhold}
	}
	return mllp.Reply{ACK: a.first, Also: a.behind}
}

// say builds the acknowledgements a message's sender wants (HL7 v2.9, 2.9.2 and
// 2.9.3).
func (i *Intake) say(in incoming, d decision) answer {
	m, s, mode := in.m, in.s, in.mode
	kind := typeIndex(m.At(pathType).Raw())
	if d.withhold {
		i.types.add(kind, "")
		return answer{withhold: true}
	}
	code, wanted := mode.Immediate(d.outcome)
	var a answer
	if wanted && (d.response == nil || mode.Enhanced()) {
		a.first, a.code = i.ack(m, s, code, d), code
	}
	code, also := mode.Deferred(d.outcome)
	switch {
	case d.response != nil:
		// The application's answer, whatever MSH-16 says: it was asked for.
		a.then(d.response, codeOf(d.response))
	case !also:
	case d.outcome != hl7.Accepted && a.first != nil:
		// A message that was not accepted is never worked on: its accept
		// acknowledgement says all there is to say.
	case d.outcome == hl7.Accepted && s.ReplyTo != "": // when it was delivered
	default:
		a.then(unconditional(i.ack(m, s, code, d), s.reading, hl7.Never), code)
	}
	i.types.add(kind, a.code)
	return a
}

// then adds a message behind what is said already.
func (a *answer) then(msg []byte, code hl7.AckCode) {
	if a.first == nil {
		a.first, a.code = msg, code
		return
	}
	a.behind = append(a.behind, msg)
}

func (i *Intake) ack(m *hl7.Message, s *sender, code hl7.AckCode, d decision) []byte {
	info := d.info
	info.Code, info.Now, info.Options = code, i.now(), s.reading
	ack := unframed(hl7.ACK(m.Bytes(), info))
	if d.expected == "" {
		return ack
	}
	return set(ack, s.reading, [2]string{"MSA-4", d.expected})
}

// unreadable answers what could not even be taken apart.
func (i *Intake) unreadable(raw []byte, peer mllp.Peer, cause error) answer {
	i.fallback.count(Unreadable)
	i.fallback.warn.Do(func() { i.log.Warn("HL7 refused that cannot be read", "peer", peer.String(), "error", cause) })
	ack := unframed(hl7.NAK(raw, cause, hl7.AckInfo{Now: i.now(), Options: i.fallback.reading}))
	code := codeOf(ack)
	i.types.add(unreadableType, code)
	return answer{first: ack, code: code}
}

// ApplicationAck builds the application acknowledgement that a message asked for
// in MSH-16 (HL7 v2.9, 2.9.3.2): a message of its own that says what became of
// the first one, AA when it was delivered, AE or AR with the reason in info
// otherwise. It wants an accept acknowledgement itself (MSH-15 AL) and nothing
// else. False when the sender does not want to hear of this outcome.
//
// info.ControlID should be the same for every attempt to tell the same thing.
// Code is set here.
func ApplicationAck(raw []byte, o hl7.Outcome, info hl7.AckInfo) ([]byte, bool) {
	m, err := hl7.Parse(raw, info.Options)
	if err != nil || m.IsAck() {
		return nil, false
	}
	code, wanted := m.AckMode().Deferred(o)
	if !wanted {
		return nil, false
	}
	info.Code = code
	return unconditional(hl7.ACK(raw, info), info.Options, hl7.Always), true
}

// Deferred builds the application acknowledgement that is due now that an item
// was delivered or parked, and names the destination it goes to (Sender.ReplyTo).
// False when none is due. The acknowledgement's control id is made of the item's
// id and the outcome, and its time is info.Now: with the same Now the same item
// gives the same bytes. Code, ControlID and Options of info are set here.
func (i *Intake) Deferred(it queue.Item, o hl7.Outcome, info hl7.AckInfo) (destination string, ack []byte, ok bool) {
	s, ok := i.byName(it.Source)
	if !ok || s.ReplyTo == "" || it.Kind != queue.KindHL7v2 {
		return "", nil, false
	}
	code := [...]string{hl7.Accepted: "AA", hl7.Failed: "AE", hl7.Rejected: "AR"}[o]
	info.ControlID = i.o.ItemID("application-ack", it.ID, code)[:16]
	info.Options, info.Now = s.reading, info.Now.In(i.o.Zone)
	ack, ok = ApplicationAck(it.Payload, o, info)
	return s.ReplyTo, ack, ok
}

// Reading is how the messages of a configured sender, an item's Source, are to
// be read; how the default sender's are for a name that is not configured.
func (i *Intake) Reading(source string) hl7.Options {
	if s, ok := i.byName(source); ok {
		return s.reading
	}
	return i.fallback.reading
}

// unconditional writes into an application acknowledgement what it wants in
// return: without MSH-15 and MSH-16 it would be one of original mode.
func unconditional(ack []byte, o hl7.Options, accept hl7.AckCondition) []byte {
	return set(ack, o, [2]string{"MSH-15", string(accept)}, [2]string{"MSH-16", string(hl7.Never)})
}

// unframed blanks block characters that a header's fields brought along: a
// receiver would take them for the end of the acknowledgement.
func unframed(ack []byte) []byte {
	if ack[0] >= 0xFE { // UTF-16
		return ack
	}
	for k, c := range ack {
		if c == 0x0B || c == 0x1C {
			ack[k] = ' '
		}
	}
	return ack
}

// set changes fields of a message of our own making. One that cannot be changed,
// because the sender's own delimiters or bytes are damaged, stays as it is.
func set(ack []byte, o hl7.Options, fields ...[2]string) []byte {
	m, err := hl7.Parse(ack, o)
	if err != nil {
		return ack
	}
	for _, f := range fields {
		if m.Set(f[0], f[1]) != nil {
			return ack
		}
	}
	return m.Bytes()
}

// codeOf is MSA-1 of an acknowledgement of our own making.
func codeOf(ack []byte) hl7.AckCode {
	if ack == nil {
		return ""
	}
	m, err := hl7.Parse(ack, hl7.Options{})
	if err != nil {
		return ""
	}
	return hl7.AckCode(m.At(hl7.Path{Segment: "MSA", Field: 1}).Raw())
}
