package fhir

import (
	"strings"
	"testing"

	"cardferry/hl7"
)

func benchmarkTranslate(b *testing.B, name string) {
	tr := translator(b)
	var raw []byte
	for _, c := range tr.tables.Cases() {
		if c.Name == name {
			raw = c.Message
		}
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		m, err := hl7.Parse(raw, hl7.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := tr.Translate(m, "key"); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}

func BenchmarkTranslateADT(b *testing.B) { benchmarkTranslate(b, "adt-a01") }

func BenchmarkTranslateORU(b *testing.B) { benchmarkTranslate(b, "oru-r01") }

func BenchmarkValidateBundle(b *testing.B) {
	tr := translator(b)
	res, err := tr.Translate(message(b, string(tr.tables.Cases()[0].Message)), "key")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(res.Bundle)))
	b.ReportAllocs()
	for b.Loop() {
		ValidateBundle(res.Bundle)
	}
}

// BenchmarkTranslateManyRepetitions is a message that is one long field: the
// work stays bounded.
func BenchmarkTranslateManyRepetitions(b *testing.B) {
	tr := translator(b)
	m := message(b, "MSH|^~\\&|A|B|||2026||ADT^A08|1|P|2.5\rPID|1||"+strings.Repeat("1^^^H^MR~2~", 20_000)+"\r")
	for b.Loop() {
		if _, err := tr.Translate(m, "key"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTranslateManyResults shows that time grows with the message, not with
// its square.
func BenchmarkTranslateManyResults(b *testing.B) {
	tr := translator(b)
	head := "MSH|^~\\&|LIS|LAB|||20260315101500||ORU^R01|L1|P|2.5.1\rPID|1||1^^^H^MR||A^B\rOBR|1|P|F|X^Y^L|||20260315\r"
	m := message(b, head+strings.Repeat("OBX|1|NM|2345-7^G^LN||13.20|mmol/L|3.9-6.1|H|||F\r", 2000))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tr.Translate(m, "key"); err != nil {
			b.Fatal(err)
		}
	}
}
