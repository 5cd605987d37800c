package fhir

import (
	"os"
	"testing"

	"cardferry/hl7"
)

// shipped loads the tables in the tree.
func shipped(t testing.TB) *Tables {
	t.Helper()
	tables, err := LoadTables(os.DirFS("../../configs/v2fhir"))
	if err != nil {
		t.Fatal(err)
	}
	return tables
}

func translator(t testing.TB) *Translator {
	t.Helper()
	tr, err := NewTranslator(shipped(t), CaseConfig())
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func message(t testing.TB, s string) *hl7.Message {
	t.Helper()
	m, err := hl7.Parse(Segments([]byte(s)), hl7.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}
