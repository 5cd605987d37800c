package mllp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"cardferry/hl7"
)

// awaited is which answers a message will get on its connection, as MSH-15 and
// MSH-16 ask for them: Always stands for both AL and SU, for without its success
// there is none.
type awaited struct {
	accept, application hl7.AckCondition // Always, OnError or Never
}

func (w awaited) any() bool { return w.accept != hl7.Never || w.application != hl7.Never }

// awaited reads the mode of a message.
func (c *Client) awaited(mode hl7.AckMode) awaited {
	w := awaited{mode.Accept, hl7.Never}
	if c.ApplicationAckFor > 0 && mode.Application != hl7.Unspecified {
		w.application = mode.Application
	}
	if w.accept == hl7.Unspecified {
		w.accept = hl7.Always // the one answer of original mode
		if w.application != hl7.Never {
			w.accept = hl7.Never
		}
	}
	for _, cond := range []*hl7.AckCondition{&w.accept, &w.application} {
		if *cond == hl7.OnSuccess {
			*cond = hl7.Always
		}
	}
	return w
}

// roundTrip writes m and collects its answers.
func (c *Client) roundTrip(ctx context.Context, m *hl7.Message, w awaited) (Ack, error) {
	begin := time.Now()
	deadline := begin.Add(positive(c.AckFor, defaultAck))
	if err := c.put(ctx, m.Bytes(), deadline); err != nil {
		return Ack{}, c.explain(err)
	}
	var ack Ack
	if w.accept != hl7.Never {
		answer, err := c.await(ctx, m.ControlID(), deadline, false, &ack.Ignored)
		switch {
		case w.accept == hl7.OnError && silence(ctx, err):
		case err != nil:
			return ack, c.explain(err)
		default:
			answer.Ignored = ack.Ignored
			ack = answer
			if ack.Code != hl7.CA {
				if w.application != hl7.Never && !isAccept(ack.Code) {
					ack.Application = &answer
				}
				return ack, nil
			}
		}
	}
	if w.application == hl7.Never {
		return ack, nil
	}
	answer, err := c.await(ctx, m.ControlID(), time.Now().Add(c.ApplicationAckFor), true, &ack.Ignored)
	switch {
	case w.application == hl7.OnError && silence(ctx, err):
		return ack, nil
	case ack.Code == hl7.CA && silence(ctx, err):
		return ack, fmt.Errorf("mllp: %s: %w", c.Addr, ErrApplicationAckTimeout)
	case err != nil:
		return ack, c.explain(err)
	}
	ack.Application = &answer
	c.confirm(ctx, answer.Raw)
	return ack, nil
}

// silence says whether err is that nothing came in time.
func silence(ctx context.Context, err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil
}

// put writes one frame.
func (c *Client) put(ctx context.Context, msg []byte, deadline time.Time) error {
	c.frame = AppendFrame(c.frame[:0], msg)
	// The deadline may undo the one that the end of ctx has set.
	if err := errors.Join(c.conn.SetWriteDeadline(deadline), ctx.Err()); err != nil {
		return err
	}
	_, err := c.conn.Write(c.frame)
	if cap(c.frame) > readSize {
		c.frame = nil
	}
	return err
}

// confirm gives an application acknowledgement the accept acknowledgement that it
// asks for itself. If the caller is lost before it has made a note of the answer,
// it will send its message again and get the answer again.
func (c *Client) confirm(ctx context.Context, answer []byte) {
	m, err := hl7.Parse(answer, hl7.Options{})
	if err != nil || m.AckMode().Accept != hl7.Always && m.AckMode().Accept != hl7.OnSuccess {
		return
	}
	now := time.Now()
	if c.put(ctx, hl7.ACK(answer, hl7.AckInfo{Code: hl7.CA, Now: now}), now.Add(positive(c.AckFor, defaultAck))) != nil {
		_ = c.hangUp() // the answer is there all the same
	}
}

// await is the next answer to the message with this id, of the application or any.
// What else arrives counts as ignored.
func (c *Client) await(ctx context.Context, id []byte, deadline time.Time, application bool, ignored *int) (Ack, error) {
	for {
		raw, err := c.receive(ctx, deadline)
		if err != nil {
			return Ack{}, err
		}
		ack, ok := answerTo(raw, id)
		switch {
		case !ok, application && isAccept(ack.Code):
			*ignored++
		case ack.Code == "":
			return Ack{}, ErrAckCode
		default:
			return ack, nil
		}
	}
}

// answerTo reads an acknowledgement and says whether it is one of message id.
// The code is empty if it is none of table 0008.
func answerTo(raw, id []byte) (Ack, bool) {
	m, err := hl7.Parse(raw, hl7.Options{})
	if err != nil {
		return Ack{}, false
	}
	msa, ok := m.Segment("MSA", 1)
	if !ok || !bytes.Equal(msa.Field(2).Raw(), id) {
		return Ack{}, false
	}
	a := Ack{ControlID: msa.Field(2).Raw(), Text: msa.Field(3).Text(), Raw: raw}
	switch code := hl7.AckCode(msa.Field(1).Text()); code {
	case hl7.AA, hl7.AE, hl7.AR, hl7.CA, hl7.CE, hl7.CR:
		a.Code = code
	}
	return a, true
}

func isAccept(code hl7.AckCode) bool { return code == hl7.CA || code == hl7.CE || code == hl7.CR }

// receive is the next message from the receiver.
func (c *Client) receive(ctx context.Context, deadline time.Time) ([]byte, error) {
	emit := func(msg []byte) error { c.inbox = append(c.inbox, msg); return nil }
	if c.buf == nil {
		c.buf = make([]byte, clientRead)
	}
	for len(c.inbox) == 0 {
		wait := time.Until(deadline)
		if c.framer.Pending() {
			wait = min(wait, grace)
		}
		if wait <= 0 {
			return nil, os.ErrDeadlineExceeded
		}
		n, err := c.in.read(ctx, c.buf, wait)
		if ferr := c.framer.Feed(c.buf[:n], emit); ferr != nil {
			return nil, ferr
		}
		if err != nil || n < len(c.buf) && c.framer.Whole() {
			if ferr := c.framer.Flush(emit); ferr != nil {
				return nil, ferr
			}
		}
		if err != nil && len(c.inbox) == 0 {
			return nil, err
		}
	}
	msg := c.inbox[0]
	c.inbox = c.inbox[1:]
	return msg, nil
}

// stillThere looks at a kept connection before a message is sent on it that gets
// no answer to tell whether it arrived. What has come meanwhile is answers that
// nobody waits for.
func (c *Client) stillThere(ctx context.Context) bool {
	until := time.Now().Add(glance)
	for {
		switch _, err := c.receive(ctx, until); {
		case err == nil:
			c.ignored.Add(1)
		case errors.Is(err, os.ErrDeadlineExceeded):
			return true
		default:
			return false
		}
	}
}

// explain turns a network error into what it means for the message.
func (c *Client) explain(err error) error {
	var op *net.OpError
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("mllp: %s: %w", c.Addr, ErrAckTimeout)
	case errors.Is(err, ErrAckCode), isFraming(err):
		return fmt.Errorf("mllp: answer of %s: %w", c.Addr, err)
	case errors.As(err, &op) && op.Op == "remote error": // a TLS alert
		return fmt.Errorf("mllp: %w: TLS with %s: %w", ErrConnect, c.Addr, err)
	}
	return fmt.Errorf("mllp: %s: %w (%w)", c.Addr, ErrPeerClosed, err)
}

func isFraming(err error) bool {
	for _, target := range [...]error{ErrTooLarge, ErrGarbage, ErrUnframed, ErrHTTP, ErrTLS} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}
