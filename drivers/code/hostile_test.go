package code_test

import (
	"bytes"
	"encoding/hex"
	"runtime"
	"strings"
	"testing"

	"cardferry/drivers/code"
)

// hostile are scans made to exhaust or confuse a decoder, by name.
func hostile() map[string]string {
	key := ecKey()
	zeros := make([]byte, 3<<20)
	return map[string]string{
		"Aadhaar that inflates to megabytes":    decimal(gzipped(zeros)),
		"Aadhaar of the largest number":         strings.Repeat("9", code.MaxScan),
		"Aadhaar cut short":                     aadhaar(rsaKey(), "Anna Muster")[:700],
		"Aadhaar without fields":                decimal(gzipped([]byte("V2\xFF"))) + strings.Repeat("0", 500),
		"health card that inflates":             smartHealthCard(key, zeros),
		"health card of deep JSON":              smartHealthCard(key, bytes.Repeat([]byte("["), 200<<10)),
		"health card of digits beyond ASCII":    "shc:/" + strings.Repeat("99", 500),
		"health card without signature":         "shc:/" + strings.Repeat("01", 500),
		"certificate that inflates":             "HC1:" + base45(zlibbed(zeros)),
		"certificate of deep CBOR":              digitalCovidCertificate(key, bytes.Repeat([]byte{0x81}, 200<<10)),
		"certificate of nested tags":            "HC1:" + base45(zlibbed(bytes.Repeat([]byte{0xC1}, 100<<10))),
		"certificate with a lying text length":  digitalCovidCertificate(key, unhex("7BFFFFFFFFFFFFFFF041")),
		"certificate with a lying array length": digitalCovidCertificate(key, unhex("9BFFFFFFFFFFFFFFFF01")),
		"certificate of duplicate keys":         digitalCovidCertificate(key, unhex("A201610101615A")),
		"certificate that never ends":           digitalCovidCertificate(key, bytes.Repeat([]byte{0x9F}, 50<<10)),
		"ABHA of deep JSON":                     `{"hidn":` + strings.Repeat("[", 4000) + "}",
		"ABHA of many keys":                     `{"hidn":"1"` + strings.Repeat(`,"a":{}`, 1000) + "}",
		"link of deep JSON":                     "shlink:/" + strings.Repeat("W1tb", 1000),
		"licence with lying directory":          "@\n\x1e\rANSI 636000080099DL99999999" + strings.Repeat("DL00000000", 98) + "DAQ\n",
		"licence of one endless element":        "@\n\x1e\rANSI 636000080001DL00310060DLDAQ" + strings.Repeat("A", 7000),
		"licence of many elements":              "@\n\x1e\rANSI 636000080001DL00310060DL" + strings.Repeat("DAB1\n", 1500),
		"GS1 without end":                       "]d2" + strings.Repeat("10A\x1d", 2000),
		"GS1 brackets":                          strings.Repeat("(8018)", 80),
		"Digital Link of slashes":               "https://a/8018" + strings.Repeat("/", 480),
		"zone of fillers":                       "P<" + strings.Repeat("<", 86),
		"stripe of sentinels":                   strings.Repeat("%;?", 2700),
		"Viet Nam of bars":                      "001190000000" + strings.Repeat("|", 8000),
		"Argentina of separators":               strings.Repeat("@", 8000),
		"cedula of NULs":                        strings.Repeat("\x00", 531),
		"cedula with nothing else":              strings.Repeat("\x00", 24) + "PubDSK_" + strings.Repeat("\x00", 500),
		"XML entities":                          `<?xml version="1.0"?><PrintLetterBarcodeData name="` + strings.Repeat("&a;", 2000) + `"/>`,
	}
}

func unhex(s string) []byte { return must(hex.DecodeString(s)) }

func TestHostileCodesNameNobody(t *testing.T) {
	rules := shipped(t)
	for name, scan := range hostile() {
		t.Run(name, func(t *testing.T) {
			r := rules.Recognise([]byte(scan))
			if r.Patient != nil && (len(r.Patient.Identifier) > 0 || r.Patient.BirthDate != "") {
				t.Errorf("%s gave a patient with %d identifiers", r.Medium, len(r.Patient.Identifier))
			}
			if r.Medium == "" {
				t.Error("no medium")
			}
		})
	}
}

// What a scan makes a decoder allocate is bounded, however little of it there is.
func TestHostileCodesStaySmall(t *testing.T) {
	rules := shipped(t)
	for name, scan := range hostile() {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		rules.Recognise([]byte(scan))
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 32<<20 {
			t.Errorf("%s: %d bytes", name, got)
		}
	}
}
