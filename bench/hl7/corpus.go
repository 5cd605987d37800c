package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// corpus is a set of messages that every codec gets, and the five values it must
// read from each.
type corpus struct {
	name     string
	messages [][]byte
	paths    []string
}

func (c *corpus) size() int {
	n := 0
	for _, m := range c.messages {
		n += len(m)
	}
	return n
}

// makeCorpora writes the same synthetic messages every time: admissions of about
// 1.7 KB, results of about 3.4 KB, one document of 1 MB, one result with 8000
// values.
func makeCorpora() []corpus {
	g := &generator{rand.New(rand.NewPCG(7, 2026))} //nolint:gosec // the same messages every time, no secrets
	adt := corpus{name: "adt", paths: []string{"MSH-10", "PID-3[2].1", "PID-5.1", "PV1-3.1", "PV1-19.1"}}
	oru := corpus{name: "oru", paths: []string{"MSH-10", "PID-3[2].1", "PID-5.1", "OBR-4.1", "OBX-5.1"}}
	for i := range 40 {
		adt.messages = append(adt.messages, g.admission(i))
		oru.messages = append(oru.messages, g.result(i, 18+g.IntN(9), ""))
	}
	document := "OBX|1|ED|PDF^Report^L||^application^pdf^Base64^" + strings.Repeat("QUJD", 1<<18) + "||||||F\r"
	ed := corpus{name: "ed 1 MB", paths: []string{"MSH-10", "PID-3[2].1", "PID-5.1", "OBX-3.1", "OBX-5.3"}, messages: [][]byte{g.result(40, 0, document)}}
	obx := corpus{name: "8000 OBX", paths: oru.paths, messages: [][]byte{g.result(41, 8000, "")}}
	return []corpus{adt, oru, ed, obx}
}

// write puts each corpus into a file of MLLP frames, and the paths beside it.
func write(dir string, corpora []corpus) error {
	for i, c := range corpora {
		var out bytes.Buffer
		for _, m := range c.messages {
			out.WriteByte(0x0B)
			out.Write(m)
			out.WriteString("\x1c\r")
		}
		base := filepath.Join(dir, fmt.Sprintf("%d", i))
		if err := os.WriteFile(base+".mllp", out.Bytes(), 0o600); err != nil {
			return err
		}
		if err := os.WriteFile(base+".paths", []byte(strings.Join(append([]string{c.name}, c.paths...), "\n")), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// generator makes up patients; none of the numbers is a valid national id.
type generator struct{ *rand.Rand }

func pick(g *generator, from ...string) string { return from[g.IntN(len(from))] }

func (g *generator) number(digits int) string {
	b := make([]byte, digits)
	for i := range b {
		b[i] = byte('0' + g.IntN(10))
	}
	return string(b)
}

func (g *generator) person() string {
	return pick(g, "Zhang", "Wang", "Li", "Zhao", "Chen", "Huang", "Lindqvist", "Fernandez") + "^" + pick(g, "Wei", "Na", "Min", "Jing", "Lei", "Astrid", "Maria")
}

func (g *generator) day() string {
	return fmt.Sprintf("%04d%02d%02d", 1930+g.IntN(90), 1+g.IntN(12), 1+g.IntN(28))
}

func (g *generator) address() string {
	return fmt.Sprintf("No. %d %s Road^Building %d^Hangzhou^Zhejiang^31%s^CHN^H", 1+g.IntN(900), pick(g, "West Lake", "Wensan", "Jiefang", "Tianmushan"), 1+g.IntN(30), g.number(4))
}

func (g *generator) patient(i int) string {
	return fmt.Sprintf("PID|1||%s^^^HIS&1.2.156.1&ISO^MR~X%s^^^PSN&1.2.156.2&ISO^PI||%s^^Mr^^L~%s^^^^^L^I||%s|%s||2028-9^Asian^HL70005|%s~%s||+86-571-55%s^PRN^PH|+86-571-55%s^WPN^PH|zh^Chinese^ISO639|M^Married^HL70002||ACC%05d^^^HIS^AN|||||Hangzhou|N|1|CHN^China^ISO3166||CHN||N\r",
		g.number(8), g.number(12), g.person(), pick(g, "张^伟", "王^敏", "李^娜", "陈^静"), g.day(), pick(g, "M", "F"), g.address(), g.address(), g.number(5), g.number(5), i)
}

func (g *generator) admission(i int) []byte {
	doctor := g.number(4) + "^" + g.person() + "^^^Dr^^^HIS^L"
	var b strings.Builder
	fmt.Fprintf(&b, "MSH|^~\\&|HIS|330106001|CARDFERRY|REGION|20260102%s+0800||ADT^A01^ADT_A01|A%08d|P|2.5.1|||AL|NE|CHN|UNICODE UTF-8|zh\r", "030405", i)
	b.WriteString("EVN|A01|20260102030405+0800||01|OP123^Operator^Olga^^^Ms|20260102030000\r" + g.patient(i))
	fmt.Fprintf(&b, "PD1||||%s|||||||N\r", doctor)
	fmt.Fprintf(&b, "NK1|1|%s^^^Ms|SPO^Spouse^HL70063|%s|+86-571-55%s||EC^Emergency^HL70131\r", g.person(), g.address(), g.number(5))
	fmt.Fprintf(&b, "PV1|1|I|W%d^R%s^B%d^HIS^^^^Ward|E|||%s|%s|%s|MED||||1|||%s|IN|VN%s^^^HIS^VN|SELF|||||||||||||||||||HIS||A|||20260102024500+0800\r", 1+g.IntN(9), g.number(2), 1+g.IntN(4), doctor, doctor, doctor, doctor, g.number(7))
	b.WriteString("PV2|||R10^Abdominal pain^I10C||||||||||||||||||||N\r")
	for n := range g.IntN(3) {
		fmt.Fprintf(&b, "AL1|%d|DA^Drug allergy^HL70127|%s^Penicillin^RXN|SV^Severe^HL70128|Rash\\T\\swelling|20100101\r", n+1, g.number(4))
	}
	b.WriteString("DG1|1||R10.4^Other and unspecified abdominal pain^I10C||20260102|A^Admitting^HL70052\r")
	fmt.Fprintf(&b, "IN1|1|UEBMI^Urban Employee Basic Medical Insurance|3301^^^CHS|Hangzhou Medical Insurance Bureau|%s||+86-571-55%s|G100||||20250101|20271231|||%s|SEL^Self^HL70063|%s|||1||||||||||||||P%s\rZPI|1|card-read|VIP^N\r", g.address(), g.number(5), g.person(), g.day(), g.number(6))
	return []byte(b.String())
}

func (g *generator) result(i, values int, more string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "MSH|^~\\&|LIS|330106001|CARDFERRY|REGION|20260102030405+0800||ORU^R01^ORU_R01|R%08d|P|2.5.1|||AL|NE|CHN|UNICODE UTF-8\r", i)
	b.WriteString(g.patient(i))
	fmt.Fprintf(&b, "PV1|1|O|LAB^^^HIS\rORC|RE|P%s^HIS|F%s^LIS||CM\rOBR|1|P%s^HIS|F%s^LIS|24323-8^Comprehensive metabolic panel^LN|||20260102030405+0800\r", g.number(6), g.number(6), g.number(6), g.number(6))
	for n := range values {
		fmt.Fprintf(&b, "OBX|%d|NM|%s-%d^%s^LN||%d.%d|%s|%d-%d|%s|||F|||20260102030405+0800\r", n+1, g.number(4), g.IntN(10),
			pick(g, "Hemoglobin [Mass/volume] in Blood", "Sodium [Moles/volume] in Serum", "Glucose [Mass/volume] in Serum"), g.IntN(200), g.IntN(100),
			pick(g, "g/dL", "mmol/L", "10*3/uL"), g.IntN(50), 50+g.IntN(100), pick(g, "N", "H", "L"))
	}
	return append([]byte(b.String()), more...)
}
