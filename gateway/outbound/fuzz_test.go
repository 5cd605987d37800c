package outbound

import (
	"bytes"
	"regexp"
	"testing"

	"cardferry/hl7"
	"cardferry/hl7/mllp"
)

// told is all that may be kept of an acknowledgement: positions, numbers of up to
// three digits, and names of table 0357.
var told = regexp.MustCompile(`^(([A-Z0-9]{3}(\([0-9]{1,3}\))?(-[0-9]{1,3})?)?( ?[0-9]{1,3} [A-Za-z ]+)?(; )?)*$`)

// FuzzComplaints: whatever a destination answers, only codes and positions are
// kept of it.
func FuzzComplaints(f *testing.F) {
	f.Add([]byte(ack("AE", "M1", "|"+canary) + "ERR||PID^2^5^1|101^Required field missing^HL70357|E||||" + canary + "\r"))
	f.Add([]byte(ack("AE", "M1", "") + "ERR|PID^1^3^103&x\rERR|\rERR||OBX^99999^1|x\rERR|||207\r"))
	f.Add([]byte("MSH|^~\\&|\rERR||" + canary + "^1|999\r"))
	f.Add([]byte("MSH*^\rERR**PID^-1^+5*+12\r"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if s := complaints(raw); s != "" && s != noReason && !told.MatchString(s) {
			t.Errorf("kept %q", s)
		}
	})
}

// FuzzWire: what Send takes reaches the destination's framer as one message with
// the same control id, and asks either for an answer or for none.
func FuzzWire(f *testing.F) {
	f.Add([]byte(oru("M1")), "", false)
	f.Add([]byte(message("M^1", "AL", "AL")), "GB18030", true)
	f.Add([]byte(message("M1", "", "AL")), "UTF-8", false)
	f.Add([]byte(message("M1", "SU", "")), "", false)
	f.Add([]byte(ack("AA", "M1", "")), "", true)
	f.Add([]byte("MSH|^~\\&||||||||\x1c|P|2.5\r"), "", false)
	f.Add([]byte("\xfe\xff\x00M\x00S\x00H\x00|\x00^\x00|\x00|\x00|\x00|\x00|\x00|\x00|\x00|\x001\x00\r"), "", false)
	f.Fuzz(func(t *testing.T, raw []byte, charset string, other bool) {
		d := Destination{Name: "his", Addr: "x", Charset: charset}
		if other {
			d.Delimiters = hl7.Delimiters{Field: '$', Component: '%', Repetition: '~', Escape: '\\', Subcomponent: '&'}
		}
		m, err := hl7.Parse(bytes.Clone(raw), hl7.Options{})
		if err != nil || d.check() != nil {
			return
		}
		body, err := d.wire(m)
		if err != nil {
			return
		}
		var got [][]byte
		framer := mllp.Framer{Max: 2*len(body) + 100}
		if err := framer.Feed(mllp.AppendFrame(nil, body), func(b []byte) error { got = append(got, b); return nil }); err != nil {
			t.Fatal(err)
		}
		if len(got) != 1 || !bytes.Equal(got[0], body) {
			t.Fatalf("%d messages came out of one frame", len(got))
		}
		sent, err := hl7.Parse(body, hl7.Options{})
		if err != nil {
			t.Fatalf("what is sent does not parse: %v", err)
		}
		if len(sent.ControlID()) == 0 {
			t.Error("what is sent has no control id")
		}
		switch mode := sent.AckMode(); {
		case mode.Accept == hl7.OnError, mode.Accept == hl7.OnSuccess:
			t.Error("it asks for an answer only sometimes")
		case sent.IsAck() && mode.Accept == hl7.Unspecified:
			t.Error("an acknowledgement waits for one")
		}
	})
}
