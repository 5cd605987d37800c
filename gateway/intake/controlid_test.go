package intake

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cardferry/hl7"
)

func hl7Info(r *rig) hl7.AckInfo { return hl7.AckInfo{Now: r.clock()} }

func other(id string) string { return strings.Replace(adt(id), "JOHN", "JANE", 1) }

func TestControlIDOfAnotherMessage(t *testing.T) {
	r := newRig(t, nil)
	c := r.dial()
	wantAck(t, c.ask(adt("1")), "AA", "1")
	ack := c.ask(other("1"))
	wantAck(t, ack, "AE", "1")
	if got := field(ack, "ERR", 3); !strings.HasPrefix(got, "205^") {
		t.Errorf("ERR-3 is %q", got)
	}
	wantAck(t, c.ask(adt("1")), "AA", "1") // the first one stays what it was
	wantAck(t, c.ask(strings.Replace(other("1"), "HIS", "LIS", 1)), "AA", "1")
	t.Run("after a restart", func(t *testing.T) {
		r.restart(nil)
		wantAck(t, r.dial().ask(other("1")), "AE", "1")
	})
	t.Run("half a day later", func(t *testing.T) {
		r.later(12 * time.Hour)
		wantAck(t, r.dial().ask(other("1")), "AA", "1")
	})
	if n := len(r.stored()); n != 3 {
		t.Errorf("%d messages stored", n)
	}
}

func TestControlIDOfAnotherMessageKept(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Default.ReusedID = Keep })
	c := r.dial()
	wantAck(t, c.ask(adt("1")), "AA", "1")
	wantAck(t, c.ask(other("1")), "AA", "1")
	r.wantStored(adt("1"), other("1"))
	r.wantEvents("hl7", map[Event]uint64{Stored: 2, ReusedControlID: 1})
}

// openIDs opens the memory in dir until the test ends.
func openIDs(t *testing.T, dir string) *controlIDs {
	t.Helper()
	c, err := openControlIDs(dir, time.Hour, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func (c *controlIDs) put(key, content uint64, now time.Time) {
	if c.begin(key, content, now, false) != anotherOne {
		c.end(key, content, now, true)
	}
}

func TestControlIDMemory(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	reused := func(c *controlIDs, key, content uint64) bool {
		r := c.begin(key, content, now, false) == anotherOne
		if !r {
			c.end(key, content, now, false)
		}
		return r
	}
	t.Run("two at once", func(t *testing.T) {
		c := openIDs(t, t.TempDir())
		if c.begin(1, 10, now, false) != newOne || c.begin(1, 11, now, false) != anotherOne || c.begin(1, 10, now, false) != newOne {
			t.Error("the second of two different messages under way must be refused")
		}
		c.end(1, 10, now, false)
		c.end(1, 10, now, false)
		if c.begin(1, 11, now, false) != newOne {
			t.Error("what was not stored is not remembered")
		}
		c.end(1, 11, now, true)
		if c.begin(1, 11, now, false) != sameOne {
			t.Error("what was stored is known")
		}
	})
	t.Run("bounded", func(t *testing.T) {
		dir := t.TempDir()
		c := openIDs(t, dir)
		for k := range uint64(2*maxControlIDs + maxControlIDs/2) {
			c.put(k, k+1, now)
		}
		if reused(c, 1, 1) {
			t.Error("the oldest are forgotten")
		}
		if last := uint64(2*maxControlIDs + maxControlIDs/2 - 1); !reused(c, last, 1) || !reused(c, last-maxControlIDs, 1) {
			t.Error("the last 100,000 are known")
		}
		if err := c.close(); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{idFileName, idFileName + olderIDsSuffix} {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil || info.Size() > 2*maxControlIDs*idRecordBytes {
				t.Error(name, info.Size(), err)
			}
		}
		c = openIDs(t, dir)
		if last := uint64(2*maxControlIDs + maxControlIDs/2 - 1); !reused(c, last, 1) {
			t.Error("not read back")
		}
	})
	t.Run("damage makes an id unknown, never known", func(t *testing.T) {
		dir := t.TempDir()
		c := openIDs(t, dir)
		for k := range uint64(10) {
			c.put(k, 100+k, now)
		}
		if err := c.close(); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, idFileName)
		good, err := os.ReadFile(path)
		if err != nil || len(good) != 10*idRecordBytes {
			t.Fatal(len(good), err)
		}
		for cut := 0; cut <= len(good); cut += 7 {
			torn := append(append([]byte(nil), good[:cut]...), make([]byte, (len(good)-cut)/2)...)
			if err := os.WriteFile(path, torn, 0o600); err != nil {
				t.Fatal(err)
			}
			c := openIDs(t, dir)
			for k := range uint64(10) {
				if whole := cut >= int(k+1)*idRecordBytes; reused(c, k, 1) != whole {
					t.Fatalf("cut at %d: id %d", cut, k)
				}
			}
			c.put(50, 50, now)
			if err := c.close(); err != nil {
				t.Fatal(err)
			}
			if c = openIDs(t, dir); !reused(c, 50, 1) {
				t.Fatalf("cut at %d: a later record is not read", cut)
			}
			if err := c.close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestNothingOfAMessageIsKeptInTheOpen(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Senders = []Sender{{Name: "his", Application: "HIS", Sequence: true}} })
	c := r.dial()
	for n := range 20 {
		c.ask(adt(fmt.Sprintf("CONTROL%d", n), fmt.Sprint(n+1)))
	}
	r.stop()
	err := filepath.WalkDir(r.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, secret := range []string{"CONTROL1", "DOE", "JOHN", "PCONTROL"} {
			if strings.Contains(string(b), secret) {
				t.Errorf("%s holds %s", d.Name(), secret)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
