package fhir

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the expected Bundles of the table tests")

func TestShippedTablesDoWhatTheirTestsSay(t *testing.T) {
	tables := shipped(t)
	if len(tables.Cases()) == 0 {
		t.Fatal("the tables have no tests")
	}
	for _, c := range tables.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			if *update {
				c.Want = nil
			}
			b, err := tables.Replay(c)
			if err != nil {
				t.Error(err)
			}
			if *update {
				var out bytes.Buffer
				if err := json.Indent(&out, maskVersion(b), "", " "); err != nil {
					t.Fatal(err)
				}
				out.WriteByte('\n')
				if err := os.WriteFile("../../configs/v2fhir/tests/"+c.Name+".json", out.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if c.Want == nil {
				t.Error("no expected Bundle; run the test with -update and read the result")
			}
		})
	}
}
