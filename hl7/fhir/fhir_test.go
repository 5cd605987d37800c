package fhir

import (
	"io/fs"
	"os"
	"testing"
	"testing/fstest"

	"cardferry/hl7"
)

func shippedFS() fs.FS { return os.DirFS("../../configs/v2fhir") }

// shipped loads the tables in the tree.
func shipped(t testing.TB) *Tables {
	t.Helper()
	tables, err := LoadTables(shippedFS())
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

// withSite puts site tables, by file name, over the shipped ones.
func withSite(t testing.TB, files map[string]string) *Translator {
	t.Helper()
	site := fstest.MapFS{}
	for name, text := range files {
		site[name] = &fstest.MapFile{Data: []byte(text)}
	}
	tables, err := LoadTables(shippedFS(), site)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := NewTranslator(tables, CaseConfig())
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
