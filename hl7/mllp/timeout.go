package mllp

import (
	"context"
	"errors"
	"net"
	"os"
	"time"
)

// reader reads from a connection under time limits. A deadline costs the runtime
// a timer, so one that is set and too early is left standing: when it wakes the
// reader in vain the right one is set. A busy connection thus sets one deadline
// an idle time and not one a message.
type reader struct {
	conn  net.Conn
	armed time.Time // the deadline that is set; zero is none
}

// read reads into buf for up to limit; 0 is no limit. Once ctx has ended it fails.
func (r *reader) read(ctx context.Context, buf []byte, limit time.Duration) (int, error) {
	var until time.Time
	if limit > 0 {
		until = time.Now().Add(limit)
	}
	if r.late(until) {
		if err := r.arm(until); err != nil {
			return 0, err
		}
	}
	for {
		// Arming may have undone the deadline that the end of ctx sets.
		if ctx.Err() != nil {
			return 0, os.ErrDeadlineExceeded
		}
		n, err := r.conn.Read(buf)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) || ctx.Err() != nil {
			return n, err
		}
		if !until.IsZero() && !time.Now().Before(until) {
			return n, err
		}
		if err := r.arm(until); err != nil {
			return 0, err
		}
	}
}

// late says whether the deadline that is set would come after until.
func (r *reader) late(until time.Time) bool {
	return !until.IsZero() && (r.armed.IsZero() || r.armed.After(until))
}

func (r *reader) arm(until time.Time) error {
	r.armed = until
	return r.conn.SetReadDeadline(until)
}
