package configs

import (
	"embed"
	"io/fs"
)

//go:embed cardferry.yaml
var sample []byte

// Sample is the commented configuration file that the package installs.
func Sample() []byte { return sample }

//go:embed cards codes v2fhir simulated
var tables embed.FS

// Cards holds the shipped card profiles, *.yaml.
func Cards() fs.FS { return sub("cards") }

// Codes holds the shipped rules for scanned codes, *.yaml.
func Codes() fs.FS { return sub("codes") }

// V2FHIR holds the shipped HL7 v2 to FHIR mapping tables.
func V2FHIR() fs.FS { return sub("v2fhir") }

// Simulated holds deck.json, the cards of invented people for demo and training.
func Simulated() fs.FS { return sub("simulated") }

func sub(dir string) fs.FS {
	f, err := fs.Sub(tables, dir)
	if err != nil {
		panic("embedded folder " + dir + ": " + err.Error()) // only a wrong go:embed line can cause it
	}
	return f
}
