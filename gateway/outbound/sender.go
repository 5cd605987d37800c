package outbound

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cardferry/hl7"
	"cardferry/hl7/mllp"
	"cardferry/sync/upstream"
)

// sender is the upstream of one destination. Its forwarder has one worker, so
// Deliver is called for one message at a time.
type sender struct {
	d      Destination
	client *mllp.Client
	drain  time.Duration

	key      string    // the message that was answered negatively last
	refusals int       // and how often in a row, since the start
	last     time.Time // end of the last exchange
}

// ackRetries is how often an acknowledgement that asks for one itself is repeated
// after silence. Many systems answer none, and nobody misses it as one misses a
// result.
const ackRetries = 1

func newSender(d Destination, drain time.Duration) *sender {
	return &sender{d: d, drain: drain, client: &mllp.Client{
		Addr: d.Addr, TLS: d.TLS, AckFor: d.AckTimeout, ApplicationAckFor: d.ApplicationAckTimeout,
	}}
}

// Deliver sends one message and waits for the acknowledgements it asks for. When ctx ends it
// sends nothing more, but waits on for drain: an acknowledgement that arrives
// saves a repeat.
func (s *sender) Deliver(ctx context.Context, r upstream.Request) error {
	m, err := hl7.Parse(r.Body, hl7.Options{})
	if err != nil { // Send looked at it
		return &upstream.Refused{Code: "unreadable", Detail: err.Error()}
	}
	if !pause(ctx, s.d.Gap-time.Since(s.last)) {
		return context.Cause(ctx)
	}
	sending, stop := s.grace(ctx)
	defer stop()
	defer func() { s.last = time.Now() }()
	ack, err := s.client.Send(sending, r.Body)
	switch {
	case err == nil:
		return s.judge(r.Key, ack)
	case errors.Is(err, mllp.ErrAckCode):
		return s.negative(r.Key, verdict{code: CodeUnknown, detail: "MSA-1 is not in HL7 table 0008"})
	case errors.Is(err, mllp.ErrApplicationAckTimeout):
		// It has the message: repeating for ever would flood it.
		return s.negative(r.Key, verdict{code: CodeHalf, detail: "accepted, but no application acknowledgement came"})
	case errors.Is(err, mllp.ErrAckTimeout) && m.IsAck():
		return s.refused(r.Key, verdict{code: CodeSilence, detail: "the destination does not seem to acknowledge acknowledgements"}, ackRetries)
	}
	return unanswered(err)
}

// grace is ctx with drain added at its end.
func (s *sender) grace(ctx context.Context) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		pause(longer, s.drain)
		cancel()
	})
	return longer, func() { stop(); cancel() }
}

// judge turns the answers into what becomes of the message.
func (s *sender) judge(key string, ack mllp.Ack) error {
	if ack.Application != nil {
		ack = *ack.Application // the last word
	}
	v := read(ack)
	if v.code != "" {
		return s.negative(key, v)
	}
	s.key, s.refusals = "", 0
	return nil
}

// negative does what the site wants done after an answer that is not yes.
func (s *sender) negative(key string, v verdict) error {
	reaction := s.d.OnError
	if v.rejects {
		reaction = s.d.OnReject
	}
	if reaction == Park {
		return s.refused(key, v, 0)
	}
	return s.refused(key, v, s.d.MaxRetries)
}

// refused asks for retries up to a number, then parks. The count does not survive
// a restart: then a message gets its retries anew.
func (s *sender) refused(key string, v verdict, retries int) error {
	if s.key != key {
		s.key, s.refusals = key, 0
	}
	s.refusals++
	if s.refusals <= retries {
		return &upstream.Unavailable{Code: v.code, Err: fmt.Errorf("attempt %d of %d: %s", s.refusals, retries+1, v.detail)}
	}
	detail := v.detail
	if s.refusals > 1 {
		detail = fmt.Sprintf("%d times: %s", s.refusals, v.detail)
	}
	s.key, s.refusals = "", 0
	return &upstream.Refused{Code: v.code, Detail: detail}
}

// pause waits and reports false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
