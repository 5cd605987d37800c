package intake

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cardferry/sync/queue"
)

// part is one part of a continued result: from is MSH-14, to DSC-1.
func part(id, from, to, body string) string {
	msg := "MSH|^~\\&|LIS|L|||20260304||ORU^R01|" + id + "|P|2.5||" + from + "\r" + body
	if to != "" {
		msg += "DSC|" + to + "|F\r"
	}
	return msg
}

var (
	part1 = part("1", "", "ptr-1", "PID|1||7^^^H\rOBX|1|TX|||secretone\rOBX|2|TX|||sec\r")
	part2 = part("2", "ptr-1", "ptr-2", "ADD|rettwo\rOBX|3|TX|||three\r")
	part3 = part("3", "ptr-2", "", "OBX|4|TX|||four\r")
	whole = "MSH|^~\\&|LIS|L|||20260304||ORU^R01|1|P|2.5||\rPID|1||7^^^H\rOBX|1|TX|||secretone\rOBX|2|TX|||secrettwo\rOBX|3|TX|||three\rOBX|4|TX|||four\r"
)

// newPartRig is a rig that keeps parts, and what it must be restarted with.
func newPartRig(t *testing.T) (*rig, func(*Options)) {
	t.Helper()
	r := newRig(t, nil)
	seal, _, err := r.keys.Sealing("intake")
	if err != nil {
		t.Fatal(err)
	}
	keep := func(o *Options) { o.Seal = seal }
	r.restart(keep)
	return r, keep
}

func TestContinuedMessage(t *testing.T) {
	r, change := newPartRig(t)
	c := r.dial()
	wantAck(t, c.ask(part1), "AA", "1")
	wantAck(t, c.ask(part1), "AA", "1") // its acknowledgement was lost
	r.wantStored()
	r.restart(change) // accepted parts outlive the process
	c = r.dial()
	wantAck(t, c.ask(part1), "AA", "1")
	wantAck(t, c.ask(part2), "AA", "2")
	r.restart(change)
	c = r.dial()
	r.fail(queue.ErrFull)
	wantAck(t, c.ask(part3), "AR", "3")
	r.fail(nil)
	wantAck(t, c.ask(part3), "AA", "3")
	r.wantStored(whole)
	wantAck(t, c.ask(part3), "AA", "3")
	wantAck(t, c.ask(part2), "AA", "2")
	r.wantStored(whole)
	r.wantEvents("hl7", map[Event]uint64{QueueFull: 1, Stored: 1, Joined: 1, Repeated: 2})
	if files := r.parts(); len(files) != 0 {
		t.Errorf("left behind: %v", files)
	}
}

// parts are the files of unfinished messages.
func (r *rig) parts() []string {
	r.t.Helper()
	files, err := filepath.Glob(r.dir + "/intake/parts/*")
	if err != nil {
		r.t.Fatal(err)
	}
	return files
}

func TestPartsAreSealed(t *testing.T) {
	r, _ := newPartRig(t)
	r.dial().ask(part1)
	files := r.parts()
	if s := r.intake.Stats(); len(files) != 1 || s.Unfinished != 1 || s.UnfinishedBytes < len(part1) {
		t.Fatal(files, s.Unfinished, s.UnfinishedBytes)
	}
	if b, err := os.ReadFile(files[0]); err != nil || bytes.Contains(b, []byte("secret")) || bytes.Contains(b, []byte("LIS")) {
		t.Errorf("%v %q", err, b)
	}
}

func TestContinuedMessageThatIsNeverFinished(t *testing.T) {
	r, change := newPartRig(t)
	c := r.dial()
	c.ask(part1)
	c.ask(part2)
	r.later(time.Hour + time.Second)
	r.restart(change) // the time counts on
	r.fail(queue.ErrFull)
	r.intake.giveUp(t.Context())
	r.wantStored()
	r.fail(nil)
	r.intake.giveUp(t.Context())
	r.wantStored(part1, part2)
	if files := r.parts(); len(files) != 0 {
		t.Errorf("left behind: %v", files)
	}
	t.Run("and the last part comes after all", func(t *testing.T) {
		wantAck(t, r.dial().ask(part3), "AA", "3")
		r.wantStored(part1, part2, part3)
		r.wantEvents("hl7", map[Event]uint64{QueueFull: 1, Stored: 3, PartAlone: 3})
	})
}

func TestPartsOfSeveralMessages(t *testing.T) {
	r, _ := newPartRig(t)
	c, d := r.dial(), r.dial()
	lis := func(s string) string { return strings.Replace(s, "|LIS|", "|RIS|", 1) }
	c.ask(part1)
	ack := d.ask(lis(strings.ReplaceAll(part1, "ptr-1", "other")))
	wantAck(t, ack, "AA", "1")
	c.ask(part2)
	wantAck(t, d.ask(lis(strings.ReplaceAll(part3, "ptr-2", "other"))), "AA", "3")
	c.ask(part3)
	if stored := r.stored(); len(stored) != 2 || stored[1] != whole || strings.Contains(stored[0], "three") {
		t.Errorf("%q", stored)
	}
}

func TestDamagedPartIsSetAside(t *testing.T) {
	r, change := newPartRig(t)
	c := r.dial()
	c.ask(part1)
	c.ask(part2)
	files := r.parts()
	r.stop()
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(files[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	r.start(change)
	r.intake.giveUp(t.Context()) // the second part has no first any more
	r.wantStored(part2)
	if files := r.parts(); len(files) != 1 || !strings.HasSuffix(files[0], badSuffix) {
		t.Errorf("%v", files)
	}
}

func TestPartsWithoutASealAreMessagesOfTheirOwn(t *testing.T) {
	r := newRig(t, nil)
	c := r.dial()
	for id, p := range map[string]string{"1": part1, "2": part2, "3": part3} {
		wantAck(t, c.ask(p), "AA", id)
	}
	if n := len(r.stored()); n != 3 {
		t.Errorf("%d stored", n)
	}
	r.wantEvents("hl7", map[Event]uint64{Stored: 3, PartAlone: 3})
}
