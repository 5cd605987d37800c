package intake

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"cardferry/hl7"
	"cardferry/sync/queue"
)

// controlIDs remembers which bytes a sender's control id (MSH-10) stood for, at
// least for the last 100,000 messages. It holds keyed hashes only.
//
// On disk there are two files of fixed records: one that is written, and the one
// before it. A record is written right after its message was stored, outside the
// way of the acknowledgement and without a sync. A process that is killed loses
// the records of the last moment, a power cut about the last half minute's: their
// control ids count as new then, and the queue still knows the same message by
// its own id. A record that is damaged is left out. What is there was stored.
type controlIDs struct {
	dir    string
	window time.Duration
	log    *slog.Logger

	mu       sync.Mutex
	newer    map[uint64]seen // by hash of sender and control id
	older    map[uint64]seen
	underway map[uint64]uint64 // of messages that are just being stored: hash of their bytes
	out      []byte            // records to write
	closed   bool

	wake chan struct{}
	done chan struct{} // the writer has ended

	file    *os.File // the writer's
	written int      // records in it
	failing bool
}

// seen is a message that bore a control id.
type seen struct {
	content uint64 // hash of its bytes
	at      uint32 // when it was stored, Unix seconds
}

const (
	maxControlIDs  = 100_000 // in each of the two generations
	maxUnwritten   = 1 << 20 // bytes kept for a disk that does not take them
	idRecordBytes  = 8 + 8 + 4 + 4
	idFileName     = "control-ids"
	olderIDsSuffix = ".old"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// openControlIDs reads what is there and starts the writer.
func openControlIDs(dir string, window time.Duration, log *slog.Logger) (*controlIDs, error) {
	c := &controlIDs{
		dir: dir, window: window, log: log,
		newer: map[uint64]seen{}, older: map[uint64]seen{}, underway: map[uint64]uint64{},
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	path := filepath.Join(dir, idFileName)
	if _, err := readIDs(path+olderIDsSuffix, c.older); err != nil {
		return nil, err
	}
	n, err := readIDs(path, c.newer)
	if err != nil {
		return nil, err
	}
	if c.file, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600); err != nil {
		return nil, fmt.Errorf("open the memory of control ids: %w", err)
	}
	c.written = n // half a record behind that, of a power cut, is written over
	go c.write()
	return c, nil
}

// readIDs adds a file's records to m and counts them, damaged ones included.
func readIDs(path string, m map[uint64]seen) (int, error) {
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("read the memory of control ids: %w", err)
	}
	n := len(b) / idRecordBytes
	for r := range n {
		rec := b[r*idRecordBytes:][:idRecordBytes]
		if crc32.Checksum(rec[:20], castagnoli) == binary.BigEndian.Uint32(rec[20:]) {
			m[binary.BigEndian.Uint64(rec)] = seen{binary.BigEndian.Uint64(rec[8:]), binary.BigEndian.Uint32(rec[16:])}
		}
	}
	return n, nil
}

// controlKey hashes sender and control id, and the message's bytes.
func (i *Intake) controlKey(m *hl7.Message, it queue.Item) (key, content uint64) {
	key, _ = hashed(i.o.ItemID("control-id", rawText(m, pathSender), rawText(m, pathFacility), string(m.ControlID()))) // hex, New has checked
	content, _ = hashed(it.ID)
	return key, content
}

// verdict is what is known of a control id.
type verdict uint8

const (
	newOne     verdict = iota
	sameOne            // these bytes were stored under it
	anotherOne         // it stood for other bytes within the window
)

// begin says what is known of a control id. Unless it is another message's, and
// keep is false, end must follow.
func (c *controlIDs) begin(key, content uint64, now time.Time, keep bool) verdict {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.verdict(key, content, now)
	if known != anotherOne || keep {
		c.underway[key] = content
	}
	return known
}

func (c *controlIDs) verdict(key, content uint64, now time.Time) verdict {
	if other, ok := c.underway[key]; ok && other != content {
		return anotherOne
	}
	switch s, ok := c.lookup(key); {
	case !ok:
		return newOne
	case s.content == content:
		return sameOne
	case now.Sub(time.Unix(int64(s.at), 0)) < c.window:
		return anotherOne
	}
	return newOne
}

// end says whether the message was stored.
func (c *controlIDs) end(key, content uint64, now time.Time, stored bool) {
	c.mu.Lock()
	if c.underway[key] == content {
		delete(c.underway, key)
	}
	if stored {
		c.remember(key, seen{content, uint32(now.Unix())})
	}
	c.mu.Unlock()
	if stored {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
}

func (c *controlIDs) lookup(key uint64) (seen, bool) {
	s, ok := c.newer[key]
	if !ok {
		s, ok = c.older[key]
	}
	return s, ok
}

func (c *controlIDs) remember(key uint64, s seen) {
	if old, ok := c.newer[key]; ok && old.content == s.content {
		return // a repeat says nothing new
	}
	if len(c.newer) >= maxControlIDs {
		c.older, c.newer = c.newer, map[uint64]seen{} // grown bit by bit: others wait for the lock
	}
	c.newer[key] = s
	if len(c.out) > maxUnwritten-idRecordBytes {
		return
	}
	at := len(c.out)
	c.out = binary.BigEndian.AppendUint64(c.out, key)
	c.out = binary.BigEndian.AppendUint64(c.out, s.content)
	c.out = binary.BigEndian.AppendUint32(c.out, s.at)
	c.out = binary.BigEndian.AppendUint32(c.out, crc32.Checksum(c.out[at:], castagnoli))
}

// write is the goroutine that puts records into the file until close.
func (c *controlIDs) write() {
	defer close(c.done)
	var spare []byte
	for range c.wake {
		c.mu.Lock()
		records, closed := c.out, c.closed
		c.out = spare[:0]
		c.mu.Unlock()
		c.append(records)
		spare = records
		if closed {
			return
		}
	}
}

// append writes records, into a new file when the present one is full. What
// cannot be written is lost, which is said once.
func (c *controlIDs) append(records []byte) {
	if len(records) == 0 {
		return
	}
	err := c.turn()
	if err == nil {
		_, err = c.file.WriteAt(records, int64(c.written)*idRecordBytes)
	}
	if err == nil {
		c.written += len(records) / idRecordBytes
	}
	if failing := err != nil; failing != c.failing {
		c.failing = failing
		if failing {
			c.log.Error("control ids are not remembered over a restart", "error", err)
		}
	}
}

// turn makes the file the older one when it is full.
func (c *controlIDs) turn() error {
	if c.written < maxControlIDs {
		return nil
	}
	path := filepath.Join(c.dir, idFileName)
	err := c.file.Close()
	if err == nil {
		err = os.Rename(path, path+olderIDsSuffix)
	}
	f, openErr := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if openErr == nil {
		c.file, c.written = f, 0
	}
	return errors.Join(err, openErr)
}

// close writes down what is left, durably.
func (c *controlIDs) close() error {
	c.mu.Lock()
	again := c.closed
	c.closed = true
	c.mu.Unlock()
	if again {
		return nil
	}
	select {
	case c.wake <- struct{}{}:
	default: // it will be awake
	}
	<-c.done
	return errors.Join(c.file.Sync(), c.file.Close())
}
