package hl7

import (
	"errors"
	"slices"
	"testing"
)

func TestSplit(t *testing.T) {
	const (
		m1 = "MSH|^~\\&|A||||||ADT^A01|1\rPID|1||7\r"
		m2 = "MSH|^~\\&|A||||||ADT^A01|2\rPID|1||8\r"
	)
	tests := []struct {
		name, in string
		want     []string
		fhs, bhs string
		warn     []WarningCode
	}{
		{"one message comes back whole", m1, []string{m1}, "", "", nil},
		{"odd bytes around one message", "\uFEFF" + m1 + "\r\r", []string{"\uFEFF" + m1 + "\r\r"}, "", "", nil},
		{"concatenated", m1 + m2, []string{m1, m2}, "", "", nil},
		{"batch", "BHS|^~\\&|L\r" + m1 + m2 + "BTS|2\r", []string{m1, m2}, "", `BHS|^~\&|L`, nil},
		{"file", "FHS|^~\\&|L\rBHS|^~\\&|L\r" + m1 + "BTS|1\rBHS|^~\\&|L\r" + m2 + "BTS|1\rFTS|2\r", []string{m1, m2}, `FHS|^~\&|L`, `BHS|^~\&|L`, nil},
		{"no counts", "FHS|^~\\&\rBHS|^~\\&\r" + m1 + "BTS\rFTS|\r", []string{m1}, `FHS|^~\&`, `BHS|^~\&`, nil},
		{"wrong counts", "FHS|^~\\&\rBHS|^~\\&\r" + m1 + "BTS|2\rFTS|x\r", []string{m1}, `FHS|^~\&`, `BHS|^~\&`, []WarningCode{WarnBatchCount, WarnFileCount}},
		{"empty batch", "BHS|^~\\&|L\rBTS|0\r", nil, "", `BHS|^~\&|L`, nil},
		{"recorded from a wire", "\x0b" + m1 + "\x1c\r\x0b" + m2 + "\x1c\r", []string{m1, m2}, "", "", nil},
		{"line feeds", "MSH|^~\\&|A\nPID|1\nMSH|^~\\&|B\nPID|2\n", []string{"MSH|^~\\&|A\nPID|1\n", "MSH|^~\\&|B\nPID|2\n"}, "", "", nil},
		{"a line outside", "PID|0\r" + m1, []string{m1}, "", "", []WarningCode{WarnOutsideMessage}},
		{"MSH as the start of a word", m1 + "MSHAPE\r", []string{m1 + "MSHAPE\r"}, "", "", nil},
		{"a line feed before MSH| in a CR message is data", "MSH|^~\\&|A\rNTE|1||a\nMSH|b\r", []string{"MSH|^~\\&|A\rNTE|1||a\nMSH|b\r"}, "", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := Split([]byte(tt.in), Options{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range b.Messages {
				got = append(got, string(m))
				if _, err := Parse(m, Options{}); err != nil {
					t.Errorf("a part does not parse: %v", err)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q\nwant %q", got, tt.want)
			}
			if string(b.FileHeader) != tt.fhs || string(b.BatchHeader) != tt.bhs {
				t.Errorf("headers %q %q", b.FileHeader, b.BatchHeader)
			}
			var codes []WarningCode
			for _, w := range b.Warnings {
				codes = append(codes, w.Code)
			}
			if !slices.Equal(codes, tt.warn) {
				t.Errorf("warnings %v, want %v", codes, tt.warn)
			}
		})
	}
}

func TestSplitRefuses(t *testing.T) {
	for in, want := range map[string]error{"": ErrEmpty, "\x0b\x1c\r\n": ErrEmpty, "HELLO": ErrNoMSH, "PID|1\r": ErrNoMSH} {
		if _, err := Split([]byte(in), Options{}); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", in, err, want)
		}
	}
	if _, err := Split(make([]byte, 11), Options{MaxSize: 10}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("over the limit: %v", err)
	}
}
