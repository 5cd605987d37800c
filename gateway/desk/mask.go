package desk

import (
	"strings"

	"cardferry/drivers/checkdigit"
	"cardferry/hl7/fhir/r4"
)

// Subject says whom a read is about, masked: enough for a clerk to tell two
// cards apart, too little to look anybody up.
type Subject struct {
	// Kind is "cn.resident_id", or the identifier's type code (HL7 table 0203:
	// "MR", "PPN", …), or "identifier" when it has none.
	Kind string `json:"kind"`
	// Masked is the identifier with its middle replaced by asterisks.
	Masked string `json:"masked"`
}

// kindCNResident is the subject kind of a valid GB 11643 number.
const kindCNResident = "cn.resident_id"

// maskedSubject picks the identifier that says most, a resident id before the
// first of any other kind, and masks it. It returns nil without an identifier.
func maskedSubject(p *r4.Patient) *Subject {
	if p == nil {
		return nil
	}
	var subject *Subject
	for _, id := range p.Identifier {
		if _, ok := checkdigit.ParseCNResident(id.Value); ok {
			return &Subject{Kind: kindCNResident, Masked: maskResident(id.Value)}
		}
		if subject == nil && id.Value != "" {
			subject = &Subject{Kind: identifierKind(id), Masked: maskTail(id.Value)}
		}
	}
	return subject
}

// identifierKind returns the type code when it has the form of a code.
func identifierKind(id r4.Identifier) string {
	if id.Type == nil || len(id.Type.Coding) == 0 {
		return "identifier"
	}
	code := id.Type.Coding[0].Code
	if code == "" || len(code) > 20 || strings.Trim(code, codeCharacters) != "" {
		return "identifier"
	}
	return code
}

// codeCharacters make up an identifier type code. There are no digits among
// them, so that a number in the wrong place never passes for a code.
const codeCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.-_"

// maskResident keeps the region and the last four characters of an 18-character
// resident id, the usual practice of Chinese hospitals' displays.
func maskResident(value string) string {
	return value[:6] + "********" + value[14:]
}

// maskTail keeps the last four characters of a long value, the last one of a
// short one and nothing of a very short one. The number of asterisks follows
// the length up to twelve.
func maskTail(value string) string {
	characters := []rune(value)
	keep := 4
	switch {
	case len(characters) < 4:
		keep = 0
	case len(characters) < 8:
		keep = 1
	}
	hidden := len(characters) - keep
	return strings.Repeat("*", min(hidden, 12)) + string(characters[hidden:])
}
