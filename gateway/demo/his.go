package demo

import (
	"fmt"
	"strings"
	"time"
)

// his makes the messages of a small hospital system about people who do not
// exist. Every message has its own control id.
type his struct {
	sent int
	now  func() time.Time
}

// people are the made-up patients; the identity numbers pass their check digit
// but belong to a region code nobody was born in.
var people = []struct{ mrn, id, family, given, birth, sex string }{
	{"D0001001", "990101190001010018", "测试", "甲", "19000101", "M"},
	{"D0001002", "990101190203040012", "测试", "乙", "19020304", "M"},
	{"D0001003", "990101190506070024", "测试", "丙", "19050607", "F"},
	{"D0001004", "990101190811120016", "测试", "丁", "19081112", "M"},
}

const authority = "HIS&1.2.3.4.5&ISO"

func (h *his) msh(event, structure string) string {
	h.sent++
	return fmt.Sprintf(`MSH|^~\&|HIS|DEMO|CARDFERRY|DEMO|%s||%s^%s|DEMO%06d|P|2.5.1|||||CHN|UNICODE UTF-8`,
		h.now().Format("20060102150405-0700"), event, structure, h.sent)
}

func pid(i int) string {
	p := people[i%len(people)]
	return fmt.Sprintf(`PID|1||%s^^^%s^MR~%s^^^CHN^NNCHN||%s^%s||%s|%s|||测试路%d号^^测试市`,
		p.mrn, authority, p.id, p.family, p.given, p.birth, p.sex, i%200+1)
}

// admit is ADT^A01, update ADT^A08 with a phone number that counts up.
func (h *his) admit(i int) string {
	return segments(h.msh("ADT^A01", "ADT_A01"), "EVN|A01|"+h.stamp(), pid(i),
		fmt.Sprintf("PV1|1|I|W1^101^%d|||||||||||||||||V%07d||||||||||||||||||||||||||%s", i%4+1, i, h.stamp()))
}

func (h *his) update(i, counter int) string {
	return segments(h.msh("ADT^A08", "ADT_A01"), "EVN|A08|"+h.stamp(),
		pid(i)+fmt.Sprintf("||139%08d", counter), fmt.Sprintf("PV1|1|O|||||||||||||||||V%07d", i%len(people)))
}

// result is ORU^R01 with one haemoglobin value.
func (h *his) result(i, n int) string {
	return segments(h.msh("ORU^R01", "ORU_R01"), pid(i),
		fmt.Sprintf("OBR|1||LAB%07d|718-7^Hemoglobin^LN|||%s|||||||||||||||%s|||F", n, h.stamp(), h.stamp()),
		fmt.Sprintf("OBX|1|NM|718-7^Hemoglobin^LN||13.%02d|g/dL|12.0-16.0|N|||F|||%s", n%100, h.stamp()))
}

func (h *his) stamp() string { return h.now().Format("20060102150405-0700") }

func segments(lines ...string) string { return strings.Join(lines, "\r") + "\r" }
