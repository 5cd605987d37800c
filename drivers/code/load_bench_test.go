package code_test

import (
	"os"
	"testing"

	"cardferry/drivers/code"
)

// The shipped rules are loaded whenever the daemon starts.
func BenchmarkLoadRules(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := code.LoadRules(os.DirFS("../../configs/codes")); err != nil {
			b.Fatal(err)
		}
	}
}
