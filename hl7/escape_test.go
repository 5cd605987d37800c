package hl7

import (
	"slices"
	"strings"
	"testing"
)

func TestEscapes(t *testing.T) {
	tests := []struct {
		name, raw, want string
		warn            []WarningCode
	}{
		{"delimiters", `a\F\b \S\ \T\ \R\ \E\`, `a|b ^ & ~ \`, nil},
		{"once only, left to right", `\E\T\E\`, `\T\`, nil},
		{"escape at the end", `x\E\`, `x\`, nil},
		{"hex CR", `\X0D\`, "\r", nil},
		{"hex lower digits", `\X0d\`, "\r", nil},
		{"hex CRLF in one", `\X0D0A\`, "\r\n", nil},
		{"hex as four digits", `\X000d\`, "\r", nil},
		{"hex CRLF as four digits each", `\X000D000A\`, "\r\n", nil},
		{"hex sequences next to each other", `\X0d\\X0a\`, "\r\n", nil},
		{"hex run is one text", `\Xc3a9\`, "é", nil},
		{"hex run over two sequences", `\Xc3\\Xa9\`, "é", nil},
		{"hex zero before a letter stays", `\X0041\`, "\x00A", nil},
		{"hex not hex", `\X0G\`, `\X0G\`, []WarningCode{WarnEscapeHex}},
		{"hex odd", `\X0\`, `\X0\`, []WarningCode{WarnEscapeHex}},
		{"hex empty", `\X\`, `\X\`, []WarningCode{WarnEscapeHex}},
		{"line break", `a\.br\b`, "a\nb", nil},
		{"lines down", `a\.sp3\b\.sp\c\.sp 2\d`, "a\n\n\nb\nc\n\nd", nil},
		{"layout", `\.in4\a\.ti-2\b\.fi\c\.nf\d\.ce\e\.sk2\f`, "abcd\ne  f", nil},
		{"too many lines", `a\.sp999999999\b`, `a\.sp999999999\b`, []WarningCode{WarnEscapeLayout}},
		{"line break with an argument", `a\.br2\b`, `a\.br2\b`, []WarningCode{WarnEscapeLayout}},
		{"highlight", `a \H\b\N\ c`, "a b c", nil},
		{"site defined", `\Z12\x`, `\Z12\x`, []WarningCode{WarnEscapeLiteral}},
		{"character set switches", `\C2842\ \M244228\`, `\C2842\ \M244228\`, []WarningCode{WarnEscapeLiteral, WarnEscapeLiteral}},
		{"unknown", `\q\x`, `\q\x`, []WarningCode{WarnEscapeUnknown, WarnEscapeOpen}},
		{"open", `4\5 re.`, `4\5 re.`, []WarningCode{WarnEscapeOpen}},
		{"open before a good one", `4\5 re. \F\ x`, `4\5 re. | x`, []WarningCode{WarnEscapeUnknown}},
		{"empty", `a\\b`, `a\\b`, []WarningCode{WarnEscapeEmpty}},
		{"lower case", `\f\ \.BR\`, "| \n", []WarningCode{WarnEscapeCase, WarnEscapeCase}},
		{"structure is not created", `A\S\B`, "A^B", nil},
		{"path of a file server", `\\srv\share`, `\\srv\share`, []WarningCode{WarnEscapeEmpty, WarnEscapeOpen}},
		{"truncation not declared", `a\P\`, `a\P\`, []WarningCode{WarnEscapeUnknown, WarnEscapeOpen}},
		{"only an escape character", `\`, `\`, []WarningCode{WarnEscapeOpen}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := parse(t, `MSH|^~\&|A|||||||1`+"\rOBX|1|TX|||"+tt.raw)
			v := get(t, m, "OBX-5")
			if v.Text() != tt.want {
				t.Errorf("text %q, want %q", v.Text(), tt.want)
			}
			if string(v.Raw()) != tt.raw {
				t.Errorf("raw %q", v.Raw())
			}
			s, _ := m.Segment("OBX", 1)
			if n := s.Field(5).Component(1).Subcomponents(); n != 1 {
				t.Errorf("%d subcomponents", n)
			}
			var codes []WarningCode
			for _, w := range m.Warnings() {
				codes = append(codes, w.Code)
				if c := m.Bytes()[w.Offset]; c != '\\' {
					t.Errorf("warning %s points at %q", w.Code, c)
				}
			}
			if !slices.Equal(codes, tt.warn) {
				t.Errorf("warnings %v, want %v", codes, tt.warn)
			}
		})
	}
}

func TestTokensShowHighlightAndLayout(t *testing.T) {
	m := parse(t, `MSH|^~\&|A`+"\r"+`OBX|1|FT|||a\H\b\N\\.in+4\c\.br\d^e`)
	want := []Token{{TextToken, "a"}, {HighlightToken, ""}, {TextToken, "b"}, {NormalToken, ""},
		{LayoutToken, ".in+4"}, {TextToken, "c"}, {TextToken, "\n"}, {TextToken, "d"}}
	v := get(t, m, "OBX-5")
	if got := v.Tokens(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	var text strings.Builder
	for _, tok := range v.Tokens() {
		if tok.Kind == TextToken {
			text.WriteString(tok.Text)
		}
	}
	if text.String() != v.Text() {
		t.Errorf("text tokens %q, Text %q", text.String(), v.Text())
	}
	if (Value{}).Tokens() != nil {
		t.Error("absent has no tokens")
	}
}

func TestEscapeResolutionIsLinear(t *testing.T) {
	for _, piece := range []string{`\`, `\\`, `\a`, `\X41\`, `\F\`, `\.sp200\`, `\ `} {
		m := parse(t, `MSH|^~\&|A`+"\rOBX|1|TX|||"+strings.Repeat(piece, 1<<17/len(piece)))
		if got := get(t, m, "OBX-5").Text(); len(got) > 200<<20 {
			t.Errorf("%q grew to %d bytes", piece, len(got))
		}
		if n := len(m.Warnings()); n > maxWarnings+1 {
			t.Errorf("%d warnings", n)
		}
	}
}
