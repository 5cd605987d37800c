package intake

import (
	"fmt"
	"strings"
	"testing"

	"cardferry/hl7"
	"cardferry/hl7/mllp"
	"cardferry/sync/queue"
)

// The behaviours of acknowledgement that a listener must show, each over a real
// socket, with a real queue behind it.

func TestAnAcceptedMessageIsOnDisk(t *testing.T) {
	r := newRig(t, nil)
	c := r.dial()
	wantAck(t, c.ask(adt("1")), "AA", "1")
	r.wantStored(adt("1"))
	r.restart(nil)
	r.wantStored(adt("1"))
}

func TestWhatCannotBeStoredIsNeverAccepted(t *testing.T) {
	tests := []struct {
		name string
		err  error
		msg  string
		code string
	}{
		{"full", fmt.Errorf("quota: %w", queue.ErrFull), adt("1"), "AR"},
		{"full, enhanced mode", queue.ErrFull, enhanced("1", "AL", "NE"), "CR"},
		{"disk fails", queue.ErrSuspect, adt("1"), "AR"},
		{"closed", queue.ErrClosed, adt("1"), "AR"},
		{"over a limit of the queue", queue.ErrInvalid, adt("1"), "AE"},
		{"over a limit, enhanced mode", queue.ErrInvalid, enhanced("1", "AL", "AL"), "CE"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, nil)
			c := r.dial()
			r.fail(tt.err)
			wantAck(t, c.ask(tt.msg), tt.code, "1")
			r.wantStored()
			r.fail(nil) // the connection goes on, and the same message is not taken for a repeat
			if ack := c.ask(tt.msg); field(ack, "MSA", 1) != "AA" && field(ack, "MSA", 1) != "CA" {
				t.Errorf("afterwards: %q", ack)
			}
			r.wantStored(tt.msg)
		})
	}
}

func TestWithheldAcknowledgement(t *testing.T) {
	withhold := func(o *Options) { o.Default.OnFull = Withhold }
	r := newRig(t, withhold)
	r.fail(queue.ErrFull)
	c := r.dial()
	c.send(adt("1"))
	c.closed()
	c = r.dial()
	c.send("BHS|^~\\&\r" + adt("2") + "BTS|1\r")
	c.closed()
	r.fail(nil)
	wantAck(t, r.dial().ask(adt("1")), "AA", "1")
}

func TestAcknowledgementHeader(t *testing.T) {
	r := newRig(t, nil)
	c := r.dial()
	ack := c.ask(strings.Replace(adt("1", "", "", "", "", "", "UNICODE UTF-8"), "|P|", "|T|", 1))
	for n, want := range map[int]string{2: `^~\&`, 3: "CF", 4: "R", 5: "HIS", 6: "H1^1.2.3^ISO", 7: "20260304050607+0000", 9: "ACK^A01^ACK",
		11: "T", 12: "2.5.1", 18: "UNICODE UTF-8"} {
		if got := field(ack, "MSH", n); got != want {
			t.Errorf("MSH-%d is %q, want %q", n, got, want)
		}
	}
	if first, second := field(ack, "MSH", 10), field(c.ask(adt("2")), "MSH", 10); first == "" || first == second {
		t.Errorf("MSH-10 %q, then %q", first, second)
	}
	if !strings.HasSuffix(ack, "\r") {
		t.Error("the last segment has no terminator")
	}
	old := c.ask(strings.Replace(adt("3"), "2.5.1", "2.3", 1))
	if got := field(old, "MSH", 9); got != "ACK" {
		t.Errorf("MSH-9 for version 2.3 is %q", got)
	}
}

func TestControlIDIsEchoedByteForByte(t *testing.T) {
	r := newRig(t, nil)
	c := r.dial()
	for _, id := range []string{`A\T\B`, "ID^1", "ID\xe9", strings.Repeat("9", 199), "a b"} {
		wantAck(t, c.ask(adt(id)), "AA", id)
	}
}

func TestMessageWithoutControlID(t *testing.T) {
	r := newRig(t, nil)
	ack := r.dial().ask(adt(""))
	wantAck(t, ack, "AE", "")
	if got := field(ack, "ERR", 3); !strings.HasPrefix(got, "101^") {
		t.Errorf("ERR-3 is %q", got)
	}
	if got := field(ack, "ERR", 2); got != "MSH^1^10" {
		t.Errorf("ERR-2 is %q", got)
	}
	r.wantStored()
	r.wantEvents("hl7", map[Event]uint64{NoControlID: 1})
}

func TestControlIDTooLongToRepeat(t *testing.T) {
	r := newRig(t, nil)
	c := r.dial()
	id := strings.Repeat("9", maxControlID)
	wantAck(t, c.ask(adt(id)), "AA", id)
	wantAck(t, c.ask(adt(id+"9")), "AE", "")
	r.wantStored(adt(id))
}

func TestNotHL7InAFrame(t *testing.T) {
	r := newRig(t, nil)
	c := r.dial()
	for _, s := range []string{"HELLO WORLD", "PID|1\r", "MSH", "MSH|ab", "\x00", "<ClinicalDocument/>"} {
		ack := c.ask(s)
		if !strings.HasPrefix(ack, `MSH|^~\&|`) || field(ack, "MSA", 1) != "AR" {
			t.Errorf("%q is answered %q", s, ack)
		}
	}
	r.wantStored()
	wantAck(t, c.ask(adt("1")), "AA", "1")
}

func TestOriginalAndEnhancedMode(t *testing.T) {
	tests := []struct {
		accept, application string
		good, bad           []string // MSA-1 of the answers
	}{
		{"", "", []string{"AA"}, []string{"AE"}},
		{"AL", "", []string{"CA"}, []string{"CE"}},
		{"AL", "NE", []string{"CA"}, []string{"CE"}},
		{"NE", "", nil, nil},
		{"NE", "NE", nil, nil},
		{"ER", "NE", nil, []string{"CE"}},
		{"SU", "NE", []string{"CA"}, nil},
		{"AL", "AL", []string{"CA", "AA"}, []string{"CE"}},
		{"NE", "AL", []string{"AA"}, []string{"AE"}},
		{"", "AL", []string{"AA"}, []string{"AE"}},
		{"SU", "SU", []string{"CA", "AA"}, nil},
		{"ER", "ER", nil, []string{"CE"}},
		{"SU", "ER", []string{"CA"}, []string{"AE"}},
		{"XX", "", []string{"AA"}, []string{"AE"}},
		{"always", "never", []string{"AA"}, []string{"AE"}},
		{"XX", "AL", []string{"AA"}, []string{"AE"}},
	}
	for _, tt := range tests {
		t.Run("15="+tt.accept+" 16="+tt.application, func(t *testing.T) {
			r := newRig(t, nil)
			c := r.dial()
			check := func(id string, want []string) {
				t.Helper()
				c.send(enhanced(id, tt.accept, tt.application))
				seen := map[string]bool{}
				for _, code := range want {
					ack := c.receive()
					wantAck(t, ack, code, id)
					if own := field(ack, "MSH", 10); seen[own] {
						t.Error("two messages with one MSH-10")
					} else {
						seen[own] = true
					}
					if code[0] == 'A' && tt.application == "AL" && field(ack, "MSH", 15)+field(ack, "MSH", 16) != "NENE" {
						t.Errorf("the application acknowledgement asks for one itself: %q", ack)
					}
				}
				c.silent()
			}
			check("1", tt.good)
			check("", tt.bad) // no control id
			r.wantStored(enhanced("1", tt.accept, tt.application), marker)
			if ignored := tt.accept == "XX" || tt.accept == "always"; ignored != (r.events("hl7")[AckConditionIgnored] > 0) {
				t.Errorf("bad conditions counted: %v", r.events("hl7"))
			}
		})
	}
}

func TestApplicationAcknowledgementAfterDelivery(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Default.ReplyTo = "his" })
	c := r.dial()
	c.send(enhanced("1", "AL", "AL"))
	wantAck(t, c.receive(), "CA", "1")
	c.silent()
	claim, err := r.store.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	info := hl7Info(r)
	to, ack, ok := r.intake.Deferred(claim.Item(), 0, info)
	if !ok || to != "his" {
		t.Fatal(to, ok)
	}
	wantAck(t, string(ack), "AA", "1")
	if field(string(ack), "MSH", 15) != "AL" || field(string(ack), "MSH", 16) != "NE" || field(string(ack), "MSH", 5) != "HIS" {
		t.Errorf("%q", ack)
	}
	if _, again, _ := r.intake.Deferred(claim.Item(), 0, info); string(again) != string(ack) {
		t.Error("a second attempt is another message")
	}
	if _, refused, ok := r.intake.Deferred(claim.Item(), 2, info); !ok || field(string(refused), "MSA", 1) != "AR" {
		t.Errorf("%v %q", ok, refused)
	}
	claim.Release()
}

func TestErrorSegment(t *testing.T) {
	r := newRig(t, nil)
	c := r.dial()
	ack := c.ask(adt("1", "", "", "", "", "", "KLINGON"))
	wantAck(t, ack, "AA", "1") // all of it is ASCII: nothing to get wrong
	bad := strings.Replace(adt("2", "", "", "", "", "", "KLINGON"), "DOE", "DO\xcb", 1)
	ack = c.ask(bad)
	wantAck(t, ack, "AE", "2")
	if field(ack, "ERR", 2) != "MSH^1^18" || field(ack, "ERR", 3) != "103^Table value not found^HL70357" || field(ack, "ERR", 4) != "E" {
		t.Errorf("%q", ack)
	}
	if strings.Contains(ack, "DO\xcb") || strings.Contains(ack, "JOHN") {
		t.Error("patient text in an acknowledgement")
	}
	ack = c.ask(strings.Replace(bad, "2.5.1", "2.3", 1))
	if got := field(ack, "ERR", 1); !strings.HasPrefix(got, "MSH^1^18^103&") {
		t.Errorf("ERR-1 before 2.5 is %q", got)
	}
	r.wantStored(adt("1", "", "", "", "", "", "KLINGON"))
}

func TestRepeatIsStoredOnceAndAcknowledgedAgain(t *testing.T) {
	r := newRig(t, nil)
	c := r.dial()
	for range 3 {
		wantAck(t, c.ask(adt("1")), "AA", "1")
	}
	c.send(enhanced("2", "AL", "AL"))
	c.send(enhanced("2", "AL", "AL"))
	for _, code := range []string{"CA", "AA", "CA", "AA"} {
		wantAck(t, c.receive(), code, "2")
	}
	r.restart(nil)
	wantAck(t, r.dial().ask(adt("1")), "AA", "1")
	r.wantStored(adt("1"), enhanced("2", "AL", "AL"))
	r.wantEvents("hl7", map[Event]uint64{Repeated: 1})
}

func TestAcknowledgementIsNeverAcknowledged(t *testing.T) {
	r := newRig(t, nil)
	c := r.dial()
	c.send("MSH|^~\\&|HIS|H|||20260304||ACK^A01|9|P|2.5\rMSA|AA|1\r")
	c.send("MSH|^~\\&|HIS|H|||20260304||ACK|9|P|2.5|||AL|AL\rMSA|AA|1\r")
	c.send("MSH|^~\\&|HIS|H|||20260304||RSP^K22|9|P|2.5\rMSA|AA|1\r")
	c.silent()
	r.wantStored(marker)
	r.wantEvents("hl7", map[Event]uint64{AckReceived: 3, Stored: 1})
}

func TestOrderPerConnection(t *testing.T) {
	r := newRig(t, nil)
	c := r.dial()
	var all []byte
	var want []string
	for n := range 50 {
		all = append(all, "\x0b"+adt(fmt.Sprint(n))+"\x1c\r"...)
		want = append(want, adt(fmt.Sprint(n)))
	}
	if _, err := c.Write(all); err != nil {
		t.Fatal(err)
	}
	for n := range 50 {
		wantAck(t, c.receive(), "AA", fmt.Sprint(n))
	}
	r.wantStored(want...)
}

func TestFragmentIsNeverAccepted(t *testing.T) {
	r := newRig(t, nil)
	c := r.dial()
	if _, err := c.Write([]byte("\x0b" + adt("1")[:80] + "\x0b" + adt("2") + "\x1c\r")); err != nil {
		t.Fatal(err)
	}
	wantAck(t, c.receive(), "AA", "2")
	c.silent()
	r.wantStored(adt("2"), marker)
	r.wantEvents("hl7", map[Event]uint64{Fragment: 1, Stored: 2})
}

func TestUTF16(t *testing.T) {
	r := newRig(t, nil)
	msg := "\xff\xfe"
	for _, c := range []byte(adt("1")) {
		msg += string([]byte{c, 0})
	}
	ack := r.intake.Handle(t.Context(), []byte(msg), mllp.Peer{}).ACK
	if m, err := hl7.Parse(ack, hl7.Options{}); err != nil || m.At(hl7.Path{Segment: "MSA", Field: 1}).Text() != "AA" {
		t.Errorf("%q", ack)
	}
	r.wantStored(msg)
}

func TestStatsNameTypesThatAreKnown(t *testing.T) {
	r := newRig(t, nil)
	c := r.dial()
	c.ask(adt("1"))
	c.ask(marker) // type ZZZ
	c.ask("HELLO")
	c.ask(enhanced("2", "AL", "AL"))
	c.receive()
	want := map[MessageCount]bool{{"ADT", hl7.AA, 1}: true, {"ADT", hl7.CA, 1}: true, {"other", hl7.AA, 1}: true, {"unreadable", hl7.AR, 1}: true}
	got := r.intake.Stats().Messages
	for _, c := range got {
		if !want[c] {
			t.Errorf("%+v", c)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%+v", got)
	}
	seen := map[string]bool{"": true, "unknown": true}
	for e := Event(1); e < numEvents; e++ {
		if seen[e.String()] {
			t.Errorf("event %d has no name of its own", e)
		}
		seen[e.String()] = true
	}
}
