package structure

import (
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"cardferry/hl7"
)

// admission is an ADT^A01 of 1.7 KB with eleven segments.
func admission(tb testing.TB) *hl7.Message {
	tb.Helper()
	return read(tb, "testdata/adt_a01_full.hl7")
}

func read(tb testing.TB, name string) *hl7.Message {
	tb.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	m, err := hl7.Parse(b, hl7.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func BenchmarkValidate(b *testing.B) {
	m := admission(b)
	b.SetBytes(int64(len(m.Bytes())))
	b.ReportAllocs()
	for b.Loop() {
		if f := Validate(m, Options{}); len(f) > 20 {
			b.Fatal(len(f))
		}
	}
}

// BenchmarkValidateResults is a message of 8,000 results, 0.9 MB.
func BenchmarkValidateResults(b *testing.B) {
	const head = "MSH|^~\\&|LIS|H|CARDFERRY|R|20260102050000+0800||ORU^R01^ORU_R01|R1|P|2.5.1\rPID|1||1^^^HIS^MR||Li^Na\rOBR|1|P1^HIS|F1^LIS|58410-2^CBC^LN|||20260102043000\r"
	const obx = "OBX|1|NM|718-7^Hemoglobin^LN||13.20|g/dL|12.0-16.0|N|||F|||20260102043000+0800||1111^Chen^Wei^^^Dr^^^HIS|\r"
	m, err := hl7.Parse([]byte(head+strings.Repeat(obx, 8000)), hl7.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(m.Bytes())))
	b.ReportAllocs()
	for b.Loop() {
		Validate(m, Options{})
	}
}

// BenchmarkValidateHostile is a message in which everything is wrong.
func BenchmarkValidateHostile(b *testing.B) {
	const head = "MSH|^~\\&|LIS|H|CARDFERRY|R|x||ORU^R01^ORU_R01|R1|P|2.5.1\r"
	m, err := hl7.Parse([]byte(head+strings.Repeat("PV1|a&b^c~d|x\rOBX|x^y\rPID\rEVN\r", 30000)), hl7.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(m.Bytes())))
	b.ReportAllocs()
	for b.Loop() {
		Validate(m, Options{})
	}
}

func BenchmarkTree(b *testing.B) {
	m := admission(b)
	b.SetBytes(int64(len(m.Bytes())))
	b.ReportAllocs()
	for b.Loop() {
		if err := Tree(io.Discard, m, TreeOptions{Values: true}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReadDialect is what the first use of a version costs; "B/version" is
// what stays in memory.
func BenchmarkReadDialect(b *testing.B) {
	var d *dialect
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	d, err := readDialect(fallbackVersion)
	if err != nil {
		b.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportAllocs()
	for b.Loop() {
		if d, err = readDialect(fallbackVersion); err != nil {
			b.Fatal(err)
		}
	}
	runtime.KeepAlive(d)
	b.ReportMetric(float64(after.HeapAlloc)-float64(before.HeapAlloc), "B/version")
}
