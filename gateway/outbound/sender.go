package outbound

import (
	"context"
	"fmt"
	"sync/atomic"
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

	ignored atomic.Uint64
}

func newSender(d Destination, drain time.Duration) *sender {
	return &sender{d: d, drain: drain, client: &mllp.Client{Addr: d.Addr, TLS: d.TLS, AckFor: d.AckTimeout}}
}

// Deliver sends one message and waits for its acknowledgement. When ctx ends it
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
	silent := m.AckMode().Accept == hl7.Never && m.AckMode().Application != hl7.Always
	if silent {
		// Nobody will tell whether it arrived, so it must not go down with a kept
		// connection that the receiver has closed meanwhile.
		_ = s.client.Close()
	}
	ack, err := s.client.Send(sending, r.Body)
	s.ignored.Add(uint64(ack.Ignored))
	switch {
	case err != nil:
		return unanswered(err)
	case silent:
		return nil
	}
	return s.judge(r.Key, ack)
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

// judge turns an acknowledgement into what becomes of the message.
func (s *sender) judge(key string, ack mllp.Ack) error {
	v := read(ack)
	if v.code == "" {
		s.key, s.refusals = "", 0
		return nil
	}
	reaction := s.d.OnError
	if v.rejects {
		reaction = s.d.OnReject
	}
	return s.refused(key, v, reaction)
}

// refused retries as often as the destination allows, then parks. The count does
// not survive a restart: then a message gets its retries anew.
func (s *sender) refused(key string, v verdict, reaction Reaction) error {
	if s.key != key {
		s.key, s.refusals = key, 0
	}
	s.refusals++
	if reaction == Retry && s.refusals <= s.d.MaxRetries {
		return &upstream.Unavailable{Code: v.code, Err: fmt.Errorf("answer %d of at most %d: %s", s.refusals, s.d.MaxRetries+1, v.detail)}
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
