package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"cardferry/hl7"
	"cardferry/hl7/mllp"
	"cardferry/sync/queue"
)

// onFrame takes one MLLP frame from a sender and answers it: a message, or a
// batch of them (FHS, BHS). A positive acknowledgement goes out only after the
// message is on disk.
func (g *Gateway) onFrame(ctx context.Context, raw []byte, _ mllp.Peer) mllp.Reply {
	if start := bytes.TrimLeft(raw, "\r\n "); bytes.HasPrefix(start, []byte("FHS")) || bytes.HasPrefix(start, []byte("BHS")) {
		return mllp.Reply{ACK: g.onBatch(ctx, raw)}
	}
	return mllp.Reply{ACK: g.onMessage(ctx, raw)}
}

// onBatch stores every message of a batch and answers with a batch of their
// acknowledgements.
func (g *Gateway) onBatch(ctx context.Context, raw []byte) []byte {
	batch, err := hl7.Split(raw, g.hl7Options())
	if err != nil {
		return g.nak(raw, err)
	}
	answer := []byte("BHS|^~\\&\r")
	n := 0
	for _, msg := range batch.Messages {
		if ack := g.onMessage(ctx, msg); ack != nil {
			answer = append(answer, ack...)
			n++
		}
	}
	return fmt.Appendf(answer, "BTS|%d\r", n)
}

// onMessage stores one message and returns its acknowledgement, nil for none.
func (g *Gateway) onMessage(ctx context.Context, raw []byte) []byte {
	m, err := hl7.Parse(raw, g.hl7Options())
	if err != nil {
		return g.nak(raw, err)
	}
	if m.IsAck() {
		g.metrics.message("ACK", "none")
		return nil // an acknowledgement is never acknowledged
	}
	outcome, info := g.take(ctx, m)
	code, _, _ := m.Type()
	ack, wanted := m.AckMode().Immediate(outcome)
	g.metrics.message(code, string(ack))
	if !wanted {
		return nil
	}
	info.Code, info.Now, info.Options = ack, time.Now().In(g.zone), g.hl7Options()
	return hl7.ACK(raw, info)
}

// take puts a message into the queue and says what to tell the sender.
func (g *Gateway) take(ctx context.Context, m *hl7.Message) (hl7.Outcome, hl7.AckInfo) {
	switch {
	case !m.CharsetKnown():
		return hl7.Failed, hl7.AckInfo{ErrorCode: hl7.TableValueNotFound,
			Text: "MSH-18 names a character set this listener does not know; correct the sender"}
	case len(m.ControlID()) == 0:
		return hl7.Failed, hl7.AckInfo{ErrorCode: hl7.RequiredFieldMissing,
			Text: "MSH-10 is empty; without it a repeat cannot be told from a new message"}
	}
	_, err := g.store.Enqueue(ctx, g.messageItem(m))
	g.noteFull(errors.Is(err, queue.ErrFull))
	switch {
	case err == nil:
		return hl7.Accepted, hl7.AckInfo{}
	case errors.Is(err, queue.ErrFull):
		return hl7.Rejected, hl7.AckInfo{ErrorCode: hl7.ApplicationError, Text: "the queue is full; nothing was stored, send again later"}
	case errors.Is(err, queue.ErrInvalid):
		return hl7.Failed, hl7.AckInfo{ErrorCode: hl7.ApplicationError, Text: "the message breaks a limit of the queue"}
	default:
		g.log.Error("message not stored", "error", err)
		return hl7.Rejected, hl7.AckInfo{ErrorCode: hl7.ApplicationError, Text: "the message could not be stored, send again later"}
	}
}

// noteFull logs once when messages begin to be refused for want of space, and
// once when they are taken again.
func (g *Gateway) noteFull(full bool) {
	if g.full.Swap(full) == full {
		return
	}
	if full {
		g.log.Error("the queue is full: messages are refused; see cardferry queue stat, free disk space or raise queue.quota")
	} else {
		g.log.Info("the queue has space again: messages are taken")
	}
}

func (g *Gateway) hl7Options() hl7.Options {
	return hl7.Options{DefaultCharset: g.cfg.HL7.Charset, MaxSize: int(g.cfg.HL7.MaxMessage)}
}

// nak answers what could not even be read.
func (g *Gateway) nak(raw []byte, cause error) []byte {
	ack := hl7.NAK(raw, cause, hl7.AckInfo{Now: time.Now().In(g.zone), Options: g.hl7Options()})
	g.metrics.message("unreadable", "nak")
	return ack
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
