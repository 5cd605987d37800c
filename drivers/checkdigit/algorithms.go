package checkdigit

// Algorithm is a check that profiles and rules name.
type Algorithm struct {
	Name  string
	Doc   string            // one line: what number, which rule
	Valid func(string) bool // of the number without spaces or signs
}

// Algorithms returns all checks of text, in order of name.
func Algorithms() []Algorithm {
	return []Algorithm{
		{"ae-id", "Emirates ID: 784, year, 15 digits, Luhn", EmiratesID},
		{"ar-cuil", "Argentine CUIL or CUIT: 11 digits, modulo 11", ArgentineCUIL},
		{"at-svnr", "Austrian social insurance number: 10 digits, the fourth checks", AustrianSVNR},
		{"be-nn", "Belgian national number: 11 digits, modulo 97", BelgianNN},
		{"ch-ahv", "Swiss AHV number: 756 and ten digits, EAN-13", SwissAHV},
		{"cn-id", "Chinese resident identity number: GB 11643, MOD 11-2 and an existing birth date", func(s string) bool { _, ok := ParseCNResident(s); return ok }},
		{"de-ik", "German institution code: nine digits", GermanIK},
		{"de-kvnr", "German health insurance number: a letter and nine digits", GermanKVNR},
		{"dk-cpr", "Danish CPR number: 10 digits, an existing birth date, modulo 11 (numbers issued since 2007 may fail)", DanishCPR},
		{"ee-isikukood", "Estonian personal code: 11 digits, an existing birth date, modulo 11 in two passes", EstonianCode},
		{"fr-nir", "French NIR with its key: 15 characters, modulo 97, Corsica as 2A and 2B", FrenchNIR},
		{"gs1", "GS1 keys (GTIN, SSCC, GSRN …): modulo 10 with weights 3 and 1", GS1},
		{"iccsn", "health card number: 20 digits that begin with 80 (ISO/IEC 7812 gives it no check digit)", ICCSN},
		{"it-cf", "Italian tax code: 16 characters with the replacements for equal codes, or 11 digits", ItalianCF},
		{"luhn", "ISO/IEC 7812-1 annex B", Luhn},
		{"mod11-2", "ISO/IEC 7064 MOD 11-2, check character 0 to 9 or X", Mod11_2},
		{"my-kad", "Malaysian MyKad number: 12 digits, an existing birth date, a place of birth in use", MalaysianMyKad},
		{"pt-nif", "Portuguese tax number: nine digits, modulo 11", PortugueseNIF},
		{"pt-sns", "Portuguese health number: nine digits, not beginning with 0 (no check digit is published)", PortugueseSNS},
		{"rs-jmbg", "JMBG of Serbia and the other states of former Yugoslavia: 13 digits, an existing birth date, modulo 11", JMBG},
		{"thai-cid", "Thai citizen number: 13 digits, modulo 11", ThaiCitizen},
		{"tw-id", "Taiwan national or resident number: a letter, nine digits", TWNational},
		{"verhoeff", "Verhoeff's dihedral check (Aadhaar)", Verhoeff},
		{"vn-cccd", "Vietnamese citizen number: 12 digits, a province in use and a birth from 1900 to 2099", VietnameseCCCD},
	}
}
