package gateway

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"cardferry/drivers"
	"cardferry/drivers/card"
)

// TestPassportIsTheSamePersonByZoneAndByChip: the clerk may scan the printed lines or have the
// chip read, and a site's country certificates prove the chip's data to be the issuer's.
func TestPassportIsTheSamePersonByZoneAndByChip(t *testing.T) {
	const zone = "P<UTOMUSTER<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<<<\nL000000X17UTO9003071F3501014<<<<<<<<<<<<<<<0"
	certificates, err := filepath.Glob("../drivers/emrtd/testdata/*csca*.cer")
	if err != nil || len(certificates) == 0 {
		t.Fatal(certificates, err)
	}
	site := t.TempDir()
	if err := os.Mkdir(filepath.Join(site, "csca"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, file := range certificates {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(site, "csca", filepath.Base(file)), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name, tables string
		assurance    drivers.Assurance
		unchecked    bool
	}{
		{"no certificates", "", drivers.ChipRead, true},
		{"the country's certificate", site, drivers.ChipAuthenticated, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tables, err := LoadTables(tt.tables, nil)
			if err != nil {
				t.Fatal(err)
			}
			profiles := tables.Cards.Profiles()
			i := slices.IndexFunc(profiles, func(p *card.Profile) bool { return p.Name() == "emrtd" })
			sample, ok := profiles[i].Sample()
			if !ok {
				t.Fatal("the profile has no sample")
			}
			chip, err := tables.Cards.Replay(t.Context(), bytes.NewReader(sample))
			if err != nil {
				t.Fatal(err)
			}
			scanned := tables.Codes.Recognise([]byte(zone))
			if chip.Patient == nil || scanned.Patient == nil {
				t.Fatalf("chip %v, zone %v", chip, scanned)
			}
			a, b := chip.Patient.Identifier[0], scanned.Patient.Identifier[0]
			if a.System != b.System || a.Value != b.Value || chip.Patient.BirthDate != scanned.Patient.BirthDate {
				t.Errorf("two people: %s|%s and %s|%s", a.System, a.Value, b.System, b.Value)
			}
			unchecked := slices.ContainsFunc(chip.Warnings, func(w drivers.Warning) bool { return w.Code == "document_signer_not_checked" })
			if chip.Assurance != tt.assurance || unchecked != tt.unchecked {
				t.Errorf("assurance %s, warnings %v", chip.Assurance, chip.Warnings)
			}
		})
	}
}
