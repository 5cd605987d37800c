package card

import (
	"io/fs"
	"os"
	"testing"
	"testing/fstest"
)

func shippedFS() fs.FS { return os.DirFS("../../configs/cards") }

// shipped loads the profiles that the product ships.
func shipped(tb testing.TB) []*Profile {
	tb.Helper()
	ps, err := LoadProfiles(shippedFS())
	if err != nil {
		tb.Fatal(err)
	}
	return ps
}

func shippedEngine(tb testing.TB) *Engine {
	tb.Helper()
	e, err := NewEngine(shipped(tb))
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

// Every shipped profile carries tests and passes them.
func TestShippedProfiles(t *testing.T) {
	e := shippedEngine(t)
	tested := map[string]int{}
	for _, r := range e.TestProfiles(t.Context()) {
		tested[r.Profile]++
		t.Run(r.Profile+"/"+r.Test, func(t *testing.T) {
			if r.Err != nil {
				t.Error(r.Err)
			}
		})
	}
	for _, p := range e.Profiles() {
		if tested[p.Label()] == 0 {
			t.Errorf("%s carries no test", p.Label())
		}
	}
}

// memoryFile is a file system with one profile or amendment.
func memoryFile(text string) fs.FS {
	return fstest.MapFS{"site.yaml": {Data: []byte(text)}}
}
