// Command gen writes synthetic HL7 v2.5.1 messages as JSON lines {"id","hl7"},
// the same ones every time: every message structure of hl7/structure, with its
// fields filled by datatype. A share of the values is wrong on purpose (times
// that do not exist, unknown codes, texts for numbers, null values, repeats of
// what does not repeat), and a share of the messages has segments missing, twice
// or in another order: what comes out must be valid FHIR all the same.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
)

func main() {
	log.SetFlags(0)
	root := flag.String("root", "../..", "folder of the module cardferry")
	n := flag.Int("n", 500, "number of messages")
	seed := flag.Uint64("seed", 1, "another seed gives other messages")
	flag.Parse()
	if err := run(*root, *n, *seed); err != nil {
		log.Fatalf("gen: %v", err)
	}
}

func run(root string, n int, seed uint64) error {
	structures, err := readStructures(filepath.Join(root, "hl7/structure/tables/messages.txt"))
	if err != nil {
		return err
	}
	events, err := readEvents(filepath.Join(root, "hl7/structure/tables/events.tsv"))
	if err != nil {
		return err
	}
	codes, err := readCodes(filepath.Join(root, "hl7/structure/tables/codes.tsv"), filepath.Join(root, "configs/v2fhir/vocabulary.csv"))
	if err != nil {
		return err
	}
	// Structures that the tables translate come more often than the rest.
	var often, rest []event
	for _, e := range events {
		switch {
		case structures[e.structure] == nil:
		case translated[e.structure]:
			often = append(often, e)
		default:
			rest = append(rest, e)
		}
	}
	if len(often) == 0 || len(rest) == 0 {
		return fmt.Errorf("no events of known structures in %s; is -root right?", root)
	}
	out := bufio.NewWriter(os.Stdout)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for i := range n {
		g := &generator{Rand: rand.New(rand.NewPCG(seed, uint64(i))), codes: codes, dirt: []int{0, 3, 15}[i%3]} //nolint:gosec // the same messages every time, no secrets
		e := often[g.IntN(len(often))]
		if i%5 == 4 {
			e = rest[g.IntN(len(rest))]
		}
		line := struct {
			ID  string `json:"id"`
			HL7 string `json:"hl7"`
		}{fmt.Sprintf("%s^%s-%d", e.code, e.trigger, i), g.message(e, structures[e.structure], i)}
		if err := enc.Encode(line); err != nil {
			return err
		}
	}
	return out.Flush()
}

// translated are the structures that hospitals send most and the tables know.
var translated = map[string]bool{
	"ADT_A01": true, "ADT_A02": true, "ADT_A03": true, "ADT_A05": true, "ADT_A06": true, "ADT_A09": true, "ADT_A12": true, "ADT_A15": true,
	"ADT_A16": true, "ADT_A17": true, "ADT_A18": true, "ADT_A21": true, "ADT_A30": true, "ADT_A39": true, "ORU_R01": true, "OML_O21": true,
	"ORM_O01": true, "SIU_S12": true, "MDM_T01": true, "MDM_T02": true, "VXU_V04": true, "RDE_O11": true, "RAS_O17": true, "OMP_O09": true,
	"REF_I12": true, "DFT_P03": true, "OMG_O19": true, "ORL_O22": true, "PPR_PC1": true,
}
