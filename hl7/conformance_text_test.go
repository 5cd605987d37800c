package hl7

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
)

// note is a message with one value, NTE-3.
func note(raw string) string { return plainMSH + "\rNTE|1||" + raw }

func said(text string) map[string]string { return map[string]string{"NTE-3": text} }

func TestConformanceEscapes(t *testing.T) {
	escapes := []behaviour{
		{name: "delimiters", msg: note(`a\F\b \S\ \T\ \R\ \E\`), text: said(`a|b ^ & ~ \`)},
		{name: "resolved once, from left to right", msg: note(`\E\T\E\`), text: said(`\T\`)},
		{name: "at the end", msg: note(`x\E\`), text: said(`x\`)},
		{name: "hex CR", msg: note(`\X0D\`), text: said("\r")},
		{name: "hex in small letters", msg: note(`\X0d\`), text: said("\r")},
		{name: "hex CRLF", msg: note(`\X0D0A\`), text: said("\r\n")},
		{name: "a zero byte before a control character is dropped", msg: note(`\X000d\`), text: said("\r")},
		{name: "hex CRLF in two sequences", msg: note(`\X0d\\X0a\`), text: said("\r\n")},
		{name: "hex bytes are a text of the message's set", msg: note(`\Xc3a9\`), text: said("é")},
		{name: "hex bytes over two sequences are one text", msg: note(`\Xc3\\Xa9\`), text: said("é")},
		{name: "hex bytes in GB 18030", msg: header18("GB 18030-2000") + "\rNTE|1||\\XD5C5\\", text: said("张")},
		{name: "hex that is not hex stays", msg: note(`\X0G\`), text: said(`\X0G\`), warn: []WarningCode{WarnEscapeHex}},
		{name: "half a hex byte stays", msg: note(`\X0\`), text: said(`\X0\`), warn: []WarningCode{WarnEscapeHex}},
		{name: "hex of nothing stays", msg: note(`\X\`), text: said(`\X\`), warn: []WarningCode{WarnEscapeHex}},
		{name: "line break", msg: note(`a\.br\b`), text: said("a\nb")},
		{name: "vertical space", msg: note(`a\.sp3\b`), text: said("a\n\n\nb")},
		{name: "indent, wrap and centre commands leave a readable text and are there as tokens", msg: note(`\.in4\a\.ti2\b\.fi\c\.nf\d\.ce\e\.sk2\f`), text: said("abcd\ne  f"),
			check: wantTokens("<.in4>a<.ti2>b<.fi>c<.nf>d", "\n", "e", "  ", "f")},
		{name: "highlighting is no part of the text and there as tokens", msg: note(`a \H\b\N\`), text: said("a b"), check: wantTokens("a <H>b<N>")},
		{name: "site sequences stay as written", msg: note(`\Z12\x`), text: said(`\Z12\x`), warn: []WarningCode{WarnEscapeLiteral}},
		{name: "switches of the character set stay as written", msg: note(`\C2842\ \M244228\`), text: said(`\C2842\ \M244228\`), warn: []WarningCode{WarnEscapeLiteral, WarnEscapeLiteral}},
		{name: "unknown sequences stay as written", msg: note(`\q\ `), text: said(`\q\ `), warn: []WarningCode{WarnEscapeUnknown, WarnEscapeOpen}},
		{name: "an open escape swallows nothing", msg: note(`4\5 re.`), text: said(`4\5 re.`), warn: []WarningCode{WarnEscapeOpen}},
		{name: "an empty sequence stays", msg: note(`a\\b`), text: said(`a\\b`), warn: []WarningCode{WarnEscapeEmpty}},
		{name: "wrong case is understood", msg: note(`\f\ \.BR\`), text: said("| \n"), warn: []WarningCode{WarnEscapeCase, WarnEscapeCase}},
		{name: "escapes create no structure", msg: note(`A\S\B`), text: said("A^B"), kinds: map[string]Kind{"NTE-3.2": Absent}},
		{name: "another escape character", msg: "MSH|^~!&|A|||||||1\rNTE|1||!F!\\F\\", text: said(`|\F\`)},
		{name: "an unescaped path of a file server", msg: note(`\\srv\share`), text: said(`\\srv\share`), warn: []WarningCode{WarnEscapeEmpty, WarnEscapeOpen}},
		{name: "MSH-2 is never resolved", msg: plainMSH, text: map[string]string{"MSH-2": `^~\&`}, raw: map[string]string{"MSH-2": `^~\&`}},
	}
	for i := range escapes { // the raw value is what was sent
		if _, sent, ok := strings.Cut(escapes[i].msg, "NTE|1||"); ok {
			escapes[i].raw = said(sent)
		}
	}
	conform(t, escapes)
}

// wantTokens compares the tokens of NTE-3, marks in angle brackets.
func wantTokens(want ...string) func(*testing.T, *Message) {
	return func(t *testing.T, m *Message) {
		var got strings.Builder
		for _, tok := range get(t, m, "NTE-3").Tokens() {
			switch tok.Kind {
			case TextToken:
				got.WriteString(tok.Text)
			case HighlightToken:
				got.WriteString("<H>")
			case NormalToken:
				got.WriteString("<N>")
			case LayoutToken:
				fmt.Fprintf(&got, "<%s>", tok.Text)
			}
		}
		if got.String() != strings.Join(want, "") {
			t.Errorf("tokens %q, want %q", got.String(), want)
		}
	}
}

func wantCharset(name string) func(*testing.T, *Message) {
	return func(t *testing.T, m *Message) {
		if m.Charset() != name {
			t.Errorf("character set %s, want %s", m.Charset(), name)
		}
	}
}

func TestConformanceCharsets(t *testing.T) {
	in := func(cs string) string { return header18(cs) + "\rNTE|1||" }
	gbk := simplifiedchinese.GBK
	conform(t, []behaviour{
		{name: "no MSH-18 and valid UTF-8", msg: in("") + "张", text: said("张"), check: wantCharset("UTF-8")},
		{name: "no MSH-18 and other bytes: the sender's default", msg: in("") + "M\xfcller", opt: Options{DefaultCharset: "windows-1252"}, text: said("Müller"), check: wantCharset("windows-1252")},
		{name: "no MSH-18 and other bytes: a Chinese default", msg: in("") + wire(t, gbk, "张"), opt: Options{DefaultCharset: "GB18030"}, text: said("张"), check: wantCharset("GB18030")},
		{name: "UNICODE UTF-8", msg: in("UNICODE UTF-8") + "é", text: said("é"), check: wantCharset("UTF-8")},
		{name: "UTF-8", msg: in("UTF-8") + "é", text: said("é"), check: wantCharset("UTF-8")},
		{name: "UNICODE", msg: in("UNICODE") + "é", text: said("é"), check: wantCharset("UTF-8")},
		{name: "8859/1 is not windows-1252", msg: in("8859/1") + "\x80\xe9", text: said("\u0080é"), warn: []WarningCode{WarnCharsetC1}},
		{name: "8859/15", msg: in("8859/15") + "\xa4", text: said("€")},
		{name: "8859/2", msg: in("8859/2") + wire(t, charmap.ISO8859_2, "Łódź"), text: said("Łódź")},
		{name: "8859/5", msg: in("8859/5") + wire(t, charmap.ISO8859_5, "Иван"), text: said("Иван")},
		{name: "8859/16", msg: in("8859/16") + wire(t, charmap.ISO8859_16, "Țepeș"), text: said("Țepeș")},
		{name: "trail bytes of GB 18030 are no delimiters", msg: in("GB 18030-2000") + "\xb0\x7c\xd6\x5c\x81\x5e\xb3\x7e^b|c",
			text: map[string]string{"NTE-3.2": "b", "NTE-4": "c"}, raw: map[string]string{"NTE-3.1": "\xb0\x7c\xd6\x5c\x81\x5e\xb3\x7e"}},
		{name: "the same by the names GB18030, GBK and GB2312", msg: in("GB2312") + "a\xb0\x7cb|c", text: map[string]string{"NTE-4": "c"}, check: func(t *testing.T, m *Message) {
			for _, name := range []string{"GB18030", "GBK", "gb 18030"} {
				if v := get(t, parse(t, strings.Replace(string(m.Bytes()), "GB2312", name, 1)), "NTE-4"); v.Text() != "c" {
					t.Errorf("%s: structure is torn", name)
				}
			}
		}},
		{name: "four bytes in GB 18030", msg: in("GB 18030-2000") + wire(t, simplifiedchinese.GB18030, "𠮷㐂é"), text: said("𠮷㐂é")},
		{name: "BIG-5", msg: in("BIG-5") + wire(t, traditionalchinese.Big5, "許功蓋^b"), text: map[string]string{"NTE-3": "許功蓋", "NTE-3.2": "b"}},
		{name: "KS X 1001", msg: in("KS X 1001") + wire(t, korean.EUCKR, "홍길동"), text: said("홍길동")},
		{name: "CNS 11643", msg: in("CNS 11643-1992") + wire(t, eucTW{}, "許功蓋"), text: said("許功蓋"), check: wantCharset("EUC-TW")},
		{name: "Shift JIS by the sender's setting", msg: in("") + wire(t, japanese.ShiftJIS, "表予構^b"), opt: Options{Charset: "Shift_JIS"}, text: map[string]string{"NTE-3": "表予構", "NTE-3.2": "b"}},
		{name: "ISO IR87: bytes of Kanji are no delimiters", msg: in("~ISO IR87") + "a\x1b$B\x35\x7c\x35\x5c\x1b(B^b", text: map[string]string{"NTE-3": "a亨宮", "NTE-3.2": "b"}},
		{name: "ISO IR87: a text returns to ASCII before the next delimiter", msg: in("~ISO IR87") + "x^b|c", check: func(t *testing.T, m *Message) {
			if err := m.Set("NTE-3.1", "山田"); err != nil || !strings.HasSuffix(string(m.Bytes()), "\x1b(B^b|c") {
				t.Errorf("%q %v", m.Bytes(), err)
			}
		}},
		{name: "UTF-16 with a byte order mark", msg: wire(t, unicode.UTF16(unicode.BigEndian, unicode.UseBOM), in("UNICODE UTF-16")+"张𠮷"), text: said("张𠮷"), check: wantCharset("UTF-16")},
		{name: "UTF-16 without one is refused", msg: wire(t, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), in("")), err: ErrCharset},
		{name: "a set nobody knows is no reason to refuse", msg: in("KLINGON") + "M\xfcller", opt: Options{DefaultCharset: "8859/1"}, text: said("Müller"), warn: []WarningCode{WarnCharsetUnknown}},
		{name: "the first of several sets counts", msg: in("8859/1~8859/5") + "\xe9", text: said("é"), check: wantCharset("ISO-8859-1")},
		{name: "a later set allows switching", msg: in("ASCII~ISO IR87") + "\x1b$B;3ED\x1b(B", text: said("山田"), check: wantCharset("ISO-2022-JP")},
		{name: "a text that the set lacks is refused, never replaced", msg: in("8859/1"), check: func(t *testing.T, m *Message) {
			_, err := NewMessage(Header{Charset: "8859/1"}).Segment("NTE").Text(3, "张").Bytes()
			_, err2 := parse(t, in("UTF-8")+"张").Recode("8859/1", Delimiters{})
			if err3 := m.Set("NTE-3", "张"); !errors.Is(err, ErrNotEncodable) || !errors.Is(err2, ErrNotEncodable) || !errors.Is(err3, ErrNotEncodable) {
				t.Errorf("%v %v %v", err, err2, err3)
			}
		}},
		{name: "the declared set wins over the bytes, and the difference is shown", msg: in("8859/1") + "é", text: said("Ã©"), warn: []WarningCode{WarnCharsetMismatch}},
		{name: "ASCII declared and other bytes: as if nothing were declared, and shown", msg: in("ASCII") + "\xb0\x7c\xd5\xc5^b", opt: Options{DefaultCharset: "GB18030"},
			text: map[string]string{"NTE-3": "皘张", "NTE-3.2": "b"}, warn: []WarningCode{WarnCharsetMismatch}},
		{name: "the sender's setting wins over the declared set", msg: in("8859/1") + "张", opt: Options{Charset: "UTF-8"}, text: said("张"), check: wantCharset("UTF-8")},
		{name: "some values in another set than declared: UTF-8", msg: in("UTF-8") + "张伟\rNTE|2||" + wire(t, gbk, "张伟"),
			text: map[string]string{"NTE-3": "张伟"}, raw: map[string]string{"NTE[2]-3": wire(t, gbk, "张伟")}, warn: []WarningCode{WarnCharsetInvalid, WarnCharsetMixed}},
		{name: "some values in another set than declared: GB 18030", msg: in("GB 18030-2000") + wire(t, gbk, "张伟先生") + "\rNTE|2||欧阳锋",
			text: map[string]string{"NTE-3": "张伟先生"}, raw: map[string]string{"NTE[2]-3": "欧阳锋"}, warn: []WarningCode{WarnCharsetInvalid, WarnCharsetMixed}},
		{name: "translation says its set in MSH-18", msg: in("GB 18030-2000") + wire(t, gbk, "张"), check: func(t *testing.T, m *Message) {
			out, err := m.Recode("UTF-8", Delimiters{})
			if r := parse(t, string(out)); err != nil || get(t, r, "MSH-18").Text() != "UNICODE UTF-8" || get(t, r, "NTE-3").Text() != "张" {
				t.Errorf("%q %v", out, err)
			}
		}},
	})
}

func TestConformanceTimes(t *testing.T) {
	msg := func(msh7, value string) string {
		return `MSH|^~\&|A|B|C|D|` + msh7 + `||ADT^A01|1|P|2.5.1` + "\rEVN||" + value
	}
	listener := time.FixedZone("", 8*3600)
	want := func(digits string, p Precision, instant string) func(*testing.T, *Message) {
		return func(t *testing.T, m *Message) {
			got, err := get(t, m, "EVN-2").Time(m.Zone(listener))
			if err != nil || got.String() != digits || got.Precision != p || got.Time.Format(time.RFC3339Nano) != instant {
				t.Errorf("%v %v %s: %v", got, got.Precision, got.Time.Format(time.RFC3339Nano), err)
			}
		}
	}
	bad := func(t *testing.T, m *Message) {
		if _, err := get(t, m, "EVN-2").Time(nil); !errors.Is(err, ErrBadTime) || get(t, m, "EVN-2").Kind() != Text {
			t.Errorf("%v", err)
		}
	}
	var cases []behaviour
	for _, c := range []struct {
		name, msh7, value string
		check             func(*testing.T, *Message)
	}{
		{"precision is kept: year", "", "1952", want("1952", Year, "1952-01-01T00:00:00+08:00")},
		{"precision is kept: month", "", "195202", want("195202", Month, "1952-02-01T00:00:00+08:00")},
		{"precision is kept: day", "", "19520211", want("19520211", Day, "1952-02-11T00:00:00+08:00")},
		{"precision is kept: minute", "", "195202111304", want("195202111304", Minute, "1952-02-11T13:04:00+08:00")},
		{"precision is kept: fraction", "", "19520211130405.1234", want("19520211130405.1234", Fraction, "1952-02-11T13:04:05.1234+08:00")},
		{"zone, fraction and seconds are kept", "", "20260102030405.123+0100", want("20260102030405.123+0100", Fraction, "2026-01-02T03:04:05.123+01:00")},
		{"no zone: that of MSH-7", "20260101+0100", "202601020304", want("202601020304", Minute, "2026-01-02T03:04:00+01:00")},
		{"no zone in MSH-7 either: the listener's", "20260101", "202601020304", want("202601020304", Minute, "2026-01-02T03:04:00+08:00")},
		{"midnight before the epoch began in Greenwich", "", "19690101000000+0800", want("19690101000000+0800", Second, "1969-01-01T00:00:00+08:00")},
		{"half hours west of Greenwich", "", "20260102-0330", want("20260102-0330", Day, "2026-01-02T00:00:00-03:30")},
		{"zeros are no time", "", "00000000", bad},
		{"an hour that is too large is no time", "", "2008081830", bad},
		{"a day that the month lacks is no time", "", "20260230", bad},
	} {
		cases = append(cases, behaviour{name: c.name, msg: msg(c.msh7, c.value), raw: map[string]string{"EVN-2": c.value}, check: c.check})
	}
	conform(t, cases)
}
