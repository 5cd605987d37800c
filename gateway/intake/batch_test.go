package intake

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"cardferry/hl7"
	"cardferry/hl7/mllp"
	"cardferry/sync/queue"
)

func TestBatch(t *testing.T) {
	r := newRig(t, func(o *Options) { o.MaxBatch = 5 })
	c := r.dial()
	bhs := "BHS|^~\\&|HIS|H1|CF|R|20260304||||B77\r"
	t.Run("each message is stored and acknowledged", func(t *testing.T) {
		ack := c.ask(bhs + adt("1") + adt("2") + adt("3") + "BTS|3\r")
		if !strings.HasPrefix(ack, `BHS|^~\&|CF|R|HIS|H1|20260304050607+0000||||`) || field(ack, "BHS", 12) != "B77" || field(ack, "BHS", 11) == "" {
			t.Errorf("header %q", ack)
		}
		if !strings.HasSuffix(ack, "\rBTS|3\r") || codes(ack) != "AA1 AA2 AA3" {
			t.Errorf("%q", ack)
		}
		r.wantAmong(3, adt("1"), adt("2"), adt("3"))
	})
	t.Run("again", func(t *testing.T) {
		if ack := c.ask("FHS|^~\\&|HIS\r" + bhs + adt("2") + adt("3") + "BTS|2\rFTS|1\r"); codes(ack) != "AA2 AA3" {
			t.Errorf("%q", ack)
		}
		r.wantAmong(3, adt("1"), adt("2"), adt("3"))
	})
	t.Run("some of it will not do", func(t *testing.T) {
		ack := c.ask(bhs + adt("4") + adt("") + other("1") + adt("5") + "BTS|4\r")
		if codes(ack) != "AA4 AE AE1 AA5" || !strings.HasSuffix(ack, "\rBTS|4\r") {
			t.Errorf("%q", ack)
		}
	})
	t.Run("every message by its own conditions", func(t *testing.T) {
		c.send(bhs + enhanced("6", "AL", "AL") + enhanced("7", "NE", "NE") + adt("8") + "BTS|3\r")
		if ack := c.receive(); codes(ack) != "CA6 AA8" || !strings.HasSuffix(ack, "\rBTS|2\r") {
			t.Errorf("%q", ack)
		}
		wantAck(t, c.receive(), "AA", "6")
		c.send(bhs + enhanced("9", "NE", "NE") + "BTS|1\r")
		c.silent()
	})
	t.Run("messages without a batch header", func(t *testing.T) {
		ack := c.ask(adt("10") + adt("11"))
		if codes(ack) != "AA10 AA11" || !strings.HasPrefix(ack, `BHS|^~\&|`) {
			t.Errorf("%q", ack)
		}
		r.wantAmong(len(r.stored()), adt("10"), adt("11"))
	})
	t.Run("other delimiters", func(t *testing.T) {
		ack := c.ask("BHS$%~\\&$HIS$H1$$$20260304$$$$B$8\r" + adt("12") + "BTS$1\r")
		if !strings.HasPrefix(ack, `BHS$%~\&$$$HIS$H1$20260304050607+0000$`) || !strings.HasSuffix(ack, "\rBTS$1\r") {
			t.Errorf("%q", ack)
		}
	})
	t.Run("block characters inside", func(t *testing.T) {
		n := len(r.stored())
		ack := string(r.intake.Handle(t.Context(), []byte("BHS|^~\\&|HIS\r"+adt("fs")+"OBX|1|TX|||left\x1cright\r"+adt("behind")), mllp.Peer{}).ACK)
		if strings.ContainsAny(ack, "\x0b\x1c") || codes(ack) != "AE" || len(r.stored()) != n {
			t.Errorf("%q", ack)
		}
	})
	t.Run("empty", func(t *testing.T) {
		if ack := c.ask(bhs + "BTS|0\r"); codes(ack) != "" || !strings.HasSuffix(ack, "\rBTS|0\r") {
			t.Errorf("%q", ack)
		}
	})
	t.Run("counts that do not hold", func(t *testing.T) {
		before := r.events("hl7")[BatchCount]
		if ack := c.ask("FHS|^~\\&\r" + bhs + adt("13") + "BTS|9\rFTS|7\r"); codes(ack) != "AA13" {
			t.Errorf("%q", ack)
		}
		if n := r.events("hl7")[BatchCount] - before; n != 2 {
			t.Errorf("%d mismatches counted", n)
		}
	})
	t.Run("too many", func(t *testing.T) {
		n := len(r.stored())
		var b strings.Builder
		for k := range 6 {
			b.WriteString(adt(fmt.Sprintf("many%d", k)))
		}
		if ack := c.ask(bhs + b.String() + "BTS|6\r"); codes(ack) != "ARmany0" {
			t.Errorf("%q", ack)
		}
		if len(r.stored()) != n {
			t.Error("some of it is stored")
		}
	})
	t.Run("store fails in the middle", func(t *testing.T) {
		r.fail(queue.ErrFull)
		if ack := c.ask(bhs + adt("14") + adt("15") + "BTS|2\r"); codes(ack) != "AR14 AR15" {
			t.Errorf("%q", ack)
		}
		r.fail(nil)
	})
	t.Run("a header with nothing readable behind it", func(t *testing.T) {
		if ack := c.ask("BHS|\rMSH\rBTS\r"); codes(ack) != "AR" {
			t.Errorf("%q", ack)
		}
	})
	t.Run("another MSH inside a value is data", func(t *testing.T) {
		msg := adt("16") + "OBX|1|TX|||line one\nMSH|is not a header\r"
		ack := c.ask(msg)
		wantAck(t, ack, "AA", "16")
		if strings.HasPrefix(ack, "BHS") {
			t.Errorf("%q", ack)
		}
		if stored := r.stored(); stored[len(stored)-1] != msg {
			t.Errorf("%q", stored[len(stored)-1])
		}
	})
}

// wantAmong says that n messages are stored, and these among them.
func (r *rig) wantAmong(n int, want ...string) {
	r.t.Helper()
	got := r.stored()
	if len(got) != n {
		r.t.Errorf("%d messages stored, want %d", len(got), n)
	}
	for _, w := range want {
		if !slices.Contains(got, w) {
			r.t.Errorf("%q is not stored", w)
		}
	}
}

func TestBatchKeepsTheOrderOfAPatient(t *testing.T) {
	r := newRig(t, nil)
	var batch strings.Builder
	want := map[string][]string{}
	for n := range 150 {
		patient := fmt.Sprintf("|P%d^^^H1|", n%7)
		if n%13 == 0 {
			patient = "|P3^^^H1|"
		}
		msg := strings.Replace(adt(fmt.Sprint(n)), fmt.Sprintf("|P%d^^^H1|", n), patient, 1)
		batch.WriteString(msg)
		want[patient] = append(want[patient], msg)
	}
	ack := r.dial().ask("BHS|^~\\&\r" + batch.String() + "BTS|150\r")
	if n := strings.Count(ack, "MSA|AA|"); n != 150 {
		t.Fatalf("%d accepted", n)
	}
	for n, msa := range strings.Split(ack, "MSA|AA|")[1:] {
		if !strings.HasPrefix(msa, fmt.Sprint(n)+"\r") {
			t.Fatalf("acknowledgement %d is another message's", n)
		}
	}
	got := map[string][]string{}
	for _, msg := range r.stored() {
		patient := "|" + field(msg, "PID", 3) + "|"
		got[patient] = append(got[patient], msg)
	}
	for patient := range want {
		if !slices.Equal(got[patient], want[patient]) {
			t.Errorf("%s: another order", patient)
		}
	}
}

func TestBatchIsStoredTogether(t *testing.T) {
	var together sync.WaitGroup
	together.Add(3)
	r := newRig(t, func(o *Options) {
		enqueue := o.Enqueue
		o.Enqueue = func(ctx context.Context, it queue.Item) (queue.Receipt, error) {
			together.Done()
			together.Wait() // for ever, if they came one by one
			return enqueue(ctx, it)
		}
	})
	if ack := r.dial().ask("BHS|^~\\&\r" + adt("1") + adt("2") + adt("3") + "BTS|3\r"); codes(ack) != "AA1 AA2 AA3" {
		t.Errorf("%q", ack)
	}
}

func TestBatchEndsAtAPanic(t *testing.T) {
	r := newRig(t, func(o *Options) {
		o.Validate = func(m *hl7.Message) *hl7.AckInfo {
			if string(m.ControlID()) == "2" {
				panic("a bug")
			}
			return nil
		}
	})
	c := r.dial()
	c.send("BHS|^~\\&\r" + adt("1") + adt("2") + "BTS|2\r")
	c.closed()
	r.wantStored(adt("1"))
}

// codes are MSA-1 and MSA-2 of every acknowledgement in a batch.
func codes(batch string) string {
	var all []string
	for line := range strings.SplitSeq(batch, "\r") {
		if f := strings.Split(line, "|"); f[0] == "MSA" {
			all = append(all, f[1]+f[2])
		}
	}
	return strings.Join(all, " ")
}
