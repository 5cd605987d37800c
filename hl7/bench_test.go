package hl7

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// admission is an ADT^A01 of about 1.7 KB.
func admission() []byte {
	return []byte("MSH|^~\\&|HIS|330106001|CARDFERRY|REGION|20260102030405+0800||ADT^A01^ADT_A01|MSG00001|P|2.5.1|||AL|NE|CHN|UNICODE UTF-8|zh\r" +
		"EVN|A01|20260102030405+0800||01|OP123^Operator^Olga^^^Ms|20260102030000\r" +
		"PID|1||100001^^^HIS&1.2.156.1&ISO^MR~330106199003071234^^^PSN&1.2.156.2&ISO^NNCHN||Zhang^Wei^^^Mr^^L~张^伟^^^^^L^I||19900307|M||2028-9^Asian^HL70005|" +
		"No. 1 West Lake Road^Building 2^Hangzhou^Zhejiang^310000^CHN^H~No. 9 Office Street^^Hangzhou^Zhejiang^310001^CHN^O||+86-571-5550100^PRN^PH^^86^571^5550100|+86-571-5550101^WPN^PH|zh^Chinese^ISO639|M^Married^HL70002|NON^None^HL70006|ACC0001^^^HIS^AN|||||Hangzhou|N|1|CHN^China^ISO3166||CHN||N\r" +
		"PD1||||2222^Fang^Doctor^^^Dr^^^HIS|||||||N\r" +
		"NK1|1|Li^Na^^^Ms|SPO^Spouse^HL70063|No. 1 West Lake Road^^Hangzhou^Zhejiang^310000^CHN|+86-571-5550102||EC^Emergency^HL70131\r" +
		"PV1|1|I|W3^R12^B2^HIS^^^^Ward 3 East|E|||1111^Chen^Attending^^^Dr^^^HIS^L|2222^Fang^Referring^^^Dr^^^HIS^L|3333^Wu^Consulting^^^Dr|MED||||1|||1111^Chen^Attending^^^Dr|IN|VN0001^^^HIS^VN|SELF|||||||||||||||||||HIS||A|||20260102024500+0800\r" +
		"PV2|||R10^Abdominal pain^I10C||||||||||||||||||||N\r" +
		"AL1|1|DA^Drug allergy^HL70127|7980^Penicillin^RXN|SV^Severe^HL70128|Rash\\T\\swelling|20100101\r" +
		"DG1|1||R10.4^Other and unspecified abdominal pain^I10C||20260102|A^Admitting^HL70052\r" +
		"IN1|1|UEBMI^Urban Employee Basic Medical Insurance|3301^^^CHS|Hangzhou Medical Insurance Bureau|No. 2 Insurance Road^^Hangzhou^Zhejiang^310002^CHN||+86-571-5550200|G100||||20250101|20271231|||Zhang^Wei|SEL^Self^HL70063|19900307|No. 1 West Lake Road^^Hangzhou^Zhejiang^310000^CHN|||1||||||||||||||P0001\r" +
		"ZPI|1|card-read|VIP^N\r")
}

var fiveGets = [...]string{"MSH-10", "PID-3[2].1", "PID-5.1", "PV1-3.1", "PV1-19.1"}

// BenchmarkParse5Gets is the gateway's hot path. "x-IndexByte" is the time over
// that of finding every CR with bytes.IndexByte, the floor for any splitter.
func BenchmarkParse5Gets(b *testing.B) {
	msg := admission()
	b.SetBytes(int64(len(msg)))
	b.ReportAllocs()
	for b.Loop() {
		m, err := Parse(msg, Options{})
		if err != nil {
			b.Fatal(err)
		}
		for _, p := range fiveGets {
			if v, err := m.Get(p); err != nil || v.Kind() != Text {
				b.Fatal(p, err)
			}
		}
	}
	perOp := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
	b.ReportMetric(1e9/perOp, "msg/s")
	b.ReportMetric(perOp/scanTime(b, msg, '\r'), "x-IndexByte")
}

func BenchmarkParse5GetsGB18030(b *testing.B) {
	utf := bytes.Replace(admission(), []byte("UNICODE UTF-8"), []byte("GB 18030-2000"), 1)
	msg, err := simplifiedchinese.GB18030.NewEncoder().Bytes(utf)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(msg)))
	b.ReportAllocs()
	for b.Loop() {
		m, err := Parse(msg, Options{})
		if err != nil {
			b.Fatal(err)
		}
		for _, p := range fiveGets {
			if v, err := m.Get(p); err != nil || v.Kind() != Text {
				b.Fatal(p, err)
			}
		}
	}
}

// BenchmarkWalk visits every leaf. "x-IndexByte" is the time over that of finding
// every field separator with bytes.IndexByte.
func BenchmarkWalk(b *testing.B) {
	msg := admission()
	m := parse(b, string(msg))
	b.SetBytes(int64(len(msg)))
	b.ReportAllocs()
	leaves := 0
	for b.Loop() {
		for range m.Leaves() {
			leaves++
		}
	}
	if leaves == 0 {
		b.Fatal("no leaves")
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/scanTime(b, msg, '|'), "x-IndexByte")
}

func BenchmarkParseED1MB(b *testing.B) {
	msg := append(admission(), "OBX|1|ED|PDF^Report^L||^application^pdf^Base64^"+strings.Repeat("QUJD", 1<<18)+"||||||F\r"...)
	b.SetBytes(int64(len(msg)))
	b.ReportAllocs()
	for b.Loop() {
		m, err := Parse(msg, Options{})
		if err != nil {
			b.Fatal(err)
		}
		if v, err := m.Get("OBX-5.5"); err != nil || len(v.Raw()) != 1<<20 {
			b.Fatal("not found")
		}
	}
}

func manyOBX() []byte {
	return append(admission(), strings.Repeat("OBX|1|NM|718-7^Hemoglobin [Mass/volume] in Blood^LN||13.20|g/dL|12.0-16.0|N|||F|||20260102030405+0800\r", 8000)...)
}

// BenchmarkParse8000OBX reads five values of a message with 8000 results, one of
// them from the last.
func BenchmarkParse8000OBX(b *testing.B) {
	msg := manyOBX()
	paths := [...]string{"MSH-10", "PID-3[2].1", "PID-5.1", "OBX-5", "OBX[8000]-5"}
	b.SetBytes(int64(len(msg)))
	b.ReportAllocs()
	for b.Loop() {
		m, err := Parse(msg, Options{})
		if err != nil || len(m.Segments()) < 8000 {
			b.Fatal(err)
		}
		for _, p := range paths {
			if v, err := m.Get(p); err != nil || v.Kind() != Text {
				b.Fatal(p, err)
			}
		}
	}
}

// BenchmarkEveryOBX reads a value of each of 8000 results in one pass.
func BenchmarkEveryOBX(b *testing.B) {
	m := parse(b, string(manyOBX()))
	b.SetBytes(int64(len(m.Bytes())))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, s := range m.All("OBX") {
			n += len(s.Field(5).Raw())
		}
		if n != 8000*len("13.20") {
			b.Fatal(n)
		}
	}
}

// BenchmarkBuild writes a result with 20 values.
func BenchmarkBuild(b *testing.B) {
	h := testHeader()
	b.ReportAllocs()
	for b.Loop() {
		m := NewMessage(h)
		m.Segment("PID").Set(3, CX{ID: "100001", Authority: HD{NamespaceID: "HIS"}, Type: "MR"}).Set(5, XPN{Family: "张", Given: "伟"})
		m.Segment("OBR").Text(1, "1").Set(4, CWE{Code: "24323-8", Text: "Comprehensive metabolic panel", System: "LN"})
		for range 20 {
			m.Segment("OBX").Text(2, "NM").Set(3, CWE{Code: "718-7", Text: "Hemoglobin", System: "LN"}).Text(5, "13.20").Text(11, "F")
		}
		out, err := m.Bytes()
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(out)))
	}
}

func BenchmarkACK(b *testing.B) {
	msg := admission()
	info := ackInfo(AA)
	b.ReportAllocs()
	for b.Loop() {
		ACK(msg, info)
	}
}

// scanTime is how long finding every c in msg takes, in nanoseconds.
func scanTime(b *testing.B, msg []byte, c byte) float64 {
	const rounds = 20_000
	found := 0
	start := time.Now()
	for range rounds {
		for rest := msg; ; found++ {
			j := bytes.IndexByte(rest, c)
			if j < 0 {
				break
			}
			rest = rest[j+1:]
		}
	}
	if found == 0 {
		b.Fatal("nothing to find")
	}
	return float64(time.Since(start).Nanoseconds()) / rounds
}
