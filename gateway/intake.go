package gateway

import (
	"context"
	"errors"
	"time"

	"cardferry/hl7"
	"cardferry/hl7/mllp"
	"cardferry/sync/queue"
)

// onMessage takes one HL7 v2 message from a sender and answers it. The positive
// acknowledgement goes out only after the message is on disk.
func (g *Gateway) onMessage(ctx context.Context, raw []byte, _ mllp.Peer) mllp.Reply {
	m, err := hl7.Parse(raw, g.hl7Options())
	if err != nil {
		return g.nak(raw, hl7.AE, hl7.ApplicationError, err.Error())
	}
	code, _, _ := m.Type()
	switch {
	case m.IsAck():
		g.metrics.message(code, "none")
		return mllp.Reply{} // an acknowledgement is never acknowledged
	case !m.CharsetKnown():
		return g.nak(raw, hl7.AE, hl7.TableValueNotFound, "MSH-18 names a character set this listener does not know; set hl7.charset or correct the sender")
	case len(m.ControlID()) == 0:
		return g.nak(raw, hl7.AE, hl7.RequiredFieldMissing, "MSH-10 is empty; without it a repeat cannot be told from a new message")
	}
	_, err = g.store.Enqueue(ctx, g.messageItem(m))
	mode := m.AckMode()
	switch {
	case err == nil:
		return g.answer(raw, code, mode, hl7.Accepted, hl7.NoError, "")
	case errors.Is(err, queue.ErrFull):
		return g.answer(raw, code, mode, hl7.Rejected, hl7.ApplicationError, "the queue is full; nothing was stored, send again later")
	case errors.Is(err, queue.ErrInvalid):
		return g.answer(raw, code, mode, hl7.Failed, hl7.ApplicationError, "the message breaks a limit of the queue")
	default:
		g.log.Error("message not stored", "error", err)
		return g.answer(raw, code, mode, hl7.Rejected, hl7.ApplicationError, "the message could not be stored, send again later")
	}
}

func (g *Gateway) hl7Options() hl7.Options {
	return hl7.Options{DefaultCharset: g.cfg.HL7.Charset, MaxSize: int(g.cfg.HL7.MaxMessage)}
}

// answer acknowledges as MSH-15 asks; in original mode always.
func (g *Gateway) answer(raw []byte, code string, mode hl7.AckMode, o hl7.Outcome, e hl7.ErrorCode, text string) mllp.Reply {
	ack, wanted := mode.Immediate(o)
	g.metrics.message(code, string(ack))
	if !wanted {
		return mllp.Reply{}
	}
	return mllp.Reply{ACK: hl7.ACK(raw, hl7.AckInfo{Code: ack, ErrorCode: e, Text: text, Now: time.Now().In(g.zone)})}
}

// nak answers what could not even be read.
func (g *Gateway) nak(raw []byte, code hl7.AckCode, e hl7.ErrorCode, text string) mllp.Reply {
	g.metrics.message("unreadable", string(code))
	return mllp.Reply{ACK: hl7.ACK(raw, hl7.AckInfo{Code: code, ErrorCode: e, Text: text, Now: time.Now().In(g.zone)})}
}

// messageItem makes a queue item of a message. The same sender, control id and
// bytes make the same item, whenever they come again.
func (g *Gateway) messageItem(m *hl7.Message) queue.Item {
	app, facility := g.at(m, pathSender), g.at(m, pathFacility)
	return queue.Item{
		ID:       g.keys.ItemID("hl7v2", app, facility, string(m.ControlID()), string(m.Bytes())),
		Lanes:    g.messageLanes(m, app, facility),
		Class:    queue.Live,
		Kind:     queue.KindHL7v2,
		Source:   "hl7",
		Received: time.Now(),
		Payload:  m.Bytes(),
	}
}

var (
	pathSender      = mustPath("MSH-3")
	pathFacility    = mustPath("MSH-4")
	pathPatientID   = mustPath("PID-3.1")
	pathPatientFrom = mustPath("PID-3.4")
	pathMergedID    = mustPath("MRG-1.1")
	pathMergedFrom  = mustPath("MRG-1.4")
)

func mustPath(s string) hl7.Path {
	p, err := hl7.ParsePath(s)
	if err != nil {
		panic(err) // a constant of this file
	}
	return p
}

func (g *Gateway) at(m *hl7.Message, p hl7.Path) string { return string(m.At(p).Raw()) }

// messageLanes orders by patient: the first identifier of PID-3, and for a merge
// also the one that goes away (MRG-1). A message about nobody is ordered by its
// sender.
func (g *Gateway) messageLanes(m *hl7.Message, app, facility string) []queue.Lane {
	var lanes []queue.Lane
	for _, p := range [][2]hl7.Path{{pathPatientID, pathPatientFrom}, {pathMergedID, pathMergedFrom}} {
		id := g.at(m, p[0])
		if id == "" {
			continue
		}
		lane := queue.Lane(g.keys.Lane("patient", id, g.at(m, p[1])))
		if len(lanes) == 0 || lanes[0] != lane {
			lanes = append(lanes, lane)
		}
	}
	if len(lanes) == 0 {
		lanes = append(lanes, queue.Lane(g.keys.Lane("sender", app, facility)))
	}
	return lanes
}
