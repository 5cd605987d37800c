//go:build cgo

package pcsc

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cardferry/drivers"
	"cardferry/drivers/card/isocard"
)

// Every card the profile engine is tested with offline is read through the real
// service too, one in each reader at a time, and must yield the same read.
func TestCardsEndToEnd(t *testing.T) {
	all := allReaders(t)
	var whole []*pull
	for _, file := range replayFiles(t) {
		whole = append(whole, &pull{file: file, after: -1})
	}
	if len(whole) < 20 {
		t.Fatalf("only %d cards found", len(whole))
	}
	r := start(t, shippedProfiles(t).Read)
	r.attached(all)
	r.inTurn(all, whole)
}

// replayFiles returns the synthetic cards of the profile engine's tests.
func replayFiles(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join("..", "card", "testdata", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var replays []string
	for _, name := range all {
		if !strings.HasSuffix(name, ".read.json") {
			replays = append(replays, name)
		}
	}
	return replays
}

func replayed(t testing.TB, file string) *isocard.Card {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c, err := isocard.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// golden returns the read that the engine yields offline.
func golden(t testing.TB, file string) string {
	t.Helper()
	b, err := os.ReadFile(strings.TrimSuffix(file, ".json") + ".read.json")
	if err != nil {
		t.Fatal(err)
	}
	var read drivers.Read
	if err := json.Unmarshal(b, &read); err != nil {
		t.Fatal(err)
	}
	return withoutMoment(t, read)
}

// withoutMoment renders a read without what is different each time.
func withoutMoment(t testing.TB, read drivers.Read) string {
	t.Helper()
	read.ID, read.Reader, read.Time = "", "", time.Time{}
	b, err := json.Marshal(read)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", " "); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
