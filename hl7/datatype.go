package hl7

// The composite datatypes the gateway reads and writes, as far as it does (HL7
// v2.9 chapter 2A). A part that is absent or null reads as ""; ask
// [Value.Kind] where the difference counts. They read from a field (its first
// repetition), a repetition or, with subcomponents, a component.

// HD is a hierarchic designator: an application, a facility or the authority
// that assigns an identifier.
type HD struct {
	NamespaceID     string // 1, a local name
	UniversalID     string // 2, for example an OID
	UniversalIDType string // 3, for example "ISO"
}

// HD reads a hierarchic designator.
func (x Value) HD() HD { return HD{x.sub(1), x.sub(2), x.sub(3)} }

func (h HD) write(b *Builder, at depth) {
	texts(h.NamespaceID, h.UniversalID, h.UniversalIDType).write(b, at)
}

// EI identifies an order or another thing.
type EI struct {
	ID        string // 1
	Authority HD     // 2 to 4
}

// EI reads an entity identifier.
func (x Value) EI() EI { return EI{x.sub(1), HD{x.sub(2), x.sub(3), x.sub(4)}} }

func (e EI) write(b *Builder, at depth) {
	texts(e.ID, e.Authority.NamespaceID, e.Authority.UniversalID, e.Authority.UniversalIDType).write(b, at)
}

// CX is an identifier of a person with the authority that assigned it.
type CX struct {
	ID         string // 1
	CheckDigit string // 2
	Scheme     string // 3, of the check digit (HL7 table 0061)
	Authority  HD     // 4
	Type       string // 5 (HL7 table 0203), for example "MR"
	Facility   HD     // 6
}

// CX reads an extended identifier.
func (x Value) CX() CX {
	return CX{x.sub(1), x.sub(2), x.sub(3), x.down(4).HD(), x.sub(5), x.down(6).HD()}
}

func (c CX) write(b *Builder, at depth) {
	Components{ST(c.ID), ST(c.CheckDigit), ST(c.Scheme), c.Authority, ST(c.Type), c.Facility}.write(b, at)
}

// XPN is the name of a person.
type XPN struct {
	Family         string // 1, the surname alone
	Given          string // 2
	Middle         string // 3
	Suffix         string // 4
	Prefix         string // 5
	Degree         string // 6
	Type           string // 7 (HL7 table 0200): L legal, M maiden, …
	Representation string // 8 (HL7 table 0465): A alphabetic, I ideographic, P phonetic
}

// XPN reads a person's name.
func (x Value) XPN() XPN {
	return XPN{x.sub(1), x.sub(2), x.sub(3), x.sub(4), x.sub(5), x.sub(6), x.sub(7), x.sub(8)}
}

func (n XPN) write(b *Builder, at depth) {
	texts(n.Family, n.Given, n.Middle, n.Suffix, n.Prefix, n.Degree, n.Type, n.Representation).write(b, at)
}

// XAD is an address.
type XAD struct {
	Street     string // 1, the street line alone
	Other      string // 2
	City       string // 3
	State      string // 4, state or province
	PostalCode string // 5
	Country    string // 6, ISO 3166 alpha-3
	Type       string // 7 (HL7 table 0190): H home, O office, …
	Geographic string // 8, other geographic designation
	County     string // 9
}

// XAD reads an address.
func (x Value) XAD() XAD {
	return XAD{x.sub(1), x.sub(2), x.sub(3), x.sub(4), x.sub(5), x.sub(6), x.sub(7), x.sub(8), x.sub(9)}
}

func (a XAD) write(b *Builder, at depth) {
	texts(a.Street, a.Other, a.City, a.State, a.PostalCode, a.Country, a.Type, a.Geographic, a.County).write(b, at)
}

// XTN is a telephone number or another address of telecommunication.
type XTN struct {
	Number    string // 1, as one text (deprecated in v2.3, still what most send)
	Use       string // 2 (HL7 table 0201): PRN, WPN, NET, …
	Equipment string // 3 (HL7 table 0202): PH, CP, Internet, …
	Email     string // 4
	Country   string // 5
	Area      string // 6
	Local     string // 7
	Extension string // 8
	Any       string // 9
}

// XTN reads a telecommunication address.
func (x Value) XTN() XTN {
	return XTN{x.sub(1), x.sub(2), x.sub(3), x.sub(4), x.sub(5), x.sub(6), x.sub(7), x.sub(8), x.sub(9)}
}

func (n XTN) write(b *Builder, at depth) {
	texts(n.Number, n.Use, n.Equipment, n.Email, n.Country, n.Area, n.Local, n.Extension, n.Any).write(b, at)
}

// XCN is a person with an identifier, such as a physician.
type XCN struct {
	ID        string // 1
	Name      XPN    // family, given, middle, suffix, prefix, degree in 2 to 7, type in 10
	Authority HD     // 9
	Type      string // 13, of the identifier (HL7 table 0203)
}

// XCN reads a person with an identifier.
func (x Value) XCN() XCN {
	return XCN{
		ID:        x.sub(1),
		Name:      XPN{x.sub(2), x.sub(3), x.sub(4), x.sub(5), x.sub(6), x.sub(7), x.sub(10), ""},
		Authority: x.down(9).HD(),
		Type:      x.sub(13),
	}
}

func (p XCN) write(b *Builder, at depth) {
	n := p.Name
	Components{ST(p.ID), ST(n.Family), ST(n.Given), ST(n.Middle), ST(n.Suffix), ST(n.Prefix), ST(n.Degree), nil,
		p.Authority, ST(n.Type), nil, nil, ST(p.Type)}.write(b, at)
}

// CWE is a coded value (also read from CE and CNE) with its alternate.
type CWE struct {
	Code, Text, System          string // 1 to 3
	AltCode, AltText, AltSystem string // 4 to 6
	Original                    string // 9, what the code was made from
}

// CWE reads a coded value.
func (x Value) CWE() CWE {
	return CWE{x.sub(1), x.sub(2), x.sub(3), x.sub(4), x.sub(5), x.sub(6), x.sub(9)}
}

func (c CWE) write(b *Builder, at depth) {
	texts(c.Code, c.Text, c.System, c.AltCode, c.AltText, c.AltSystem, "", "", c.Original).write(b, at)
}

// PL is where a patient is in a facility.
type PL struct {
	PointOfCare string // 1, for example a ward
	Room        string // 2
	Bed         string // 3
	Facility    HD     // 4
	Status      string // 5
	Type        string // 6
	Building    string // 7
	Floor       string // 8
	Description string // 9
}

// PL reads a patient location.
func (x Value) PL() PL {
	return PL{x.sub(1), x.sub(2), x.sub(3), x.down(4).HD(), x.sub(5), x.sub(6), x.sub(7), x.sub(8), x.sub(9)}
}

func (p PL) write(b *Builder, at depth) {
	Components{ST(p.PointOfCare), ST(p.Room), ST(p.Bed), p.Facility, ST(p.Status), ST(p.Type), ST(p.Building), ST(p.Floor),
		ST(p.Description)}.write(b, at)
}

// down is the nth part one level below: a component of a field or repetition, a
// subcomponent of a component.
func (x Value) down(n int) Value {
	switch {
	case x.v == nil:
		return Value{}
	case x.lvl == fieldLevel:
		return Field{x}.Component(n).Value
	case x.lvl == repetitionLevel:
		return Repetition{x}.Component(n).Value
	case x.lvl == componentLevel:
		return Component{x}.Subcomponent(n)
	case n == 1:
		return x
	}
	return Value{}
}

func (x Value) sub(n int) string { return x.down(n).Text() }
