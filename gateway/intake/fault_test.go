package intake

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cardferry/sync/queue"
)

// lines collects a log.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.buf.String(), text)
}

func (l *lines) logger(o *Options) { o.Logger = slog.New(slog.NewTextHandler(l, nil)) }

func TestSequenceNumberThatCannotBeStored(t *testing.T) {
	r := newRig(t, sequenced)
	c := r.dial()
	wantAck(t, c.ask(adt("1", "1")), "AA", "1")
	q := r.intake.senders[0].sequence
	q.mu.Lock()
	file := q.file
	broken, err := os.Open(file.Name()) // for reading only
	if err != nil {
		t.Fatal(err)
	}
	q.file = broken
	q.mu.Unlock()
	wantAck(t, c.ask(adt("2", "2")), "AR", "2")
	wantAck(t, c.ask(adt("3", "3")), "AE", "3") // 2 is still expected
	q.mu.Lock()
	q.file = file
	q.mu.Unlock()
	if err := broken.Close(); err != nil {
		t.Error(err)
	}
	wantAck(t, c.ask(adt("2", "2")), "AA", "2")
	wantAck(t, c.ask(adt("3", "3")), "AA", "3")
	r.wantStored(adt("1", "1"), adt("2", "2"), adt("3", "3"))
}

func TestPartThatCannotBeStored(t *testing.T) {
	r, keep := newPartRig(t)
	c := r.dial()
	dir := filepath.Join(r.dir, "intake", "parts")
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	wantAck(t, c.ask(part1), "AR", "1")
	wantAck(t, c.ask(part1), "AR", "1")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	wantAck(t, c.ask(part1), "AA", "1")
	r.restart(keep)
	c = r.dial()
	wantAck(t, c.ask(part2), "AA", "2")
	wantAck(t, c.ask(part3), "AA", "3")
	r.wantStored(whole)
}

func TestUnfinishedMessagesAreBounded(t *testing.T) {
	r, keep := newPartRig(t)
	r.restart(func(o *Options) { keep(o); o.MaxMessage = 600 }) // 1,200 bytes of parts
	c := r.dial()
	long := strings.Repeat("x", 300)
	wantAck(t, c.ask(part("1", "", "a", "NTE|1||"+long+"\r")), "AA", "1")
	wantAck(t, c.ask(part("2", "", "b", "NTE|1||"+long+"\r")), "AR", "2")
	t.Run("and so is the whole", func(t *testing.T) {
		last := part("3", "a", "", "NTE|2||"+long+"\r")
		wantAck(t, c.ask(last), "AA", "3")
		r.wantStored(part("1", "", "a", "NTE|1||"+long+"\r"), last) // more than a message may have: one by one
		r.wantEvents("hl7", map[Event]uint64{StoreFailed: 1, Stored: 2, PartKept: 1, PartAlone: 2})
	})
	t.Run("a pointer that another message uses", func(t *testing.T) {
		wantAck(t, c.ask(part("4", "", "p", "NTE|1\r")), "AA", "4")
		wantAck(t, c.ask(part("5", "", "p", "NTE|1\r")), "AA", "5")
		if stored := r.stored(); stored[len(stored)-1] != part("5", "", "p", "NTE|1\r") {
			t.Errorf("%q", stored)
		}
	})
}

func TestControlIDsThatCannotBeWritten(t *testing.T) {
	var log lines
	dir := t.TempDir()
	c, err := openControlIDs(dir, time.Hour, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.file.Close(); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for k := range uint64(3) {
		c.put(k, k, now)
	}
	if c.begin(1, 9, now, false) != anotherOne {
		t.Error("forgotten while the process lives")
	}
	if err := c.close(); err == nil {
		t.Error("the file was closed")
	}
	if n := log.count("not remembered"); n != 1 {
		t.Errorf("said %d times", n)
	}
}

// A disk that fails for an hour is not a log of an hour.
func TestTroubleIsLoggedOnce(t *testing.T) {
	var log lines
	r := newRig(t, log.logger)
	c := r.dial()
	for _, err := range []error{queue.ErrSuspect, queue.ErrFull} {
		r.fail(err)
		for range 10 {
			c.ask(adt("1"))
		}
	}
	r.fail(nil)
	c.ask(adt("1"))
	for range 10 {
		c.ask("not HL7")
	}
	for text, want := range map[string]int{"messages are not stored": 1, "queue is full": 1, "space again": 1, "cannot be read": 1, "JOHN": 0, "not HL7": 0} {
		if n := log.count(text); n != want {
			t.Errorf("%q %d times, want %d", text, n, want)
		}
	}
}

// Nothing is accepted while its files cannot be opened.
func TestStateThatCannotBeOpened(t *testing.T) {
	for _, name := range []string{"control-ids", "control-ids.old", "sequence-his", "parts"} {
		r, keep := newPartRig(t)
		r.stop()
		path := filepath.Join(r.dir, "intake", name)
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		if name == "parts" {
			if err := os.WriteFile(path, nil, 0o600); err != nil { // a file where a folder belongs
				t.Fatal(err)
			}
		} else if err := os.MkdirAll(path, 0o700); err != nil { // and the other way round
			t.Fatal(err)
		}
		o := Options{Enqueue: r.enqueue, ItemID: hexID, Lane: hexID, StateDir: r.dir + "/intake"}
		sequenced(&o)
		keep(&o)
		if i, err := New(o); err == nil {
			t.Errorf("%s: opened", name)
			_ = i.Close()
		}
	}
}
