package card

import (
	"bytes"
	"context"
)

// trace notes what is said to a card while it is read, and which steps said it. A
// nil trace notes nothing.
type trace struct {
	said    []exchanged
	parts   []part
	keys    []string // names of the site's keys that were used
	leftOut bool     // what was said under secure messaging
}

// exchanged is one command and its response.
type exchanged struct{ command, response []byte }

// sw is the status word of the response.
func (x exchanged) sw() statusWord {
	n := len(x.response)
	if n < 2 {
		return 0
	}
	return statusWord(x.response[n-2])<<8 | statusWord(x.response[n-1])
}

func (x exchanged) data() []byte { return x.response[:max(0, len(x.response)-2)] }

// part is what one step of one profile said: said[from:to].
type part struct {
	from, to int
	r        *run
	st       *step
	name     string // of the capture; "" for none
}

// channel returns ch with every exchange noted.
func (t *trace) channel(ch Channel) Channel {
	return noting{ch, t}
}

type noting struct {
	Channel
	t *trace
}

// Unwrap is the channel itself, for what it can do beside Transmit.
func (n noting) Unwrap() Channel { return n.Channel }

func (n noting) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	resp, err := n.Channel.Transmit(ctx, cmd)
	if err == nil && len(resp) >= 2 {
		n.t.said = append(n.t.said, exchanged{bytes.Clone(cmd), bytes.Clone(resp)})
	}
	return resp, err
}

func (t *trace) mark() int {
	if t == nil {
		return 0
	}
	return len(t.said)
}

// note says that a step said everything since from.
func (t *trace) note(from int, r *run, st *step, name string) {
	if t != nil && len(t.said) > from {
		t.parts = append(t.parts, part{from, len(t.said), r, st, name})
	}
}

func (t *trace) usesKey(name string) {
	if t != nil {
		t.keys = append(t.keys, name)
	}
}
