package intake

import (
	"context"
	"errors"
	"slices"
	"time"

	"cardferry/hl7"
	"cardferry/sync/queue"
)

// part takes one part of a continued message (MSH-14, DSC; HL7 v2.9, 2.10.2). A
// part is acknowledged when it is on disk; when the last one has come the whole
// is put into the queue as one message under the first part's control id, and
// only then is the last part acknowledged. known says that this very part was
// accepted before.
func (i *Intake) part(ctx context.Context, m *hl7.Message, c hl7.Continuation, it queue.Item, s *sender, known bool) decision {
	p := i.parts
	if p == nil {
		return i.single(ctx, it, s)
	}
	if known {
		s.count(Repeated)
		return accepted()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.To != "" {
		return i.waitingPart(ctx, m, it, s)
	}
	whole, err := p.joiner.Add(s.Name, m, i.o.Now())
	if err != nil { // the parts before it were given up, or never came
		return i.single(ctx, it, s)
	}
	d := i.joined(ctx, whole, s)
	if d.outcome != hl7.Accepted { // the last part will be repeated
		i.restore(whole, len(whole.Raw)-1)
		return d
	}
	p.spool.remove(whole)
	return d
}

// waitingPart keeps a part until the next one comes.
func (i *Intake) waitingPart(ctx context.Context, m *hl7.Message, it queue.Item, s *sender) decision {
	p := i.parts
	// Taken in first, so that a part that does not fit is not written down.
	if _, err := p.joiner.Add(s.Name, m, i.o.Now()); err != nil {
		if errors.Is(err, hl7.ErrJoinerFull) {
			s.count(StoreFailed)
			return s.later("too many continued messages are unfinished, send again later")
		}
		return i.single(ctx, it, s)
	}
	if err := p.spool.add(s.Name, m.Bytes(), i.o.Now()); err != nil {
		// Until it is on disk it is not accepted. The joiner knows a repeat by its
		// bytes, and the spool what it has.
		s.count(StoreFailed)
		i.trouble.Do(func() { i.log.Error("parts of messages are not stored", "sender", s.Name, "error", err) })
		return s.later("the part could not be stored, send again later")
	}
	s.count(PartKept)
	return accepted()
}

// joined puts a message whose parts have all come into the queue. Parts that
// cannot be joined, too large together for example, go in one by one.
func (i *Intake) joined(ctx context.Context, whole *hl7.Parts, s *sender) decision {
	raw, err := hl7.Join(whole.Raw, s.reading)
	if err == nil {
		var m *hl7.Message
		if m, err = hl7.Parse(raw, s.reading); err == nil {
			d := i.enqueue(ctx, i.item(m, s), s)
			if d.outcome == hl7.Accepted {
				s.count(Joined)
			}
			return d
		}
	}
	i.log.Warn("parts of a message could not be joined and are stored one by one", "sender", s.Name, "error", err)
	return i.alone(ctx, whole.Raw, s)
}

// alone puts parts into the queue as messages of their own.
func (i *Intake) alone(ctx context.Context, parts [][]byte, s *sender) decision {
	for _, raw := range parts {
		m, err := hl7.Parse(raw, s.reading)
		if err != nil {
			continue // it was read before it was taken in
		}
		if d := i.single(ctx, i.item(m, s), s); d.outcome != hl7.Accepted {
			return d
		}
	}
	return accepted()
}

// single puts a part into the queue as a message of its own.
func (i *Intake) single(ctx context.Context, it queue.Item, s *sender) decision {
	d := i.enqueue(ctx, it, s)
	if d.outcome == hl7.Accepted {
		s.count(PartAlone)
	}
	return d
}

// giveUp stores the parts of messages whose next part did not come in time as
// they are. What cannot be stored now waits for the next time.
func (i *Intake) giveUp(ctx context.Context) {
	p := i.parts
	p.mu.Lock()
	defer p.mu.Unlock()
	late := slices.Concat(p.orphans, p.joiner.Expire(i.o.Now().Add(-i.o.PartWait)))
	p.orphans = nil
	for _, l := range late {
		s, ok := i.byName(l.Sender)
		if !ok { // it was configured when they came
			s = i.fallback
		}
		if i.alone(ctx, l.Raw, s).outcome != hl7.Accepted {
			p.orphans = append(p.orphans, l)
			continue
		}
		p.spool.remove(l)
		i.log.Warn("a continued message was never finished; its parts are stored one by one", "sender", s.Name, "parts", len(l.Raw))
	}
}

// restore gives parts back to the joiner that took them out. One that has lost
// its place is an orphan.
func (i *Intake) restore(whole *hl7.Parts, n int) {
	for _, raw := range whole.Raw[:n] {
		m, err := hl7.Parse(raw, i.Reading(whole.Sender))
		if err == nil {
			_, err = i.parts.joiner.Add(whole.Sender, m, whole.Last)
		}
		if err != nil {
			i.parts.orphans = append(i.parts.orphans, &hl7.Parts{Sender: whole.Sender, Raw: [][]byte{raw}, First: whole.First, Last: whole.Last})
		}
	}
}

// watchParts is the goroutine that gives up unfinished messages.
func (i *Intake) watchParts(ctx context.Context) {
	every := time.NewTicker(max(i.o.PartWait/10, time.Second))
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			i.giveUp(ctx)
		}
	}
}
