package debian

import (
	"path/filepath"
	"slices"
	"testing"
)

func TestMissing(t *testing.T) {
	dir := t.TempDir()
	got := Missing([]Requirement{
		{Probe: "go", Package: "golang"},
		{Probe: "no-such-program", Package: "a"},
		{Probe: dir, Package: "there"},
		{Probe: filepath.Join(dir, "none"), Package: "b"},
	})
	if want := []string{"a", "b"}; !slices.Equal(got, want) {
		t.Errorf("missing %v, want %v", got, want)
	}
}
