package hl7

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

var ackTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 8*3600))

func ackInfo(code AckCode) AckInfo {
	return AckInfo{Code: code, Now: ackTime, ControlID: "R1"}
}

func TestACK(t *testing.T) {
	rejected := ackInfo(AE)
	rejected.ErrorCode, rejected.Location, rejected.Text = RequiredFieldMissing, Path{Segment: "MSH", Field: 10}, "a|b"
	located := ackInfo(AE)
	located.ErrorCode, located.Location = DataTypeError, Path{Segment: "PID", Occurrence: 1, Field: 3, Repetition: 2, Component: 1}
	tests := []struct {
		name, req string
		info      AckInfo
		want      string
	}{
		{"receiver and sender change places with all components",
			"MSH|^~\\&|HIS^1.2^ISO|F&x|GW|G2^3|20260101||ADT^A01^ADT_A01|ID1|P|2.5.1\rPID|1\r", ackInfo(AA),
			"MSH|^~\\&|GW|G2^3|HIS^1.2^ISO|F&x|20260102030405+0800||ACK^A01^ACK|R1|P|2.5.1\rMSA|AA|ID1\r"},
		{"version 2.3.1 has ACK alone", "MSH|^~\\&|A|B|C|D|||ADT^A01|7|T|2.3.1\r", ackInfo(AA),
			"MSH|^~\\&|C|D|A|B|20260102030405+0800||ACK|R1|T|2.3.1\rMSA|AA|7\r"},
		{"version 2.4", "MSH|^~\\&|A|B|C|D|||ADT^A01|7|T|2.4\r", ackInfo(CA),
			"MSH|^~\\&|C|D|A|B|20260102030405+0800||ACK^A01^ACK|R1|T|2.4\rMSA|CA|7\r"},
		{"version unknown and with components", "MSH|^~\\&|A|B|C|D|||ORU_R01|7|P|2.99^USA\r", ackInfo(AA),
			"MSH|^~\\&|C|D|A|B|20260102030405+0800||ACK^R01^ACK|R1|P|2.99^USA\rMSA|AA|7\r"},
		{"no trigger", "MSH|^~\\&|A|B|C|D|||ADT|7|P|2.5\r", ackInfo(AA),
			"MSH|^~\\&|C|D|A|B|20260102030405+0800||ACK|R1|P|2.5\rMSA|AA|7\r"},
		{"delimiters are the request's", "MSH$%*!@$A%B$C$D$E$$$ADT%A01$7$P$2.5\r", rejected,
			"MSH$%*!@$D$E$A%B$C$20260102030405+0800$$ACK%A01%ACK$R1$P$2.5\rMSA$AE$7$a|b\rERR$$MSH%1%10$101%Required field missing%HL70357$E$$$$a|b\r"},
		{"truncation character", "MSH|^~\\&#|A|B|C|D|||ADT^A01|7|P|2.7\r", ackInfo(AA),
			"MSH|^~\\&#|C|D|A|B|20260102030405+0800||ACK^A01^ACK|R1|P|2.7\rMSA|AA|7\r"},
		{"ERR from 2.5 on", "MSH|^~\\&|A|B|C|D|||ADT^A01||P|2.5\r", rejected,
			"MSH|^~\\&|C|D|A|B|20260102030405+0800||ACK^A01^ACK|R1|P|2.5\rMSA|AE||a\\F\\b\rERR||MSH^1^10|101^Required field missing^HL70357|E||||a\\F\\b\r"},
		{"ERR before 2.5", "MSH|^~\\&|A|B|C|D|||ADT^A01||P|2.3.1\r", rejected,
			"MSH|^~\\&|C|D|A|B|20260102030405+0800||ACK|R1|P|2.3.1\rMSA|AE||a\\F\\b\rERR|MSH^1^10^101&Required field missing\r"},
		{"ERR with a full location", "MSH|^~\\&|A|B|C|D|||ADT^A01|7|P|2.6\r", located,
			"MSH|^~\\&|C|D|A|B|20260102030405+0800||ACK^A01^ACK|R1|P|2.6\rMSA|AE|7\rERR||PID^1^3^2^1|102^Data type error^HL70357|E\r"},
		{"no ERR when accepted", "MSH|^~\\&|A|B|C|D|||ADT^A01|7|P|2.5\r", func() AckInfo { a := rejected; a.Code = AA; a.Text = ""; return a }(),
			"MSH|^~\\&|C|D|A|B|20260102030405+0800||ACK^A01^ACK|R1|P|2.5\rMSA|AA|7\r"},
		{"character set is repeated", header18("8859/1") + "\r", ackInfo(AA),
			"MSH|^~\\&|C|D|A|B|20260102030405+0800||ACK^A01^ACK|R1|P|2.5||||||8859/1\rMSA|AA|1\r"},
		{"LF message, BOM and filler", "\uFEFF\nMSH|^~\\&|A|B|C|D|||ADT^A01|7|P|2.5\nPID|1\n", ackInfo(AA),
			"MSH|^~\\&|C|D|A|B|20260102030405+0800||ACK^A01^ACK|R1|P|2.5\rMSA|AA|7\r"},
		{"MSH cut short", "MSH|^~\\&|A|B", ackInfo(AR),
			"MSH|^~\\&|||A|B|20260102030405+0800||ACK|R1||\rMSA|AR|\r"},
		{"not HL7", "HELLO WORLD", func() AckInfo { a := ackInfo(AR); a.ErrorCode = SegmentSequenceError; return a }(),
			"MSH|^~\\&|||||20260102030405+0800||ACK|R1|P|2.5.1\rMSA|AR|\rERR|||100^Segment sequence error^HL70357|E\r"},
		{"nothing", "", ackInfo(AR), "MSH|^~\\&|||||20260102030405+0800||ACK|R1|P|2.5.1\rMSA|AR|\r"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(ACK([]byte(tt.req), tt.info)); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestACKEchoesTheControlIDByteForByte(t *testing.T) {
	for _, id := range []string{`A\T\B`, "ID^1", "ID\xe9", strings.Repeat("9", 199), " 7 ", `\`, "a~b&c"} {
		ack := ACK([]byte("MSH|^~\\&|A|B|C|D|||ADT^A01|"+id+"|P|2.5\rPID|1\r"), ackInfo(AA))
		m, err := Parse(ack, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if v, _ := m.Get("MSA-2"); string(v.Raw()) != id {
			t.Errorf("MSA-2 %q, want %q", v.Raw(), id)
		}
	}
}

func TestACKInTheRequestsCharset(t *testing.T) {
	info := ackInfo(AE)
	info.Text = "缺少字段"
	gb := ACK([]byte(wire(t, simplifiedchinese.GB18030, header18("GB 18030-2000"))), info)
	if m := parse(t, string(gb)); get(t, m, "MSA-3").Text() != info.Text {
		t.Errorf("GB 18030: %q", gb)
	}
	latin := ACK([]byte(header18("8859/1")), info)
	if m := parse(t, string(latin)); get(t, m, "MSA-3").Kind() != Absent || string(get(t, m, "MSA-2").Raw()) != "1" {
		t.Errorf("a text the set lacks is left out: %q", latin)
	}
	u16 := ACK([]byte(wire(t, unicode.UTF16(unicode.BigEndian, unicode.UseBOM), header18(""))), info)
	if m := parse(t, string(u16)); get(t, m, "MSA-3").Text() != info.Text || m.Charset() != "UTF-16" {
		t.Errorf("UTF-16: %q", u16)
	}
}

func TestACKIsBounded(t *testing.T) {
	huge := strings.Repeat("x", 1<<20)
	if ack := ACK([]byte("MSH|^~\\&|"+huge+"|B|C|D|||ADT^A01|7|P|2.5\r"), ackInfo(AR)); len(ack) > 1000 {
		t.Errorf("%d bytes", len(ack))
	}
}

func TestACKMakesAControlID(t *testing.T) {
	req := []byte("MSH|^~\\&|A|B|C|D|||ADT^A01|7|P|2.5\r")
	info := AckInfo{Code: AA, Now: ackTime}
	one, two := ACK(req, info), ACK(req, info)
	if bytes.Equal(one, two) {
		t.Error("two acknowledgements have the same MSH-10")
	}
	if m := parse(t, string(one)); len(m.ControlID()) != 20 {
		t.Errorf("%d characters", len(m.ControlID()))
	}
}

func TestAckModes(t *testing.T) {
	tests := []struct {
		msh15, msh16        string
		outcome             Outcome
		code                AckCode
		immediate, deferred bool
		warnings            int
	}{
		{"", "", Accepted, AA, true, false, 0},
		{"", "", Failed, AE, true, false, 0},
		{"", "", Rejected, AR, true, false, 0},
		{"AL", "", Accepted, CA, true, false, 0},
		{"AL", "NE", Failed, CE, true, false, 0},
		{"AL", "AL", Rejected, CR, true, true, 0},
		{"NE", "NE", Failed, CE, false, false, 0},
		{"ER", "SU", Accepted, CA, false, true, 0},
		{"ER", "SU", Failed, CE, true, false, 0},
		{"SU", "ER", Accepted, CA, true, false, 0},
		{"SU", "ER", Rejected, CR, false, true, 0},
		{"", "AL", Accepted, CA, false, true, 0},
		{"al", "XX", Accepted, AA, true, false, 2},
	}
	for _, tt := range tests {
		m := parse(t, `MSH|^~\&|||||||ADT^A01|1|P|2.5|||`+tt.msh15+"|"+tt.msh16)
		mode := m.AckMode()
		if code, ok := mode.Immediate(tt.outcome); code != tt.code || ok != tt.immediate {
			t.Errorf("%s/%s outcome %d: %s %v", tt.msh15, tt.msh16, tt.outcome, code, ok)
		}
		if _, ok := mode.Deferred(tt.outcome); ok != tt.deferred {
			t.Errorf("%s/%s outcome %d: deferred %v", tt.msh15, tt.msh16, tt.outcome, ok)
		}
		if n := len(m.Warnings()); n != tt.warnings {
			t.Errorf("%s/%s: %d warnings", tt.msh15, tt.msh16, n)
		}
	}
}

func TestIsAck(t *testing.T) {
	for msg, want := range map[string]bool{
		"MSH|^~\\&|||||||ACK|1\rMSA|AA|7":            true,
		"MSH|^~\\&|||||||ACK^A01^ACK|1":              true,
		"MSH|^~\\&|||||||MCF|1":                      true,
		"MSH|^~\\&|||||||RSP^K22|1\rMSA|AA|7\rQAK|1": true,
		"MSH|^~\\&|||||||ADT^A01|1\rPID|1":           false,
	} {
		if got := parse(t, msg).IsAck(); got != want {
			t.Errorf("%q: %v", msg, got)
		}
	}
}

func TestNAKNamesTheCause(t *testing.T) {
	tests := []struct {
		name, req string
		opt       Options
		code, err string
	}{
		{"not HL7", "HELLO WORLD", Options{}, "AR", "100"},
		{"nothing", "", Options{}, "AR", "100"},
		{"bad delimiters", `MSH|^^\&|A`, Options{}, "AR", "100"},
		{"too large", "MSH|^~\\&|A|B|C|D|||ADT^A01|7|P|2.5\rPID|1\r", Options{MaxSize: 20}, "AR", "207"},
		{"too large, enhanced mode", "MSH|^~\\&|A|B|C|D|||ADT^A01|7|P|2.5|||AL|NE\rPID|1\r", Options{MaxSize: 20}, "CR", "207"},
		{"character set", "M\x00S\x00H\x00|\x00", Options{}, "AE", "207"},
	}
	for _, tt := range tests {
		_, err := Parse([]byte(tt.req), tt.opt)
		if err == nil {
			t.Fatalf("%s: accepted", tt.name)
		}
		m := parse(t, string(NAK([]byte(tt.req), err, ackInfo(""))))
		if get(t, m, "MSA-1").Text() != tt.code || get(t, m, "ERR-3").Text() != tt.err || get(t, m, "MSA-3").Text() != err.Error() {
			t.Errorf("%s: %q", tt.name, m.Bytes())
		}
	}
}
