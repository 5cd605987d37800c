package hl7

import (
	"errors"
	"testing"
)

func TestPathForms(t *testing.T) {
	tests := []struct {
		path, canonical string
		want            Path
	}{
		{"PID-3[2].4.1", "PID-3[2].4.1", Path{Segment: "PID", Field: 3, Repetition: 2, Component: 4, Subcomponent: 1}},
		{"PID-3(2).4.1", "PID-3[2].4.1", Path{Segment: "PID", Field: 3, Repetition: 2, Component: 4, Subcomponent: 1}},
		{"PID.3.1", "PID-3.1", Path{Segment: "PID", Field: 3, Component: 1}},
		{"PID-3-1-2", "PID-3.1.2", Path{Segment: "PID", Field: 3, Component: 1, Subcomponent: 2}},
		{"OBX(2)-5", "OBX[2]-5", Path{Segment: "OBX", Occurrence: 2, Field: 5}},
		{"OBX[2]-5[3].1", "OBX[2]-5[3].1", Path{Segment: "OBX", Occurrence: 2, Field: 5, Repetition: 3, Component: 1}},
		{"/PID-3", "PID-3", Path{Segment: "PID", Field: 3}},
		{"OBR[2]/OBX[3]-5.1", "OBR[2]/OBX[3]-5.1", Path{Group: "OBR", GroupOccurrence: 2, Segment: "OBX", Occurrence: 3, Field: 5, Component: 1}},
		{"/ORC(1)/OBR", "ORC[1]/OBR", Path{Group: "ORC", GroupOccurrence: 1, Segment: "OBR"}},
		{"ZXX", "ZXX", Path{Segment: "ZXX"}},
		{"pid-3", "pid-3", Path{Segment: "pid", Field: 3}},
	}
	for _, tt := range tests {
		p, err := ParsePath(tt.path)
		if err != nil || p != tt.want || p.String() != tt.canonical {
			t.Errorf("%s: %+v %q %v", tt.path, p, p.String(), err)
		}
	}
}

func TestPathErrorsNameThePosition(t *testing.T) {
	tests := []struct {
		path string
		pos  int
	}{
		{"", 0}, {"/", 1}, {"-3", 0}, {"PATIENT-3", 7}, {"PID-", 4}, {"PID-0", 4}, {"PID-3.0", 6}, {"PID-3[", 6}, {"PID-3[2", 7},
		{"PID-3[2)", 7}, {"PID-3.1.2.3", 9}, {"PID-3 ", 5}, {"PID-x", 4}, {"PID[0]-1", 4}, {"PID-99999999999999999999", 10}, {"PID-3.-1", 6}, {"名-3", 0}, {"OBR/", 4}, {"OBR//OBX", 4}, {"A/B/C", 3}, {"OBR-1/OBX", 5},
	}
	for _, tt := range tests {
		_, err := ParsePath(tt.path)
		var pe *PathError
		if !errors.As(err, &pe) || !errors.Is(err, ErrBadPath) || pe.Pos != tt.pos {
			t.Errorf("%q: %v, want position %d", tt.path, err, tt.pos)
		}
	}
	if _, err := parse(t, `MSH|^~\&|A`).Get("PID-"); !errors.Is(err, ErrBadPath) {
		t.Errorf("Get with a bad path: %v", err)
	}
}

func TestPathFormsLeadToTheSameNode(t *testing.T) {
	m := parse(t, "MSH|^~\\&|A\rPID|1||9^x&y\rOBX|1\rOBX|2||||v1~v2")
	for _, p := range []string{"PID-3(1).2", "PID-3[1].2.1", "PID.3.2", "/PID-3.2", "PID(1)-3.2", "PID[1].3[1].2.1"} {
		if got := get(t, m, p).Text(); got != "x" {
			t.Errorf("%s = %q", p, got)
		}
	}
	for _, p := range []string{"OBX(2)-5(2)", "OBX[2].5[2].1.1"} {
		if got := get(t, m, p).Text(); got != "v2" {
			t.Errorf("%s = %q", p, got)
		}
	}
	if v := get(t, m, "OBX[3]-5"); v.Kind() != Absent {
		t.Error("there is no third OBX")
	}
	if v := get(t, m, "PID"); string(v.Raw()) != "PID|1||9^x&y" {
		t.Errorf("whole segment: %q", v.Raw())
	}
}

func TestPathsDoNotAllocate(t *testing.T) {
	m := parse(t, "MSH|^~\\&|A\rPID|1||9^x&y")
	if n := testing.AllocsPerRun(100, func() {
		if v, err := m.Get("PID-3[1].2.2"); err != nil || v.Kind() != Text {
			t.Error("not found")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
