package debian

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
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

func TestNeed(t *testing.T) {
	unavailable := errors.New("not available")
	if err := Need([]Requirement{{Probe: t.TempDir(), Package: "there"}}, unavailable); err != nil {
		t.Error(err)
	}
	err := Need([]Requirement{{Probe: "no-such-program", Package: "a"}, {Probe: "nor-this", Package: "b"}}, unavailable)
	if !errors.Is(err, unavailable) || !strings.Contains(err.Error(), "apt-get install a b") {
		t.Errorf("%v, want what to install", err)
	}
}
