package hl7

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestStructureWarnings(t *testing.T) {
	const msh = `MSH|^~\&|||||||ADT^A01|1`
	tests := []struct {
		name, msg string
		want      []Warning
	}{
		{"nothing odd", msh + "\rPID|1\rZXX\rPV1|1\r", nil},
		{"filler before the header", "\r\n" + msh, []Warning{{WarnLeadingFiller, 0}}},
		{"byte order mark and filler", "\uFEFF\n" + msh, []Warning{{WarnByteOrderMark, 0}, {WarnLeadingFiller, 3}}},
		{"no control id", `MSH|^~\&|A`, []Warning{{WarnControlID, 10}}},
		{"names", msh + "\rP|1\rPI|1\rPIDX|1\rpid|1\r1PI|1", []Warning{{WarnSegmentName, 25}, {WarnSegmentName, 29}, {WarnSegmentName, 34}, {WarnSegmentName, 41}, {WarnSegmentName, 47}}},
		{"continuation lines", msh + "\rQUJD+/==\r|x", []Warning{{WarnContinuation, 25}, {WarnContinuation, 34}}},
		{"a second header", msh + "\r" + msh, []Warning{{WarnSecondHeader, 25}}},
		{"acknowledgement conditions", msh + "|P|2.5|||al|AL", []Warning{{WarnAckCondition, 33}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := parse(t, tt.msg).Warnings(); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestWarningsAreBounded(t *testing.T) {
	m := parse(t, `MSH|^~\&|||||||ADT^A01|1`+strings.Repeat("\rx y", 10_000))
	w := m.Warnings()
	if len(w) != maxWarnings+1 || w[maxWarnings].Code != WarnMore {
		t.Errorf("%d warnings, the last %v", len(w), w[len(w)-1])
	}
}

func TestLeavesCanBeLeft(t *testing.T) {
	m := parse(t, "MSH|^~\\&|A|B\rPID|1||7^^x&y~8\rwrapped\rZXX")
	var all []string
	for p, v := range m.Leaves() {
		all = append(all, fmt.Sprintf("%d-%d[%d].%d.%d=%s", p.Segment, p.Field, p.Repetition, p.Component, p.Subcomponent, v.Raw()))
	}
	want := []string{"0-3[1].1.1=A", "0-4[1].1.1=B", "1-1[1].1.1=1", "1-3[1].1.1=7", "1-3[1].3.1=x", "1-3[1].3.2=y", "1-3[2].1.1=8"}
	if !slices.Equal(all, want) {
		t.Errorf("got %v", all)
	}
	for n := range all {
		seen := 0
		for range m.Leaves() {
			if seen++; seen > n {
				break
			}
		}
		if seen != n+1 {
			t.Errorf("left after %d, saw %d", n+1, seen)
		}
	}
}

func TestErrorCodesHaveTheNamesOfTable0357(t *testing.T) {
	names := map[string]bool{}
	for _, c := range []ErrorCode{NoError, SegmentSequenceError, RequiredFieldMissing, DataTypeError, TableValueNotFound, UnsupportedMessageType,
		UnsupportedEventCode, UnsupportedProcessingID, UnsupportedVersionID, DuplicateKeyIdentifier, ApplicationRecordLocked, ApplicationError} {
		if names[c.String()] || c.String() == ErrorCode(999).String() {
			t.Errorf("%d: %s", int(c), c)
		}
		names[c.String()] = true
	}
}
