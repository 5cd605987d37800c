package intake

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"cardferry/hl7/mllp"
	"cardferry/sync/queue"
)

func sequenced(o *Options) {
	o.Senders = []Sender{{Name: "his", Application: "HIS", Sequence: true}}
}

func TestSequenceNumbers(t *testing.T) {
	r := newRig(t, sequenced)
	c := r.dial()
	initial := "MSH|^~\\&|HIS|H1^1.2.3^ISO|CF|R|20260304||^|start|P|2.1|"
	steps := []struct {
		name, msg, code, expected string
		stored                    int
	}{
		{"nothing known yet", initial + "0\r", "AA", "-1", 0},
		{"the first number is taken as it is", adt("1", "41"), "AA", "", 1},
		{"the next", adt("2", "42"), "AA", "", 2},
		{"repeated", adt("2", "42"), "AA", "", 2},
		{"an earlier one repeated", adt("1", "41"), "AA", "", 2},
		{"a gap", adt("4", "44"), "AE", "43", 2},
		{"what is expected?", initial + "0\r", "AA", "43", 2},
		{"the missing one", adt("3", "43"), "AA", "", 3},
		{"the one after it", adt("4", "44"), "AA", "", 4},
		{"without a number", adt("none"), "AA", "", 5},
		{"no number", adt("bad", "4x"), "AE", "", 5},
		{"a number that is not allowed", adt("bad", "-2"), "AE", "", 5},
		{"a number too large", adt("bad", "99999999999999999999"), "AE", "", 5},
		{"begin anew", initial + "-1\r", "AA", "-1", 5},
		{"with any number", adt("5", "7"), "AA", "", 6},
		{"and go on from there", adt("6", "9"), "AE", "8", 6},
		{"a number used for two messages", adt("7", "7"), "AA", "", 7},
		{"a question that carries content", adt("8", "0"), "AA", "8", 8},
		{"refused for another reason, the number stays", adt("", "8"), "AE", "", 8},
		{"so it is still expected", adt("9", "8"), "AA", "", 9},
	}
	for _, s := range steps {
		ack := c.ask(s.msg)
		if field(ack, "MSA", 1) != s.code || field(ack, "MSA", 4) != s.expected {
			t.Errorf("%s: want %s, MSA-4 %q, got %q", s.name, s.code, s.expected, ack)
		}
		if n := len(r.stored()); n != s.stored {
			t.Errorf("%s: %d messages stored, want %d", s.name, n, s.stored)
		}
	}
	t.Run("after a restart", func(t *testing.T) {
		r.restart(sequenced)
		if ack := r.dial().ask(adt("11", "11")); field(ack, "MSA", 4) != "9" {
			t.Errorf("%q", ack)
		}
	})
	t.Run("when the message cannot be stored", func(t *testing.T) {
		c := r.dial()
		r.fail(queue.ErrFull)
		wantAck(t, c.ask(adt("10", "9")), "AR", "10")
		r.fail(nil)
		wantAck(t, c.ask(adt("10", "9")), "AA", "10")
	})
	t.Run("other senders' numbers mean nothing", func(t *testing.T) {
		wantAck(t, r.dial().ask("MSH|^~\\&|LIS|L|||20260304||ORU^R01|1|P|2.5|999\rPID|1\r"), "AA", "1")
	})
}

// The number is on disk when the acknowledgement leaves, behind the message.
func TestSequenceNumberIsDurableBeforeTheAnswer(t *testing.T) {
	var before, after []byte
	file := ""
	r := newRig(t, func(o *Options) {
		sequenced(o)
		enqueue := o.Enqueue
		file = filepath.Join(o.StateDir, "sequence-his")
		o.Enqueue = func(ctx context.Context, it queue.Item) (queue.Receipt, error) {
			receipt, err := enqueue(ctx, it)
			before, _ = os.ReadFile(file)
			return receipt, err
		}
	})
	for n, want := range []string{"41", "42", "43"} {
		reply := r.intake.Handle(t.Context(), []byte(adt(want, want)), mllp.Peer{})
		wantAck(t, string(reply.ACK), "AA", want)
		var err error
		if after, err = os.ReadFile(file); err != nil || bytes.Equal(before, after) {
			t.Fatal(n, err, "nothing was written between the message and its acknowledgement")
		}
		crashed := filepath.Join(t.TempDir(), "copy") // as a machine that stopped now would find it
		if err := os.WriteFile(crashed, after, 0o600); err != nil {
			t.Fatal(err)
		}
		q, err := openSequence(crashed)
		if err != nil {
			t.Fatal(err)
		}
		if q.last != int64(41+n) {
			t.Errorf("%d, want %s", q.last, want)
		}
		if err := q.close(); err != nil {
			t.Error(err)
		}
	}
}

func TestTornSequenceNumberIsTheOneBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "q")
	q, err := openSequence(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range int64(4) {
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := q.save(n + 10); err != nil {
			t.Fatal(err)
		}
		after, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for cut := range len(after) { // the write stopped at any byte
			torn := append([]byte(nil), after[:cut]...)
			if cut < len(before) {
				torn = append(torn, before[cut:]...)
			}
			copied := filepath.Join(t.TempDir(), "c")
			if err := os.WriteFile(copied, torn, 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := openSequence(copied)
			if err != nil {
				t.Fatal(err)
			}
			if c.last != n+10 && c.last != n+9 && (n > 0 || c.last != unknown) {
				t.Fatalf("after %d, cut at %d: %d", n+10, cut, c.last)
			}
			if err := c.close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := q.close(); err != nil {
		t.Error(err)
	}
}
