package card

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cardferry/drivers"

	"github.com/google/go-cmp/cmp"
)

// -update composes the replay files anew (compose_*_test.go) and accepts what
// the engine makes of them as the golden reads. Look at the diff.
var update = flag.Bool("update", false, "rewrite testdata")

// vector is a synthetic card: testdata/NAME.json is the replay file and
// testdata/NAME.read.json the read it yields.
type vector struct {
	name string
	card replayFile
}

type replayFile struct {
	ATR      string         `json:"atr"`
	Protocol string         `json:"protocol"`
	Extended *bool          `json:"extended,omitempty"`
	Exchange []exchangePair `json:"exchange,omitempty"`
	Files    []fileImage    `json:"files,omitempty"`
}

type exchangePair struct {
	C string `json:"c"`
	R string `json:"r"`
}

type fileImage struct {
	AID     string   `json:"aid,omitempty"`
	Path    string   `json:"path,omitempty"`
	SFI     int      `json:"sfi,omitempty"`
	Data    *string  `json:"data,omitempty"`
	Records []string `json:"records,omitempty"`
	SW      string   `json:"sw,omitempty"`
}

func hexed(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) }

func dataFile(aid string, sfi int, b []byte) fileImage {
	s := hexed(b)
	return fileImage{AID: aid, SFI: sfi, Data: &s}
}

// TestVectors replays every file in testdata and compares with its golden read.
func TestVectors(t *testing.T) {
	if *update {
		for _, v := range composeVectors(t) {
			writeJSON(t, filepath.Join("testdata", v.name+".json"), v.card)
		}
	}
	e := shippedEngine(t)
	names, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, name := range names {
		if strings.HasSuffix(name, ".read.json") {
			continue
		}
		count++
		t.Run(strings.TrimSuffix(filepath.Base(name), ".json"), func(t *testing.T) {
			file, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = file.Close() }()
			read, err := e.Replay(t.Context(), file)
			if err != nil {
				t.Fatal(err)
			}
			if len(read.ID) != 26 || read.Reader != ReplayReader || time.Since(read.Time) > time.Minute {
				t.Errorf("id, time and reader are not those of a read: %v", read)
			}
			read.ID, read.Time = "", time.Time{}
			golden := strings.TrimSuffix(name, ".json") + ".read.json"
			if *update {
				writeJSON(t, golden, read)
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(encode(t, read))); diff != "" {
				t.Errorf("read differs from golden file (-want +got):\n%s", diff)
			}
		})
	}
	if count < 20 {
		t.Errorf("only %d vectors found", count)
	}
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", " ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func writeJSON(t *testing.T, name string, v any) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, encode(t, v), 0o644); err != nil {
		t.Fatal(err)
	}
}

func composeVectors(t *testing.T) []vector {
	t.Helper()
	var all []vector
	all = append(all, composeTaiwan()...)
	all = append(all, composeChina()...)
	all = append(all, composeGermany(t)...)
	return append(all, composeThailand(t)...)
}

// replayVector reads one vector by name.
func replayVector(tb testing.TB, e *Engine, name string) (drivers.Read, error) {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		tb.Fatal(err)
	}
	return e.Replay(tb.Context(), bytes.NewReader(b))
}
