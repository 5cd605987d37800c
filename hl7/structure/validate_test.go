package structure

import (
	"strings"
	"testing"

	"cardferry/hl7"
)

func parse(tb testing.TB, raw string) *hl7.Message {
	tb.Helper()
	m, err := hl7.Parse([]byte(raw), hl7.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// message puts lines behind an MSH of a type and version.
func message(typ, version string, lines ...string) string {
	head := "MSH|^~\\&|HIS|H|CARDFERRY|R|20260102030405+0800||" + typ + "|M1|P|" + version + "\r"
	return head + strings.Join(lines, "\r") + "\r"
}

// The lines of a message in which nothing is wrong.
const (
	evn = "EVN||20260102030405"
	pid = "PID|1||1^^^HIS^MR||Li^Na"
	pv1 = "PV1|1|I"
	obr = "OBR|1|P1|F1|58410-2^CBC^LN|||20260102043000|||||||||||||||20260102|||F"
	obx = "OBX|1|NM|718-7^Hemoglobin^LN||13.2|g/dL|||||F"
)

// found lists findings as "code path", infos as "code path info".
func found(m *hl7.Message, o Options) []string {
	var out []string
	for _, f := range Validate(m, o) {
		text := string(f.Code)
		if f.Path != "" {
			text += " " + f.Path
		}
		if f.Severity == Info {
			text += " info"
		}
		out = append(out, text)
	}
	return out
}

func TestOrderOfSegments(t *testing.T) {
	tests := []struct {
		name, raw string
		want      string
	}{
		{"nothing wrong", message("ADT^A01^ADT_A01", "2.5.1", evn, pid, pv1), ""},
		{"optional and repeated segments", message("ADT^A01^ADT_A01", "2.5.1", evn, pid, "NK1|1", "NK1|2", pv1, "AL1|1||X", "DG1|1||||20260102|A"), ""},
		{"Z segments anywhere", message("ADT^A01^ADT_A01", "2.5.1", "ZAA|1", evn, "ZPI|1", pid, pv1, "ZZZ|1"), ""},
		{"required segment missing at the end", message("ADT^A01^ADT_A01", "2.5.1", evn, pid), "segment_missing PV1"},
		{"required segment missing between", message("ADT^A01^ADT_A01", "2.5.1", evn, pid, "AL1|1||X"), "segment_missing PV1"},
		{"two missing", message("ADT^A01^ADT_A01", "2.5.1", pv1), "segment_missing EVN; segment_missing PID"},
		{"only a header", "MSH|^~\\&|HIS|H|CARDFERRY|R|20260102030405+0800||ADT^A01^ADT_A01|M1|P|2.5.1", "segment_missing EVN; segment_missing PID; segment_missing PV1"},
		{"too early", message("ADT^A01^ADT_A01", "2.5.1", evn, pv1, pid), "segment_order PV1"},
		{"too late", message("ADT^A01^ADT_A01", "2.5.1", evn, pid, pv1, "NK1|1"), "segment_order NK1"},
		{"once more than allowed", message("ADT^A01^ADT_A01", "2.5.1", evn, pid, pv1, pv1), "segment_repeats PV1[2]"},
		{"second header", message("ADT^A01^ADT_A01", "2.5.1", evn, pid, pv1, "MSH|^~\\&|X||||20260102||ADT^A01^ADT_A01|M2|P|2.5.1"), "segment_repeats MSH[2]"},
		{"segment of another message", message("ADT^A01^ADT_A01", "2.5.1", evn, pid, pv1, "OBR|1|P1|F1|C^T^L|||20260102|||||||||||||||20260102|||F"), "segment_unexpected OBR"},
		{"segment nobody knows", message("ADT^A01^ADT_A01", "2.5.1", evn, pid, pv1, "QQQ|1"), "segment_unknown QQQ"},
		{"line without a name", message("ADT^A01^ADT_A01", "2.5.1", evn, pid, pv1, "and so on"), "segment_name"},
		{"name in small letters", message("ADT^A01^ADT_A01", "2.5.1", evn, pid, pv1, "obx|1"), "segment_name"},
		{"segment of a later version", message("ADT^A01^ADT_A01", "2.4", "SFT|V|1|P|B", "EVN||20260102", pid, pv1), "segment_unknown SFT"},
		{"group repeats", message("ORU^R01^ORU_R01", "2.5.1", pid, obr, obx, obx, obr, obx), ""},
		{"outer group repeats", message("ORU^R01^ORU_R01", "2.5.1", pid, obr, obx, pid, obr, obx), ""},
		{"result without its request", message("ORU^R01^ORU_R01", "2.5.1", pid, obx), "segment_missing OBR"},
		{"result before its request", message("ORU^R01^ORU_R01", "2.5.1", pid, obx, obr), "segment_order OBX"},
		{"part of a group without its head", message("ADT^A01^ADT_A01", "2.5.1", evn, pid, pv1, "IN2|1"), "segment_missing IN1"},
		{"one of several", message("ORM^O01^ORM_O01", "2.3.1", pid, "ORC|NW|1", "RXO|C^T^L|1||U^U^L", "ORC|NW|2", "ODS|D||S^T^L"), ""},
		{"several orders", message("OML^O21^OML_O21", "2.5.1", pid, "ORC|NW|1", "OBR|1|1||A^B^L", "SPM|1|||BLD^Blood^L", "ORC|NW|2", "OBR|2|2||A^B^L"), ""},
		{"an order with a prior result", message("OML^O21^OML_O21", "2.5.1", pid, "ORC|NW|1", "OBR|1|1||A^B^L", pid, "ORC|RE|0", "OBR|1|0||A^B^L", obx, "ORC|NW|2", "OBR|2|2||A^B^L"), ""},
		{"two patients", message("ADT^A17^ADT_A17", "2.5.1", evn, pid, pv1, "PID|2||2^^^HIS^MR||Wu^Min", pv1), ""},
		{"continuation", message("ORU^R01^ORU_R01", "2.5.1", pid, obr, obx, "ADD|more", "DSC|1"), ""},
		{"event without MSH-9.3", message("ADT^A28", "2.3.1", "EVN||20260102", pid, pv1), ""},
		{"another structure than the event's", message("ADT^A04^ADT_A04", "2.5.1", evn, pid, pv1), "structure_mismatch MSH-9.3"},
		{"old form of MSH-9", message("ORU^R01", "2.3", "PID|1||1||Li^Na", obr, obx), ""},
		{"no rules", message("MFN^M05^MFN_M05", "2.5.1", "MFI|1||UPD|||AL"), "structure_unknown MSH-9 info"},
		{"acknowledgement", message("ACK^A01^ACK", "2.5.1", "MSA|AA|M1"), ""},
		{"merge", message("ADT^A40^ADT_A39", "2.5.1", evn, pid, "MRG|2^^^HIS^MR"), ""},
		{"identifier query", message("QBP^Q23^QBP_Q21", "2.5", "QPD|IHE PIX Query|T1|1^^^HIS^MR", "RCP|I"), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.Join(found(parse(t, tt.raw), Options{}), "; "); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestFields(t *testing.T) {
	adt := func(version string, lines ...string) string {
		return message("ADT^A01^ADT_A01", version, append([]string{evn}, lines...)...)
	}
	oru := func(lines ...string) string {
		return message("ORU^R01^ORU_R01", "2.5.1", append([]string{pid, obr}, lines...)...)
	}
	tests := []struct {
		name, raw string
		want      string
	}{
		{"required field empty", adt("2.5.1", "PID|1||1^^^HIS^MR", pv1), "field_missing PID-5"},
		{"null is a value", adt("2.5.1", `PID|1||1^^^HIS^MR||""`, pv1), ""},
		{"segment without fields", adt("2.5.1", pid, "PV1"), "field_missing PV1-2"},
		{"repeats although once", adt("2.5.1", pid, "PV1|1|I~O~E"), "field_repeats PV1-2[2]"},
		{"repeats where allowed", adt("2.5.1", "PID|1||1^^^HIS^MR~2^^^HIS^PI||Li^Na~Na^Li", pv1), ""},
		{"beyond the last field", adt("2.5.1", "PID|1||1^^^HIS^MR||Li^Na"+strings.Repeat("|", 40)+"x", pv1), "field_unknown PID-45 info"},
		{"withdrawn", adt("2.8", "PID|1|OLD|1^^^HIS^MR||Li^Na", pv1), "field_withdrawn PID-2 info"},
		{"same field before it was withdrawn", adt("2.3.1", "PID|1|OLD|1^^^HIS^MR||Li^Na", pv1), ""},
		{"required component empty", adt("2.5.1", "PID|1||^^^HIS^MR||Li^Na", pv1), "component_missing PID-3.1"},
		{"component beyond the last", adt("2.5.1", "PID|1||1^^^HIS^MR^^^^^^^x||Li^Na", pv1), "component_unknown PID-3.12 info"},
		{"component of a later version", adt("2.7", "PID|1||1^^^HIS^MR^^^^^^x||Li^Na", pv1), ""},
		{"delimiter in a text", adt("2.5.1", pid, "PV1|1|I", "AL1|1||X||a&b"), "component_unknown AL1-5.1.2"},
		{"subcomponent of a plain component", adt("2.5.1", "PID|1||1^^^HIS^MR||Li^A&B", pv1), "component_unknown PID-5.2.2"},
		{"too long", adt("2.5.1", pid, "PV1|1|INPATIENT"), "too_long PV1-2"},
		{"long where no version says", adt("2.7", pid, "PV1|1|INPATIENT"), ""},
		{"characters are counted, not bytes", adt("2.3.1", "PID|1||1||李^娜||||||||||||||"+strings.Repeat("号", 16), pv1), ""},

		{"escapes count as what they stand for", adt("2.3.1", pid, pv1, `AL1|1||X||abcdefghij\T\\T\\T\\T\\T\`), ""},

		{"no number", oru("OBX|1|NM|A^B^L||<5||||||F"), "datatype OBX-5"},
		{"numbers", oru("OBX|1|NM|A^B^L||-5.~+.5~007~0||||||F"), ""},
		{"a sign alone", oru("OBX|1|NM|A^B^L||-||||||F"), "datatype OBX-5"},
		{"type by OBX-2", oru("OBX|1|ST|A^B^L||<5||||||F"), ""},
		{"type nobody knows", oru("OBX|1|XX|A^B^L||a^b&c||||||F"), "table_value OBX-2"},
		{"structured numeric", oru("OBX|1|SN|A^B^L||>^5^-^6||||||F"), ""},
		{"comparator", oru("OBX|1|SN|A^B^L||!^5||||||F"), "datatype OBX-5.1"},
		{"date", oru("OBX|1|DT|A^B^L||202602||||||F"), ""},
		{"no day of the calendar", oru("OBX|1|DT|A^B^L||20260230||||||F"), "datatype OBX-5"},
		{"date with a time", oru("OBX|1|DT|A^B^L||202602031200||||||F"), "datatype OBX-5"},
		{"time", oru("OBX|1|TM|A^B^L||1304~13~130405.1234+0800||||||F"), ""},
		{"no time of day", oru("OBX|1|TM|A^B^L||2504||||||F"), "datatype OBX-5"},
		{"timestamp with a zone", oru("OBX|1|TS|A^B^L||20260102030405.123+0800||||||F"), ""},
		{"timestamp in ISO 8601", oru("OBX|1|TS|A^B^L||2026-01-02T03:04:05||||||F"), "datatype OBX-5.1"},
		{"sequence number", oru("OBX|one|ST|A^B^L||x||||||F"), "datatype OBX-1"},
		{"result status", oru("OBX|1|ST|A^B^L||x||||||FINAL"), "table_value OBX-11; too_long OBX-11"},
		{"status with a blank", oru("OBX|1|ST|A^B^L||x||||||F "), "datatype OBX-11; too_long OBX-11"},
		{"embedded data", oru("OBX|1|ED|A^B^L||^AP^PDF^Base64^QUJD||||||F"), ""},
		{"embedded data is no Base64", oru("OBX|1|ED|A^B^L||^AP^PDF^Base64^QUJ||||||F"), "datatype OBX-5.5"},
		{"embedded data is no hex", oru("OBX|1|ED|A^B^L||^AP^PDF^Hex^0G||||||F"), "datatype OBX-5.5"},
		{"encoding", oru("OBX|1|ED|A^B^L||^AP^PDF^base64^QUJD||||||F"), "table_value OBX-5.4"},
		{"same in a later segment", oru(obx, "OBX|2|NM|A^B^L||x||||||F"), "datatype OBX[2]-5"},

		{"universal id without its type", adt("2.5.1", "PID|1||1^^^HIS&1.2.3^MR||Li^Na", pv1), "component_missing PID-3.4.3"},
		{"universal id type without the id", adt("2.5.1", "PID|1||1^^^HIS&&ISO^MR||Li^Na", pv1), "component_missing PID-3.4.2"},
		{"object identifier", adt("2.5.1", "PID|1||1^^^HIS&1.2.156.1&ISO^MR||Li^Na", pv1), ""},
		{"object identifier with a leading zero", adt("2.5.1", "PID|1||1^^^HIS&1.02&ISO^MR||Li^Na", pv1), "datatype PID-3.4.2"},
		{"UUID", adt("2.5.1", "PID|1||1^^^&2d6f3d8e-6a41-4b7c-9c0e-5f1a2b3c4d5e&UUID^MR||Li^Na", pv1), ""},
		{"check digit", adt("2.5.1", "PID|1||7992739871^3^M10^HIS^MR||Li^Na", pv1), ""},
		{"check digit does not fit", adt("2.5.1", "PID|1||7992739871^4^M10^HIS^MR||Li^Na", pv1), "check_digit PID-3.2 info"},
		{"check digit of M11", adt("2.5.1", "PID|1||128^0^M11^HIS^MR||Li^Na", pv1), "check_digit PID-3.2 info"},

		{"no such version", message("ADT^A01^ADT_A01", "3.0", evn, pid, pv1), "version_unknown MSH-12"},
		{"version with a country", message("ADT^A01^ADT_A01", "2.5.1^CHN", evn, pid, pv1), ""},
		{"version of tomorrow", message("ADT^A01^ADT_A01", "2.9", evn, pid, pv1), ""},
		{"event nobody knows", message("ADT^A99", "2.5.1", evn, pid, pv1), "structure_unknown MSH-9 info; table_value MSH-9.2"},
		{"event of the site", message("ADT^Z01", "2.5.1", evn, pid, pv1), "structure_unknown MSH-9 info"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.Join(found(parse(t, tt.raw), Options{}), "; "); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestOffsets says where findings point to.
func TestOffsets(t *testing.T) {
	raw := message("ADT^A01^ADT_A01", "2.5.1", evn, "PID|1||1^^^HIS&1.2.3^MR||||tomorrow", pv1)
	for _, tt := range []struct{ path, at string }{
		{"PID-3.4.3", "HIS&1.2.3"}, {"PID-5", "||tomorrow"}, {"PID-7.1", "tomorrow"},
	} {
		offset := -1
		for _, f := range Validate(parse(t, raw), Options{}) {
			if f.Path == tt.path {
				offset = f.Offset
			}
		}
		if want := strings.Index(raw, tt.at); offset != want {
			t.Errorf("%s at %d, want %d", tt.path, offset, want)
		}
	}
}

func TestStrict(t *testing.T) {
	raw := message("ADT^A01^ADT_A01", "2.5.1", evn, "PID|1||1^^^HIS^MR", "PV1|1|INPATIENT")
	want := map[Code]Severity{CodeFieldMissing: Error, CodeTooLong: Warning}
	for _, f := range Validate(parse(t, raw), Options{Strict: true}) {
		if f.Severity != want[f.Code] {
			t.Errorf("%s is %s, want %s", f.Code, f.Severity, want[f.Code])
		}
		delete(want, f.Code)
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
}

// TestFindingsAreBounded asks for few findings where there are many.
func TestFindingsAreBounded(t *testing.T) {
	for _, n := range []int{10, 1000} {
		m := parse(t, message("ORU^R01^ORU_R01", "2.5.1", strings.Repeat("PV1|a&b^c~d|x\rOBX|x^y\rJUNK LINE\r", n)))
		all := Validate(m, Options{Max: 1 << 20})
		some := Validate(m, Options{Max: 10})
		if len(all) < 5*n || len(some) != 11 || some[10].Code != CodeMore {
			t.Errorf("%d groups: %d findings, %d when asked for 10", n, len(all), len(some))
		}
		if usual := Validate(m, Options{}); len(usual) > 101 {
			t.Errorf("%d findings by default", len(usual))
		}
	}
}

// TestNoContent looks for what was sent in what is found and in the tree without
// values.
func TestNoContent(t *testing.T) {
	const secret = "SECRET"
	line := "|" + strings.Repeat(secret+"^"+secret+"&"+secret+"~", 3) + strings.Repeat("|"+secret, 60)
	m := parse(t, message("ADT^A01^ADT_A01", "2.5.1", "EVN"+line, "PID"+line, "PV1"+line, "OBX"+line, "ZZZ"+line, secret+line, "SECR"+line, secret)+"MSH|^~\\&"+line+"\r")
	for _, f := range Validate(m, Options{Max: 1000}) {
		if strings.Contains(f.Text+f.Path, secret) || strings.Contains(f.Text+f.Path, secret[:4]) {
			t.Errorf("%+v", f)
		}
	}
	var sb strings.Builder
	if err := Tree(&sb, m, TreeOptions{}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(sb.String(), secret[:4]) {
		t.Error(sb.String())
	}
}
