package hl7

import (
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"
)

func testHeader() Header {
	return Header{
		SendingApplication: HD{NamespaceID: "CARDFERRY"}, SendingFacility: HD{"HOSP", "1.2.3", "ISO"},
		ReceivingApplication: HD{NamespaceID: "HIS"}, Time: ackTime,
		Code: "ORU", Trigger: "R01", Structure: "ORU_R01", ControlID: "ID1",
	}
}

const testMSH = `MSH|^~\&|CARDFERRY|HOSP^1.2.3^ISO|HIS||20260102030405+0800||ORU^R01^ORU_R01|ID1|P|2.5.1||||||UNICODE UTF-8`

// build is Bytes for a message that must be good.
func build(t testing.TB, b *Builder) string {
	t.Helper()
	out, err := b.Bytes()
	if err != nil {
		t.Fatalf("Bytes: %v", err)
	}
	return string(out)
}

func TestBuilder(t *testing.T) {
	mr := CX{ID: "100001", Authority: HD{"HIS", "1.2.156.1", "ISO"}, Type: "MR"}
	tests := []struct {
		name  string
		build func(b *Builder)
		want  string // behind MSH
	}{
		{"header alone", func(*Builder) {}, ""},
		{"fields left out are absent", func(b *Builder) { b.Segment("PID").Text(1, "1").Set(3, mr).Text(8, "F") },
			"PID|1||100001^^^HIS&1.2.156.1&ISO^MR|||||F\r"},
		{"repetitions", func(b *Builder) { b.Segment("PID").Set(3, mr, CX{ID: "2"}) }, "PID|||100001^^^HIS&1.2.156.1&ISO^MR~2\r"},
		{"trailing empty parts are not written", func(b *Builder) {
			b.Segment("PID").Set(3, CX{}, CX{ID: "2"}, CX{}).Text(4, "").Set(5, XPN{}).Set(6, nil)
		}, "PID|||~2\r"},
		{"delimiters and control characters are escaped", func(b *Builder) { b.Segment("NTE").Text(3, "a|b^c~d\\e&f\r\n") },
			`NTE|||a\F\b\S\c\R\d\E\e\T\f\X0D\\X0A\` + "\r"},
		{"formatted text has line breaks", func(b *Builder) { b.Segment("OBX").Set(5, FT("one\r\ntwo\n\nfour|")) },
			`OBX|||||one\.br\two\.br\\.br\four\F\` + "\r"},
		{"null and a text that looks like it", func(b *Builder) { b.Segment("PID").Set(5, Delete{}).Text(6, `""`) },
			`PID|||||""|\X22\\X22\` + "\r"},
		{"null inside a composite", func(b *Builder) { b.Segment("PID").Set(5, Components{ST("A"), Delete{}}) }, "PID|||||A^\"\"\r"},
		{"times keep their precision", func(b *Builder) {
			b.Segment("PID").Set(7, TimeOf(ackTime, Day)).Set(8, TimeOf(ackTime, Minute)).Set(9, TimeOf(ackTime.Add(7*time.Millisecond), Fraction))
		}, "PID|||||||20260102|202601020304+0800|20260102030405.007+0800\r"},
		{"segments follow each other", func(b *Builder) { b.Segment("OBR").Text(1, "1").Segment("OBX").Segment("ZAA").Text(1, "x") },
			"OBR|1\rOBX\rZAA|x\r"},
		{"every datatype", func(b *Builder) {
			b.Segment("ZDT").Set(1, HD{"A", "1.2", "ISO"}).Set(2, EI{"7", HD{"A", "1.2", "ISO"}}).
				Set(3, XPN{"Zhang", "Wei", "M", "Jr", "Dr", "PhD", "L", "I"}).Set(4, XAD{"S", "O", "C", "P", "Z", "CHN", "H", "G", "CO"}).
				Set(5, XTN{"1", "PRN", "PH", "e@x", "86", "571", "55", "9", "any"}).
				Set(6, XCN{"D1", XPN{"F", "G", "M", "S", "P", "D", "L", ""}, HD{NamespaceID: "HIS"}, "EI"}).
				Set(7, CWE{"c", "t", "s", "ac", "at", "as", "o"}).Set(8, PL{"W3", "R12", "B2", HD{NamespaceID: "H"}, "U", "N", "B", "F", "d"}).
				Set(9, SN{">", "100", "", ""})
		}, "ZDT|A^1.2^ISO|7^A^1.2^ISO|Zhang^Wei^M^Jr^Dr^PhD^L^I|S^O^C^P^Z^CHN^H^G^CO|1^PRN^PH^e@x^86^571^55^9^any|" +
			"D1^F^G^M^S^P^D^^HIS^L^^^EI|c^t^s^ac^at^as^^^o|W3^R12^B2^H^U^N^B^F^d|>^100\r"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := NewMessage(testHeader())
			tt.build(b)
			if got := build(t, b); got != testMSH+"\r"+tt.want {
				t.Errorf("got  %q\nwant %q", got, testMSH+"\r"+tt.want)
			}
		})
	}
}

func TestBuilderRefuses(t *testing.T) {
	latin := testHeader()
	latin.Charset = "8859/1"
	unknown := testHeader()
	unknown.Charset = "KLINGON"
	tests := []struct {
		name  string
		h     Header
		build func(b *Builder)
		want  error
	}{
		{"a field before the last", testHeader(), func(b *Builder) { b.Segment("PID").Text(3, "a").Text(3, "b") }, ErrBuild},
		{"a field of MSH that is behind", testHeader(), func(b *Builder) { b.Text(10, "a") }, ErrBuild},
		{"a field number without end", testHeader(), func(b *Builder) { b.Segment("PID").Text(1<<30, "a") }, ErrBuild},
		{"a segment name that is none", testHeader(), func(b *Builder) { b.Segment("pid") }, ErrBuild},
		{"a second header", testHeader(), func(b *Builder) { b.Segment("MSH") }, ErrBuild},
		{"a composite inside a subcomponent", testHeader(), func(b *Builder) { b.Segment("ZZZ").Set(1, Components{Components{HD{NamespaceID: "x"}}}) }, ErrBuild},
		{"a character that the set lacks", latin, func(b *Builder) { b.Segment("PID").Text(5, "张") }, ErrNotEncodable},
		{"text that is not UTF-8", testHeader(), func(b *Builder) { b.Segment("PID").Text(5, "\xff") }, ErrNotEncodable},
		{"a set that is not known", unknown, func(*Builder) {}, ErrCharset},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := NewMessage(tt.h)
			tt.build(b)
			if out, err := b.Segment("ZZZ").Text(1, "later").Bytes(); !errors.Is(err, tt.want) || out != nil {
				t.Errorf("%q %v, want %v", out, err, tt.want)
			}
		})
	}
}

func TestHeaderReadsBack(t *testing.T) {
	h := testHeader()
	h.Accept, h.Application, h.Country, h.Charset = Always, OnError, "CHN", "GB 18030-2000"
	h.SendingFacility.NamespaceID = "医院"
	m := parse(t, build(t, NewMessage(h)))
	h.ProcessingID, h.Version, h.Charset = "P", "2.5.1", "GB18030"
	got := m.Header()
	if !got.Time.Equal(h.Time) {
		t.Errorf("time %v", got.Time)
	}
	if got.Time = h.Time; got != h {
		t.Errorf("got  %+v\nwant %+v", got, h)
	}
}

func TestReplyChangesPlaces(t *testing.T) {
	q := parse(t, "MSH|^~\\&|HIS^1.2^ISO|F|GW|G|20260101||QBP^Q23^QBP_Q21|Q1|T|2.5|||AL|||8859/1")
	r := q.Reply()
	r.Code, r.Trigger, r.Structure, r.ControlID = "RSP", "K23", "RSP_K23", "R1"
	want := "MSH|^~\\&|GW|G|HIS^1.2^ISO|F|||RSP^K23^RSP_K23|R1|T|2.5||||||8859/1\r"
	if got := build(t, NewMessage(r)); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestBuilderMakesAControlID(t *testing.T) {
	one, two := parse(t, build(t, NewMessage(Header{}))), parse(t, build(t, NewMessage(Header{})))
	if len(one.ControlID()) != 20 || string(one.ControlID()) == string(two.ControlID()) {
		t.Errorf("%d characters", len(one.ControlID()))
	}
}

// TestBuildAnAnswerToAQuery is RSP^K23 as the identity index answers it: QPD is
// given back as it came, whatever delimiters and character set it came in.
func TestBuildAnAnswerToAQuery(t *testing.T) {
	query := parse(t, wire(t, simplifiedchinese.GB18030,
		"MSH$%*!@$HIS$$GW$$20260101$$QBP%Q23%QBP_Q21$Q1$P$2.5$$$$$$GB 18030-2000\rQPD$IHE PIX Query$T!F!1$7%%%医院@1.2@ISO%MR$\"\"\rRCP$I\r"))
	h := query.Reply()
	h.Code, h.Trigger, h.Structure, h.ControlID, h.Charset = "RSP", "K23", "RSP_K23", "R1", ""
	qpd, _ := query.Segment("QPD", 1)
	b := NewMessage(h)
	b.Segment("MSA").Text(1, string(AA)).Copy(2, query.Segments()[0].Field(10))
	b.Segment("QAK").Copy(1, qpd.Field(2)).Text(2, "OK")
	b.CopySegment(qpd)
	b.Segment("PID").Set(3, CX{ID: "9", Authority: HD{NamespaceID: "区域"}, Type: "PI"}).Set(5, ST(" "))
	want := "MSH|^~\\&|GW||HIS||||RSP^K23^RSP_K23|R1|P|2.5||||||UNICODE UTF-8\rMSA|AA|Q1\rQAK|T$1|OK\r" +
		"QPD|IHE PIX Query|T$1|7^^^医院&1.2&ISO^MR|\"\"\rPID|||9^^^区域^PI|| \r"
	if got := build(t, b); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestCopyRefusesHalfACharacter(t *testing.T) {
	m := parse(t, header18("GBK")+"\rPID|1||\xb0")
	for name, h := range map[string]Header{"the same set": {Charset: "GBK"}, "another": {}} {
		b := NewMessage(h)
		pid, _ := m.Segment("PID", 1)
		if _, err := b.Segment("PID").Copy(3, pid.Field(3)).Text(4, "x").Bytes(); !errors.Is(err, ErrCharset) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBuilderIsLinear(t *testing.T) {
	b := NewMessage(testHeader())
	for range 20_000 {
		b.Segment("OBX").Text(2, "NM").Text(5, "13.20")
	}
	b.Segment("OBX").Set(5, Components{nil, ST("application"), ST("pdf"), ST("Base64"), ST(strings.Repeat("QUJD", 1<<18))})
	if m := parse(t, build(t, b)); len(m.Segments()) != 20_002 {
		t.Errorf("%d segments", len(m.Segments()))
	}
}

// FuzzBuilder: what is written reads back, in every character set that can carry
// it, and nothing else appears.
func FuzzBuilder(f *testing.F) {
	for _, cs := range []string{"", "GB18030", "BIG-5", "Shift_JIS", "ISO IR87", "KS X 1001", "CNS 11643-1992", "8859/1", "ASCII"} {
		f.Add(cs, "a|b^c~d\\e&f\r\n", "张伟", `""`)
	}
	f.Add("GB18030", "\x1b$B", "許功蓋", "\\.br\\")
	f.Fuzz(func(t *testing.T, cs, one, two, three string) {
		h := testHeader()
		h.Charset = cs
		b := NewMessage(h)
		b.Segment("ZAA").Set(1, ST(one), CX{ID: two, Authority: HD{UniversalID: three}}).Set(3, FT(two)).Text(4, three)
		b.Segment("ZBB").Text(1, "end")
		out, err := b.Bytes()
		if err != nil {
			return
		}
		m, err := Parse(out, Options{})
		if err != nil {
			t.Fatal(err)
		}
		formatted := strings.ReplaceAll(two, "\r\n", "\n")
		for path, want := range map[string]string{"ZAA-1": one, "ZAA-1[2].1": two, "ZAA-1[2].4.2": three, "ZAA-2": "", "ZAA-3": formatted,
			"ZAA-4": three, "ZBB-1": "end"} {
			if got := get(t, m, path).Text(); got != want {
				t.Fatalf("%s in %s: %q, want %q", path, m.Charset(), got, want)
			}
		}
		if len(m.Segments()) != 3 {
			t.Fatalf("%d segments", len(m.Segments()))
		}
	})
}
