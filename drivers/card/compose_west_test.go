package card

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
)

const (
	germanApp = "D27600000102"
	germanMF  = "D2760001448000"
)

// germanDoc is gzipped ISO-8859-15 XML, as in EF.PD and EF.VD.
func germanDoc(t *testing.T, body string) []byte {
	t.Helper()
	text, err := charmap.ISO8859_15.NewEncoder().String(`<?xml version="1.0" encoding="ISO-8859-15" standalone="yes"?>` + body)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	zw, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := zw.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// lengthPrefixed is EF.PD and EF.GVD: be16 length, content, padding.
func lengthPrefixed(b []byte, size int) []byte {
	return pad(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...), size, 0)
}

// pointed is EF.VD: four inclusive be16 offsets, then the parts.
func pointed(vd, gvd []byte, size int) []byte {
	b := binary.BigEndian.AppendUint16(nil, 8)
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(vd)-1))
	if gvd == nil {
		b = append(b, 0xFF, 0xFF, 0xFF, 0xFF)
	} else {
		b = binary.BigEndian.AppendUint16(b, uint16(8+len(vd)))
		b = binary.BigEndian.AppendUint16(b, uint16(8+len(vd)+len(gvd)-1))
	}
	return pad(append(append(b, vd...), gvd...), size, 0)
}

func composeGermany(t *testing.T) []vector {
	person := func(ns, birth, extra string) []byte {
		return germanDoc(t, fmt.Sprintf(`<%[1]sUC_PersoenlicheVersichertendatenXML xmlns%[2]s="http://ws.gematik.de/fa/vsdm/vsd/v5.2" CDM_VERSION="5.2.0"><%[1]sVersicherter><%[1]sVersicherten_ID>X110411319</%[1]sVersicherten_ID><%[1]sPerson><%[1]sGeburtsdatum>%[3]s</%[1]sGeburtsdatum><%[1]sVorname>Käthe Zoë</%[1]sVorname><%[1]sNachname>Mustermüller</%[1]sNachname><%[1]sGeschlecht>W</%[1]sGeschlecht><%[1]sVorsatzwort>von</%[1]sVorsatzwort><%[1]sNamenszusatz>Gräfin</%[1]sNamenszusatz><%[1]sTitel>Dr.</%[1]sTitel>%[4]s</%[1]sPerson></%[1]sVersicherter></%[1]sUC_PersoenlicheVersichertendatenXML>`,
			ns, strings.TrimSuffix(":"+ns, ":"), birth, extra))
	}
	const street = `<StrassenAdresse><Postleitzahl>10115</Postleitzahl><Ort>Berlin</Ort><Land><Wohnsitzlaendercode>D</Wohnsitzlaendercode></Land><Strasse>Große €-Straße</Strasse><Hausnummer>7b</Hausnummer><Anschriftenzusatz>Hinterhaus</Anschriftenzusatz></StrassenAdresse>`
	const box = `<PostfachAdresse><Postleitzahl>10001</Postleitzahl><Ort>Berlin</Ort><Postfach>12 34</Postfach><Land><Wohnsitzlaendercode>D</Wohnsitzlaendercode></Land></PostfachAdresse>`
	insurance := germanDoc(t, `<UC_AllgemeineVersicherungsdatenXML xmlns="http://ws.gematik.de/fa/vsdm/vsd/v5.2"><Versicherter><Versicherungsschutz><Beginn>20200101</Beginn><Ende>20291231</Ende><Kostentraeger><Kostentraegerkennung>109519005</Kostentraegerkennung><Kostentraegerlaendercode>D</Kostentraegerlaendercode><Name>Musterkasse Süd</Name><AbrechnenderKostentraeger><Kostentraegerkennung>260326822</Kostentraegerkennung><Name>Abrechnung</Name></AbrechnenderKostentraeger></Kostentraeger></Versicherungsschutz><Zusatzinfos><ZusatzinfosGKV><Versichertenart>1</Versichertenart><Zusatzinfos_Abrechnung_GKV><WOP>72</WOP></Zusatzinfos_Abrechnung_GKV></ZusatzinfosGKV></Zusatzinfos></Versicherter></UC_AllgemeineVersicherungsdatenXML>`)
	protected := germanDoc(t, `<UC_GeschuetzteVersichertendatenXML xmlns="http://ws.gematik.de/fa/vsdm/vsd/v5.2"><BesonderePersonengruppe>4</BesonderePersonengruppe><DMP_Kennzeichnung>1</DMP_Kennzeichnung></UC_GeschuetzteVersichertendatenXML>`)

	card := func(protocol string, extended bool, files ...fileImage) replayFile {
		r := replayFile{ATR: "3BD096FF81B1FE451F032E", Protocol: protocol, Files: files}
		if !extended {
			r.Extended = new(bool)
		}
		return r
	}
	pd := dataFile(germanApp, 1, lengthPrefixed(person("", "19870215", street), 850))
	vd := dataFile(germanApp, 2, pointed(insurance, nil, 1250))
	locked := fileImage{AID: germanApp, SFI: 3, SW: "6982"}
	status := dataFile(germanApp, 12, append([]byte("020240115093000"), 0x00, 0x50, 0x02, 0x00, 0x00, 0, 0, 0, 0, 0))
	gdo := dataFile(germanMF, 2, []byte{0x5A, 0x0A, 0x80, 0x27, 0x68, 0x81, 0x04, 0x99, 0x00, 0x00, 0x01, 0x8F})
	whole := []fileImage{pd, vd, locked, status, gdo}

	broken := lengthPrefixed(person("", "19870215", street), 850)
	broken[40] ^= 0xFF
	cut := pointed(insurance, nil, 1250)[:200] // pointers reach behind the file
	return []vector{
		{"de-egk", card("T=1", true, whole...)},
		{"de-egk-short-length-only", card("T=1", false, whole...)},
		{"de-egk-t0", card("T=0", true, whole...)},
		{"de-egk-namespace-prefix", card("T=1", true, dataFile(germanApp, 1, lengthPrefixed(person("vsdp:", "19870215", ""), 850)), vd, locked)},
		{"de-egk-partial-birth", card("T=1", true, dataFile(germanApp, 1, lengthPrefixed(person("", "19870000", box), 850)), vd, locked)},
		{"de-egk-protected-in-vd", card("T=1", true, pd, dataFile(germanApp, 2, pointed(insurance, protected, 1250)), locked, gdo)},
		{"de-egk-protected-readable", card("T=1", true, pd, vd, dataFile(germanApp, 3, lengthPrefixed(protected, 420)), gdo)},
		{"de-egk-damaged-pd", card("T=1", true, dataFile(germanApp, 1, broken), vd, locked)},
		{"de-egk-broken-xml", card("T=1", true, dataFile(germanApp, 1, lengthPrefixed(germanDoc(t, "<UC><Versicherter>"), 850)), vd, locked)},
		{"de-egk-cut-vd", card("T=1", true, pd, dataFile(germanApp, 2, cut), locked)},
	}
}

// thaiCard is the applet's memory.
type thaiCard struct{ memory []byte }

func (c *thaiCard) put(t *testing.T, offset, n int, text string) {
	t.Helper()
	b, err := charmap.Windows874.NewEncoder().String(text)
	if err != nil || len(b) > n {
		t.Fatalf("text does not fit at %d: %v", offset, err)
	}
	copy(c.memory[offset:], pad([]byte(b), n, ' '))
}

func newThaiCard(t *testing.T, birth, expires string) *thaiCard {
	c := &thaiCard{bytes.Repeat([]byte{' '}, 5700)}
	c.put(t, 4, 13, "1101700230708")
	c.put(t, 17, 100, "นาย#ทดสอบ##ระบบดี")
	c.put(t, 117, 100, "Mr.#Thotsop#Klang#Rabopdee")
	c.put(t, 217, 8, birth)
	c.put(t, 225, 1, "1")
	c.put(t, 246, 100, "ท้องถิ่นเขตทดสอบ/กรุงเทพมหานคร")
	c.put(t, 359, 8, "25630401")
	c.put(t, 367, 8, expires)
	c.put(t, 5497, 160, "99/1#หมู่ที่ 4#ซอยทดสอบ#ถนนสมมุติ##ตำบลในเมือง#อำเภอเมือง#จังหวัดสมมุติ")
	c.put(t, 5657, 14, "10319999999999")
	copy(c.memory[379:], "\xFF\xD8\xFF\xE0synthetic, not a picture\xFF\xD9")
	return c
}

// exchange records the given reads: T=1 answers at once; T=0 announces with
// 61xx and is fetched with GET RESPONSE, whose P2 old cards want to be 01.
func (c *thaiCard) exchange(t0 bool, p2 byte, reads ...[2]int) []exchangePair {
	const sel = "00A4040008A000000054480001"
	out := []exchangePair{{sel, "9000"}}
	if t0 {
		out = []exchangePair{{sel, "610A"}, {fmt.Sprintf("00C000%02X0A", p2), "6F088406A00000005448" + "9000"}}
	}
	for _, r := range reads {
		cmd := fmt.Sprintf("80B0%04X0200%02X", r[0], r[1])
		data := hexed(c.memory[r[0]:r[0]+r[1]]) + "9000"
		if !t0 {
			out = append(out, exchangePair{cmd, data})
			continue
		}
		out = append(out, exchangePair{cmd, fmt.Sprintf("61%02X", r[1])}, exchangePair{fmt.Sprintf("00C000%02X%02X", p2, r[1]), data})
	}
	return out
}

func composeThailand(t *testing.T) []vector {
	combined := [][2]int{{4, 13}, {17, 209}, {246, 100}, {359, 18}, {5497, 160}, {5657, 14}}
	single := [][2]int{{4, 13}, {17, 100}, {117, 100}, {217, 8}, {225, 1}, {246, 100}, {359, 8}, {367, 8}, {5497, 160}, {5657, 14}}
	photo := append([][2]int(nil), combined...)
	for off := 379; off <= 5224; off += 255 {
		photo = append(photo, [2]int{off, 255})
	}
	photo = append(photo, [2]int{5479, 18})
	usual := newThaiCard(t, "25330721", "25720720")
	const atr, old = "3B781800005448204E49442031", "3B6700002920006F789000"
	return []vector{
		{"th-nid-t0", replayFile{ATR: "3B6800005448204E49442036", Protocol: "T=0", Exchange: usual.exchange(true, 0, combined...)}},
		{"th-nid-t0-old-atr", replayFile{ATR: old, Protocol: "T=0", Exchange: usual.exchange(true, 1, combined...)}},
		{"th-nid-t1", replayFile{ATR: atr, Protocol: "T=1", Exchange: usual.exchange(false, 0, combined...)}},
		{"th-nid-field-by-field", replayFile{ATR: atr, Protocol: "T=1", Exchange: usual.exchange(false, 0, single...)}},
		{"th-nid-with-photo", replayFile{ATR: atr, Protocol: "T=1", Exchange: usual.exchange(false, 0, photo...)}},
		{"th-nid-lifelong", replayFile{ATR: atr, Protocol: "T=1", Exchange: newThaiCard(t, "24810000", "99999999").exchange(false, 0, combined...)}},
		{"th-nid-birth-month-only", replayFile{ATR: atr, Protocol: "T=1", Exchange: newThaiCard(t, "24810500", "25720720").exchange(false, 0, combined...)}},
		{"th-nid-birth-unknown", replayFile{ATR: atr, Protocol: "T=1", Exchange: newThaiCard(t, "00000000", "25720720").exchange(false, 0, combined...)}},
		{"th-nid-no-address", replayFile{ATR: atr, Protocol: "T=1", Exchange: usual.exchange(false, 0, combined[:4]...)}},
	}
}
