package definition

import "testing"

// BenchmarkParse is paid once, when a process first needs the table.
func BenchmarkParse(b *testing.B) {
	b.SetBytes(int64(len(table)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parse(table); err != nil {
			b.Fatal(err)
		}
	}
}
