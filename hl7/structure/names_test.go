package structure

import (
	"testing"
)

func TestFieldName(t *testing.T) {
	tests := []struct {
		segment string
		n       int
		version string
		want    Field
	}{
		{"PID", 3, "2.5.1", Field{"Patient Identifier List", "CX", 0, Required, 0, 250}},
		{"PID", 3, "2.3", Field{"Patient ID", "CX", 0, Required, 0, 20}},
		{"PID", 8, "2.3.1", Field{"Sex", "IS", 1, Optional, 1, 1}},
		{"PID", 8, "2.7", Field{"Administrative Sex", "CWE", 1, Optional, 1, 0}},
		{"PID", 2, "2.8", Field{"Patient ID", "CX", 0, Withdrawn, 1, 0}},
		{"PID", 13, "2.8", Field{"Phone Number - Home", "XTN", 0, Backward, 0, 0}},
		{"PID", 40, "2.8.2", Field{"Patient Telecommunication Information", "XTN", 0, Optional, 0, 0}},
		{"MSH", 15, "2.5.1", Field{"Accept Acknowledgment Type", "ID", 155, Optional, 1, 2}},
		{"OBX", 5, "2.4", Field{"Observation Value", "varies", 0, Conditional, 0, 0}},
		{"OBX", 28, "2.8", Field{"Local Process Control", "CWE", 915, Optional, 0, 0}},
		{"TQ1", 2, "2.5", Field{"Quantity", "CQ", 0, Optional, 1, 20}},
	}
	for _, tt := range tests {
		if got, ok := FieldName(tt.segment, tt.n, tt.version); !ok || got != tt.want {
			t.Errorf("%s-%d in %s: %+v, want %+v", tt.segment, tt.n, tt.version, got, tt.want)
		}
	}
	for _, tt := range []struct {
		segment string
		n       int
		version string
	}{
		{"PID", 40, "2.5.1"}, {"PID", 0, "2.5.1"}, {"PID", -1, "2.5.1"}, {"TQ1", 1, "2.4"}, {"ZPI", 1, "2.5.1"}, {"", 1, ""}, {"AL1", 6, "2.8"},
	} {
		if got, ok := FieldName(tt.segment, tt.n, tt.version); ok {
			t.Errorf("%s-%d in %s: %+v, want none", tt.segment, tt.n, tt.version, got)
		}
	}
}

func TestSegmentName(t *testing.T) {
	if got, ok := SegmentName("PV1", "2.5.1^CHN"); !ok || got != "Patient Visit" {
		t.Errorf("%q, %v", got, ok)
	}
	if got, ok := SegmentName("SFT", "2.4"); ok {
		t.Errorf("SFT in 2.4 is %q", got)
	}
}

func TestComponents(t *testing.T) {
	cx := Components("CX", "2.5.1")
	if len(cx) != 10 || cx[3].Name != "Assigning Authority" || cx[3].Datatype != "HD" || cx[0].Usage != Required {
		t.Errorf("%+v", cx)
	}
	cx[0].Name = "changed"
	if Components("CX", "2.5.1")[0].Name != "ID Number" {
		t.Error("a caller can change the tables")
	}
	if xpn := Components("XPN", "2.3"); len(xpn) != 8 || xpn[0].Datatype != "ST" {
		t.Errorf("%+v", xpn)
	}
	for _, name := range []string{"ST", "XX", ""} {
		if got := Components(name, "2.5.1"); got != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestForEvent(t *testing.T) {
	for _, tt := range [][3]string{
		{"ADT", "A04", "ADT_A01"}, {"ADT", "A40", "ADT_A39"}, {"ADT", "A31", "ADT_A05"}, {"ORM", "O01", "ORM_O01"}, {"ACK", "S12", "ACK"}, {"ADT", "A99", ""},
	} {
		if got, ok := ForEvent(tt[0], tt[1], "2.5.1"); got != tt[2] || ok != (tt[2] != "") {
			t.Errorf("%s^%s: %q", tt[0], tt[1], got)
		}
	}
}

func TestResolve(t *testing.T) {
	for text, want := range map[string]string{
		"2.3": "2.3", "2.3.1": "2.3.1", "2.5.1": "2.5.1", "2.5.1^CHN": "2.5.1", "2.1": "2.3", "2.3.2": "2.3.1", "2.5.2": "2.5.1",
		"2.8.2": "2.8", "2.9": "2.8", "2.10": "2.8",
	} {
		if got, known := resolve(text); got.String() != want || !known {
			t.Errorf("%q is read as %s, known %v; want %s", text, got, known, want)
		}
	}
	for _, text := range []string{"", "3.0", "two", "2.", ".5", "2.5.1.1", "2.555", "-2.5", "2.5b", "222222222222"} {
		if got, known := resolve(text); got != fallbackVersion || known {
			t.Errorf("%q is read as %s, known %v", text, got, known)
		}
	}
}

func TestInRange(t *testing.T) {
	v, _ := exactVersion("2.5")
	for text, want := range map[string]bool{"*": true, "2.5": true, "2.5-": true, "2.3-2.5": true, "2.3-": true, "2.4": false, "2.5.1-": false, "2.3-2.4": false} {
		if got, ok := inRange(text, v); got != want || !ok {
			t.Errorf("2.5 in %s: %v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "-", "2.9", "2.5-2.3", "2.5-2.9", "2.5 -"} {
		if _, ok := inRange(text, v); ok {
			t.Errorf("%q is taken", text)
		}
	}
}
