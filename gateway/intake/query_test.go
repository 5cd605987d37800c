package intake

import (
	"context"
	"strings"
	"testing"

	"cardferry/hl7"
)

func qbp(event, id, head string) string {
	return "MSH|^~\\&|HIS|H1|CF|R|20260304||QBP^" + event + "^QBP_Q21|" + id + "|P|2.5" + head + "\rQPD|IHE PIX Query|TAG-1|99\\T\\1^^^H1&1.2.3&ISO|^^^R\rRCP|I\r"
}

func TestQueriesAreAnsweredAndNeverQueued(t *testing.T) {
	tests := []struct {
		name, msg string
		want      []string // parts of the answers, one string of parts per message
	}{
		{"PDQ", qbp("Q22", "1", ""), []string{"RSP^K22^RSP_K21", "MSA|AE|1|", "207^", "QAK|TAG-1|AE|IHE PIX Query\r", "QPD|IHE PIX Query|TAG-1|99\\T\\1^^^H1&1.2.3&ISO|^^^R\r"}},
		{"PIX", qbp("Q23", "1", ""), []string{"RSP^K23^RSP_K23", "MSA|AE|1|", "QAK|TAG-1|AE|"}},
		{"find candidates", qbp("Q21", "1", ""), []string{"RSP^K21^RSP_K21"}},
		{"no QPD", "MSH|^~\\&|HIS|H1|CF|R|20260304||QBP^Q22|1|P|2.5\r", []string{"MSA|AE|1|", "|QPD^1|100^", "QAK||AE|"}},
		{"unknown event", qbp("Q99", "1", ""), []string{"|ACK^Q99^ACK|", "MSA|AR|1|", "|MSH^1^9^1^2|201^"}},
		{"of another kind", strings.Replace(qbp("A19", "1", ""), "QBP^", "QRY^", 1), []string{"MSA|AR|1|", "|MSH^1^9^1^1|200^"}},
		{"no control id", qbp("Q22", "", ""), []string{"|ACK^Q22^ACK|", "MSA|AE||", "101^"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, nil)
			answer := r.dial().ask(tt.msg)
			for _, part := range tt.want {
				if !strings.Contains(answer, part) {
					t.Errorf("no %q in %q", part, answer)
				}
			}
			r.wantStored()
		})
	}
	t.Run("enhanced mode", func(t *testing.T) {
		r := newRig(t, nil)
		c := r.dial()
		c.send(qbp("Q22", "1", "|||AL|NE"))
		wantAck(t, c.receive(), "CA", "1")
		if rsp := c.receive(); !strings.Contains(rsp, "RSP^K22") {
			t.Errorf("%q", rsp)
		}
		if rsp := c.ask(qbp("Q22", "2", "|||NE|AL")); !strings.Contains(rsp, "RSP^K22") {
			t.Errorf("%q", rsp)
		}
	})
}

func TestResponder(t *testing.T) {
	answers := map[string]QueryAnswer{
		"found": {Status: Found, Segments: [][]byte{[]byte("PID|1||4^^^R||DOE^JOHN"), []byte("QRI|95")}},
		"none":  {Status: NotFound},
		"unknown": {Status: QueryError, ErrorCode: UnknownKeyIdentifier, Location: hl7.Path{Segment: "QPD", Field: 3, Repetition: 1, Component: 1},
			Text: "no patient has this identifier"},
	}
	r := newRig(t, func(o *Options) {
		o.Respond = func(_ context.Context, m *hl7.Message) ([]byte, bool) {
			a, ok := answers[string(m.ControlID())]
			if !ok {
				return nil, false
			}
			return Response(m, a)
		}
	})
	c := r.dial()
	for id, want := range map[string][]string{
		"found":   {"MSA|AA|found\rQAK|TAG-1|OK|IHE PIX Query\rQPD|", "|^^^R\rPID|1||4^^^R||DOE^JOHN\rQRI|95\r"},
		"none":    {"MSA|AA|none\rQAK|TAG-1|NF|"},
		"unknown": {"MSA|AE|unknown|", "ERR||QPD^1^3^1^1|204^", "QAK|TAG-1|AE|"},
		"x":       {"MSA|AE|x|", "|207^"},
	} {
		answer := c.ask(qbp("Q23", id, ""))
		for _, part := range want {
			if !strings.Contains(answer, part) {
				t.Errorf("%s: no %q in %q", id, part, answer)
			}
		}
	}
	r.wantEvents("hl7", map[Event]uint64{QueryAnswered: 3, QueryNotServed: 1})
}
