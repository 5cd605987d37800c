package idcard

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"cardferry/drivers"
	"cardferry/drivers/checkdigit"
	"cardferry/hl7/fhir/r4"
)

// TextSize is the size of the text block in bytes: 128 UTF-16LE code units.
const TextSize = 256

// Options says which sensitive data of a card leave the reader. The zero value
// lets none out.
type Options struct {
	Ethnicity bool // extras.ethnicity, GB/T 3304
	Photo     bool // Patient.photo, the raw WLT stream
}

// DecodeText turns the 256-byte text block of any of the four documents into a
// read without sensitive data; ID, Time and Reader stay empty. A block of another
// size is an error. What is odd inside the block is a warning: "check_digit",
// "inconsistent", "unreadable", "missing", "lossy_text", or
// "document_type_unsupported", in which case nothing of the text is passed on.
func DecodeText(block []byte) (drivers.Read, error) {
	return Card{Text: block}.Decode(Options{})
}

// Decode is [DecodeText] with a choice of sensitive data.
func (c Card) Decode(opt Options) (drivers.Read, error) {
	if len(c.Text) != TextSize {
		return drivers.Read{}, fmt.Errorf("SAM text block has %d bytes, want %d", len(c.Text), TextSize)
	}
	d := &document{
		block: c.Text, opt: opt, patient: r4.NewPatient(),
		read: drivers.Read{Assurance: drivers.ChipRead, Extras: map[string]any{}},
	}
	d.read.Patient = d.patient
	// Offset 248 tells the document: blank on a citizen's card, else a letter.
	// Older blocks fill the reserved end with zeros.
	switch kind := d.unit(248); kind {
	case ' ', 0, '0':
		d.citizen()
	case 'J':
		d.residencePermit()
	case 'I':
		d.permanent2017()
	case 'Y':
		d.permanent2023()
	default:
		return unsupported(kind), nil
	}
	if opt.Photo && len(c.Photo) > 0 {
		d.photo(c.Photo)
	}
	if len(d.read.Extras) == 0 {
		d.read.Extras = nil
	}
	return d.read, nil
}

func unsupported(kind uint16) drivers.Read {
	r := drivers.Read{
		Medium: drivers.MediumUnknown, Assurance: drivers.ChipRead, Partial: true,
		Warnings: []drivers.Warning{{Code: "document_type_unsupported", Field: "document"}},
	}
	if kind >= 'A' && kind <= 'Z' {
		r.Extras = map[string]any{"document-type": string(rune(kind))}
	}
	return r
}

// document is one text block being taken apart.
type document struct {
	block   []byte
	opt     Options
	read    drivers.Read
	patient *r4.Patient
}

func (d *document) warn(code, field string) {
	w := drivers.Warning{Code: code, Field: field}
	for _, old := range d.read.Warnings {
		if old == w {
			return
		}
	}
	d.read.Warnings = append(d.read.Warnings, w)
}

// unit returns the UTF-16 code unit at a byte offset.
func (d *document) unit(off int) uint16 { return uint16(d.block[off]) | uint16(d.block[off+1])<<8 }

// text returns size bytes at off without padding. Text that cannot be carried
// faithfully (half a surrogate pair, control and private-use characters) is a
// warning on field.
func (d *document) text(off, size int, field string) string {
	units := make([]uint16, 0, size/2)
	for i := off; i < off+size; i += 2 {
		units = append(units, d.unit(i))
	}
	s := strings.TrimRightFunc(string(utf16.Decode(units)), padding)
	lossy := false
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r):
			lossy = true
			return -1
		case r == unicode.ReplacementChar, unicode.Is(unicode.Co, r):
			lossy = true
		}
		return r
	}, s)
	if lossy {
		d.warn("lossy_text", field)
	}
	return strings.TrimFunc(s, padding)
}

func padding(r rune) bool { return r == ' ' || r == 0 || r == '\u3000' }

// date returns YYYYMMDD at off as YYYY-MM-DD, or "" with a warning.
func (d *document) date(off int, field string) string {
	s := d.text(off, 16, field)
	if s == "" {
		d.warn("missing", field)
		return ""
	}
	t, err := time.Parse("20060102", s)
	if err != nil {
		d.warn("unreadable", field)
		return ""
	}
	return t.Format(time.DateOnly)
}

// The extras of a document carry the names that card profiles use, so that a desk
// need not know what kind of card a date came from.
const (
	extraIssued   = "card-issued"   // YYYY-MM-DD
	extraExpires  = "card-expires"  // YYYY-MM-DD; absent on a card without end
	extraLifelong = "card-lifelong" // "true" on a card without end
	extraIssuer   = "card-issuer"   // authority, as printed
)

// validity puts the document's period into the extras. A citizen over 45 gets a
// card without end, which says 长期 in place of a date.
func (d *document) validity(from, to int) {
	if s := d.date(from, extraIssued); s != "" {
		d.read.Extras[extraIssued] = s
	}
	if d.text(to, 16, extraExpires) == "长期" {
		d.read.Extras[extraLifelong] = "true"
		return
	}
	if s := d.date(to, extraExpires); s != "" {
		d.read.Extras[extraExpires] = s
	}
}

func (d *document) extra(key string, off, size int) {
	if s := d.text(off, size, key); s != "" {
		d.read.Extras[key] = s
	}
}

func (d *document) name(off, size int, use, language string) {
	d.nameText(d.text(off, size, "name"), use, language)
}

// nameText adds a name as one text: the chip does not say where the family name
// ends, and guessing would be wrong for compound and minority names.
func (d *document) nameText(s, use, language string) {
	if s == "" {
		return
	}
	d.patient.Name = append(d.patient.Name, r4.HumanName{
		Extension: []r4.Extension{{URL: "http://hl7.org/fhir/StructureDefinition/language", ValueCode: language}},
		Use:       use,
		Text:      s,
	})
}

func (d *document) gender(off int) {
	s := d.text(off, 2, "gender")
	if d.patient.Gender = gender(s); d.patient.Gender == "" {
		d.warn("unreadable", "gender")
	}
}

func (d *document) address(off int) {
	if s := d.text(off, 70, "address"); s != "" {
		d.patient.Address = append(d.patient.Address, r4.Address{Use: "home", Text: s})
	}
}

func (d *document) identifier(id r4.Identifier) {
	if id.Value == "" {
		d.warn("missing", "identifier")
		return
	}
	d.patient.Identifier = append(d.patient.Identifier, id)
}

// checkResident compares an 18-character number with its own check character and
// with birth date and sex as printed.
func (d *document) checkResident(number string) {
	if number == "" {
		return
	}
	id, ok := checkdigit.ParseCNResident(number)
	if !ok {
		d.warn("check_digit", "identifier")
		return
	}
	if b := d.patient.BirthDate; b != "" && b != id.Birth.Format(time.DateOnly) {
		d.warn("inconsistent", "birthDate")
	}
	if g := d.patient.Gender; (g == "male" && !id.Male) || (g == "female" && id.Male) {
		d.warn("inconsistent", "gender")
	}
}
