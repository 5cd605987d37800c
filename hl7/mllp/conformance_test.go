package mllp

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"cardferry/hl7"
)

// step is one thing a sender does in a conformance case.
type step func(s *sender)

func send(b ...string) step { return func(s *sender) { s.write(strings.Join(b, "")) } }

// sendApart gives every byte a packet of its own, as far as the kernel lets it.
func sendApart(b string) step {
	return func(s *sender) {
		for i := range b {
			s.write(b[i : i+1])
		}
	}
}

// sendOn writes without waiting for room: more than the buffers between the two
// ends hold.
func sendOn(b string) step {
	return func(s *sender) { go func() { _, _ = s.conn.Write([]byte(b)) }() }
}

func ack(code, id string) step { return func(s *sender) { s.t.Helper(); s.wantAck(code, id) } }

func acks(code string, n int) step {
	return func(s *sender) {
		for i := range n {
			s.wantAck(code, fmt.Sprint(i))
		}
	}
}

// finish closes the sending half, as a sender does that has no more.
func finish(s *sender) { _ = s.conn.(*net.TCPConn).CloseWrite() }

// reset closes with RST.
func reset(s *sender) { _ = s.conn.(*net.TCPConn).SetLinger(0); _ = s.conn.Close() }

// frame is a canonical frame of a small message.
func frame(id string) string { return string(AppendFrame(nil, []byte(adt(id)))) }

func frames(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(frame(fmt.Sprint(i)))
	}
	return b.String()
}

// with is adt with a text put into its patient's name.
func with(id, text string) string { return strings.Replace(adt(id), "DOE^JOHN", text, 1) }

// unended is adt without the CR of its last segment.
func unended(id string) string { return strings.TrimSuffix(adt(id), "\r") }

const conformanceLimit = 100_000

// TestConformance is what a listener has to do with frames as they come in life,
// each case over a socket of its own. The sender leaves at the end unless the
// listener does so before.
func TestConformance(t *testing.T) {
	big := "\x0b" + adt("big") + strings.Repeat("x", 4*conformanceLimit)
	tests := []struct {
		name      string
		steps     []step
		cause     Cause // PeerClosed where none is given
		faults    Faults
		fragments []string
		silent    uint64
	}{
		{name: "canonical frame", steps: []step{send(frame("1")), ack("AA", "1")}},

		{name: "FS without CR is answered while the sender waits", steps: []step{send("\x0b", adt("1"), "\x1c"), ack("AA", "1")}, faults: Faults{NoCR: 1}},
		{name: "FS without CR behind an unended segment", steps: []step{send("\x0b", unended("1"), "\x1c"), ack("AA", "1")}, faults: Faults{NoCR: 1}},
		{name: "FS without CR at the end of the stream", steps: []step{send("\x0b", unended("1"), "\x1c"), finish, ack("AA", "1")}, faults: Faults{NoCR: 1}},
		{name: "FS without CR, then VT", steps: []step{send("\x0b", adt("1"), "\x1c", frame("2")), ack("AA", "1"), ack("AA", "2")}, faults: Faults{NoCR: 1}},
		{name: "a late CR is not garbage", steps: []step{send("\x0b", adt("1"), "\x1c"), ack("AA", "1"), send("\r"), send(frame("2")), ack("AA", "2")}},
		{name: "a late CR LF is not garbage", steps: []step{send("\x0b", unended("1"), "\x1c"), ack("AA", "1"), send("\r\n", frame("2")), ack("AA", "2")}, faults: Faults{FillerBytes: 1}},
		{name: "FS LF", steps: []step{send("\x0b", adt("1"), "\x1c\n", frame("2"), "\n"), ack("AA", "1"), ack("AA", "2")}, faults: Faults{NoCR: 1, FillerBytes: 2}},
		{name: "FS FS CR", steps: []step{send("\x0b", adt("1"), "\x1c\x1c\r"), ack("AA", "1")}, faults: Faults{NoCR: 1}},

		{name: "line feeds, blanks and NULs between frames", steps: []step{send("\r\n \x00\t", frame("1"), "\n\x00\x00", frame("2"), "\r\n"), ack("AA", "1"), ack("AA", "2")}, faults: Faults{FillerBytes: 10}},
		{name: "garbage before VT", steps: []step{send("xyz", frame("1"), "ok", frame("2")), ack("AA", "1"), ack("AA", "2")}, faults: Faults{GarbageBytes: 5}},
		{name: "garbage without end", steps: []step{sendOn(strings.Repeat("noise", 2000))}, cause: Garbage, faults: Faults{GarbageBytes: maxGarbage + 1}},

		{name: "two frames in one segment", steps: []step{send(frames(2)), acks("AA", 2)}},
		{name: "ten frames in one segment", steps: []step{send(frames(10)), acks("AA", 10)}},
		{name: "a thousand frames at once", steps: []step{sendOn(frames(1000)), acks("AA", 1000)}},
		{name: "a byte a packet", steps: []step{sendApart(frame("1")), ack("AA", "1"), sendApart("\n" + frame("2")), ack("AA", "2")}, faults: Faults{FillerBytes: 1}},
		{name: "one and a half frames", steps: []step{send(frame("1"), frame("2")[:40]), ack("AA", "1"), send(frame("2")[40:]), ack("AA", "2"), send(frame("3")), ack("AA", "3")}},
		{name: "split before the CR", steps: []step{send(strings.TrimSuffix(frame("1"), "\r")), ack("AA", "1"), send("\r", frame("2")), ack("AA", "2")}},
		{name: "as large as may be", steps: []step{sendOn("\x0b" + adt("1") + strings.Repeat("x", conformanceLimit-len(adt("1"))) + "\x1c\r"), ack("AA", "1")}},

		{name: "VT VT", steps: []step{send("\x0b", frame("1")), ack("AA", "1")}, faults: Faults{DoubledStart: 1}},
		{name: "a frame given up for a new one", steps: []step{send("\x0b", adt("1")[:50], frame("2")), ack("AA", "2")}, faults: Faults{Fragments: 1}, fragments: []string{adt("1")[:50]}},
		{name: "VT inside a field", steps: []step{send("\x0b", with("1", "DOE\x0bJOHN"), "\x1c\r"), ack("AA", "1")}, faults: Faults{InnerVT: 1}},
		{name: "FS inside a field", steps: []step{send("\x0b", with("1", "DOE\x1cJOHN"), "\x1c\r"), ack("AA", "1")}, faults: Faults{InnerFS: 1}},
		{name: "FS inside a field, then FS and silence", steps: []step{send("\x0b", with("1", "DOE\x1cJOHN"), "\x1c"), ack("AA", "1")}, faults: Faults{InnerFS: 1, NoCR: 1}},
		{name: "FS behind a segment and garbage, then a new frame", steps: []step{send("\x0b", adt("1"), "\x1c--", frame("2")), ack("AA", "1"), ack("AA", "2")}, faults: Faults{InnerFS: 1, NoCR: 1, GarbageBytes: 2}},
		{name: "FS inside a field of a frame given up", steps: []step{send("\x0b", with("1", "DOE\x1cJO"), frame("2")), ack("AA", "2")}, faults: Faults{InnerFS: 1, Fragments: 1}, fragments: []string{with("1", "DOE\x1cJO")}},

		{name: "an HTTP request", steps: []step{send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")}, cause: HTTPRequest, faults: Faults{GarbageBytes: 4, FillerBytes: 1}},
		{name: "a TLS hello", steps: []step{send("\x16\x03\x01\x00\xa5\x01\x00")}, cause: TLSOnPlainPort, faults: Faults{GarbageBytes: 2}},
		{name: "unframed HL7", steps: []step{send(adt("1"))}, cause: Unframed, faults: Faults{GarbageBytes: 3}},
		{name: "unframed HL7 behind a frame", steps: []step{send(frame("1"), adt("2")), ack("AA", "1")}, cause: Unframed, faults: Faults{GarbageBytes: 3}},

		{name: "closed in the middle of a frame", steps: []step{send(frame("1"), "\x0b", adt("2")), ack("AA", "1"), finish}, cause: PeerClosedMidFrame, faults: Faults{Fragments: 1}, fragments: []string{adt("2")}},
		{name: "reset between frames", steps: []step{send(frame("1")), ack("AA", "1"), reset}},
		{name: "connected and left, as probes do", steps: []step{reset}},

		{name: "too large", steps: []step{sendOn(big), ack("AR", "big")}, cause: TooLarge, fragments: []string{big[1 : 1+maxFragment]}},
		{name: "too large, in enhanced mode", steps: []step{sendOn(strings.Replace(big, "|2.5.1\r", "|2.5.1|||AL|NE\r", 1)), ack("CR", "big")}, cause: TooLarge,
			fragments: []string{strings.Replace(big, "|2.5.1\r", "|2.5.1|||AL|NE\r", 1)[1 : 1+maxFragment]}},
		{name: "too large behind a good one", steps: []step{sendOn(frame("1") + big), ack("AA", "1"), ack("AR", "big")}, cause: TooLarge, fragments: []string{big[1 : 1+maxFragment]}},
		{name: "too large, and no message", steps: []step{sendOn("\x0b" + strings.Repeat("x", 2*conformanceLimit))}, cause: TooLarge, fragments: []string{strings.Repeat("x", maxFragment)}},

		{name: "unreadable messages are refused and the connection lives", steps: []step{
			send("\x0bHELLO WORLD\x1c\r"), ack("AR", ""), send("\x0b\x1c\r"), ack("AR", ""), send("\x0bMSH|^^\\&|A\x1c\r"), ack("AR", ""),
			send("\x0bPID|1||7\x1c\r"), ack("AR", ""), send("\x0bMSH|\x1c\r"), ack("AR", ""), send(frame("1")), ack("AA", "1")}},
		{name: "an acknowledgement is not acknowledged", steps: []step{send("\x0b", string(ackFor([]byte(adt("0")), hl7.AA)), "\x1c\r", frame("1")), ack("AA", "1")}, silent: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var mu sync.Mutex
			var fragments []string
			srv := &Server{MaxMessage: conformanceLimit, OnFragment: func(_ Peer, b []byte) {
				mu.Lock()
				defer mu.Unlock()
				fragments = append(fragments, string(b))
			}}
			addr, e := serve(t, srv)
			s := dial(t, addr)
			for _, do := range tt.steps {
				do(s)
			}
			if tt.cause == "" || tt.cause == PeerClosedMidFrame {
				finish(s)
			}
			s.wantEnd()
			_ = s.conn.Close()
			e.want(t, cmp.Or(tt.cause, PeerClosed))
			st := srv.Stats()
			if st.Faults != tt.faults {
				t.Errorf("counted %+v, want %+v", st.Faults, tt.faults)
			}
			if st.Silent != tt.silent {
				t.Errorf("%d silent", st.Silent)
			}
			mu.Lock()
			defer mu.Unlock()
			if !slices.Equal(fragments, tt.fragments) {
				t.Errorf("fragments %.80q, want %.80q", fragments, tt.fragments)
			}
		})
	}
}
