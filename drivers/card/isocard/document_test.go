package isocard

import (
	"errors"
	"testing"
)

func TestDocument(t *testing.T) {
	const head = `{"atr":"3B00","protocol":"T=1","answers":{"can":"500540"},"emrtd":`
	for _, tt := range []struct {
		name, document string
		ok             bool
	}{
		{"BAC", `{"keyInfo":"L000000X1790030713501014","files":{"0101":"6100"}}}`, true},
		{"PACE", `{"can":"500540","pace":[{"cipher":2,"parameter":13}],"files":{}}}`, true},
		{"file that goes by no identifier", `{"files":{"DG1":"6100"}}}`, false},
		{"cipher that no identifier has", `{"pace":[{"cipher":128,"parameter":13}],"files":{}}}`, false},
		{"unknown key", `{"pin":"123456","files":{}}}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Parse([]byte(head + tt.document))
			if (err == nil) != tt.ok || err != nil && !errors.Is(err, ErrReplay) {
				t.Fatalf("got %v", err)
			}
			if !tt.ok {
				return
			}
			if a, ok := c.Answer("can"); !ok || a != "500540" {
				t.Errorf("answer %q", a)
			}
			if _, ok := c.Answer("mrz"); ok {
				t.Error("an answer that is not in the file")
			}
			if got := c.APDU([]byte{0x00, 0xA4, 0x04, 0x0C, 0x07, 0xA0, 0x00, 0x00, 0x02, 0x47, 0x10, 0x01}); string(got) != "\x90\x00" {
				t.Errorf("select: %X", got)
			}
		})
	}
}
