package mllp

import (
	"net"
	"sync"
	"time"
)

const (
	// together is how long an acknowledgement may wait for those of the messages
	// that arrived in the same read, to leave with them in one write.
	together = time.Millisecond
	// outboxSize is how many bytes may wait so.
	outboxSize = 32 << 10
	// outboxKept is the largest buffer that an idle connection keeps.
	outboxKept = 8 << 10
)

// outbox holds frames until they are written. Only add and flush are called by
// the connection's goroutine alone; a timer flushes what waits too long while
// that goroutine is busy with a handler.
type outbox struct {
	conn  net.Conn
	write time.Duration // for the peer to take what is written

	mu    sync.Mutex
	buf   []byte
	err   error // of the first write that failed: nothing is written after it
	timer *time.Timer
	armed bool
	late  sync.WaitGroup // the timer's flush
}

// add takes a frame's message in.
func (o *outbox) add(msg []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf = AppendFrame(o.buf, msg)
	if len(o.buf) < outboxSize {
		return o.err
	}
	return o.writeOut()
}

// soon sees to it that what waits is written even if flush is not called shortly.
func (o *outbox) soon() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.buf) == 0 || o.armed {
		return
	}
	o.armed = true
	o.late.Add(1)
	if o.timer == nil {
		o.timer = time.AfterFunc(together, o.fire)
	} else {
		o.timer.Reset(together)
	}
}

func (o *outbox) fire() {
	defer o.late.Done()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.armed = false
	_ = o.writeOut() // the next add or flush tells
}

// flush writes what waits, in one write.
func (o *outbox) flush() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.armed && o.timer.Stop() {
		o.armed = false
		o.late.Done()
	}
	return o.writeOut()
}

func (o *outbox) writeOut() error {
	if o.err != nil || len(o.buf) == 0 {
		return o.err
	}
	if o.err = o.conn.SetWriteDeadline(time.Now().Add(o.write)); o.err == nil {
		_, o.err = o.conn.Write(o.buf)
	}
	o.buf = o.buf[:0]
	if cap(o.buf) > outboxKept {
		o.buf = nil
	}
	return o.err
}

// end flushes for the last time and waits for the timer's flush.
func (o *outbox) end() error {
	err := o.flush()
	o.late.Wait()
	return err
}
