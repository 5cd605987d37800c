//go:build hardware && cgo

package uml_test

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cardferry/configs"
	"cardferry/drivers"
	"cardferry/drivers/card"
	"cardferry/drivers/card/isocard"
)

// shippedEngine reads with the card profiles of the product.
func shippedEngine(t *testing.T) *card.Engine {
	t.Helper()
	profiles, err := card.LoadProfiles(configs.Cards())
	must(t, err)
	engine, err := card.NewEngine(profiles)
	must(t, err)
	return engine
}

// replayed is a synthetic card.
func replayed(t *testing.T, file string) *isocard.Card {
	t.Helper()
	b, err := os.ReadFile(file)
	must(t, err)
	c, err := isocard.Parse(b)
	must(t, err)
	return c
}

// compare compares a read with the golden file of the offline read.
func compare(t *testing.T, golden string, got drivers.Read) {
	t.Helper()
	b, err := os.ReadFile(golden)
	must(t, err)
	var want drivers.Read
	must(t, json.Unmarshal(b, &want))
	if diff := cmp.Diff(lasting(t, want), lasting(t, got)); diff != "" {
		t.Errorf("differs (-offline +hardware):\n%s", diff)
	}
}

// lasting is a read as generic JSON, without what is different each time and
// without the reader, which here does not look simulated.
func lasting(t *testing.T, r drivers.Read) any {
	t.Helper()
	r.ID, r.Reader, r.Time, r.Simulated = "", "", time.Time{}, false
	b, err := json.Marshal(r)
	must(t, err)
	var v any
	must(t, json.Unmarshal(b, &v))
	return v
}
