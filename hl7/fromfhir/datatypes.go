package fromfhir

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"cardferry/hl7"
	"cardferry/hl7/fhir/r4"
)

const ucum = "http://unitsofmeasure.org"

// codingSystems are the names of code systems in HL7 table 0396.
var codingSystems = map[string]string{
	"http://loinc.org":                            "LN",
	"http://snomed.info/sct":                      "SCT",
	ucum:                                          "UCUM",
	"http://hl7.org/fhir/sid/icd-10":              "I10",
	"http://hl7.org/fhir/sid/icd-10-cm":           "I10C",
	"http://hl7.org/fhir/sid/icd-9-cm":            "I9C",
	"http://id.who.int/icd/release/11/mms":        "I11",
	"http://hl7.org/fhir/sid/cvx":                 "CVX",
	"http://hl7.org/fhir/sid/ndc":                 "NDC",
	"http://www.nlm.nih.gov/research/umls/rxnorm": "RXNORM",
	"http://www.whocc.no/atc":                     "WC",
	"urn:iso:std:iso:3166":                        "ISO3166_1",
	"urn:ietf:bcp:47":                             "ISO639",
	"http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation": "HL70078",
}

const v2Tables = "http://terminology.hl7.org/CodeSystem/v2-"

// siteURN is how the translation to FHIR names what only the sender knows:
// urn:cardferry:site:SITE:aa:NAME and …:cs:NAME, the name percent-encoded.
const siteURN = "urn:cardferry:site:"

func siteName(uri, kind string) (string, bool) {
	rest, ok := strings.CutPrefix(uri, siteURN)
	if !ok {
		return "", false
	}
	_, name, ok := strings.Cut(rest, ":"+kind+":")
	if !ok {
		return "", false
	}
	name, err := url.PathUnescape(name)
	return name, err == nil
}

// codingSystem names a code system (CWE.3).
func (w *writer) codingSystem(uri string) string {
	if name, ok := w.o.CodingSystems[uri]; ok {
		return name
	}
	if name, ok := codingSystems[uri]; ok {
		return name
	}
	if table, ok := strings.CutPrefix(uri, v2Tables); ok {
		return "HL7" + table
	}
	if name, ok := siteName(uri, "cs"); ok {
		return name
	}
	return strings.TrimPrefix(uri, "urn:oid:")
}

// authority is who assigns the identifiers of a system (HL7 v2.5.1, 2.A.33).
func (w *writer) authority(system string) hl7.HD {
	if hd, ok := w.o.Authorities[system]; ok {
		return hd
	}
	if name, ok := siteName(system, "aa"); ok {
		return hl7.HD{NamespaceID: name}
	}
	if strings.HasPrefix(system, siteURN) {
		return hl7.HD{} // numbers that the sender names nobody for
	}
	if oid, ok := strings.CutPrefix(system, "urn:oid:"); ok {
		return hl7.HD{UniversalID: oid, UniversalIDType: "ISO"}
	}
	if id, ok := strings.CutPrefix(system, "urn:uuid:"); ok {
		return hl7.HD{UniversalID: id, UniversalIDType: "UUID"}
	}
	if system == "" {
		return hl7.HD{}
	}
	return hl7.HD{UniversalID: system, UniversalIDType: "URI"}
}

// identifierType is the code of HL7 table 0203, "" when none is given.
func identifierType(id *r4.Identifier) string {
	if id.Type == nil {
		return ""
	}
	return codeOf(id.Type, v2Tables+"0203")
}

// codeOf is the code that a concept has in a system, "" for none.
func codeOf(c *r4.CodeableConcept, system string) string {
	if c != nil {
		for _, x := range c.Coding {
			if x.System == system && x.Code != "" {
				return x.Code
			}
		}
	}
	return ""
}

func (w *writer) cx(id *r4.Identifier) hl7.CX {
	return hl7.CX{ID: id.Value, Authority: w.authority(id.System), Type: identifierType(id)}
}

func (w *writer) ei(id *r4.Identifier) hl7.EI {
	return hl7.EI{ID: id.Value, Authority: w.authority(id.System)}
}

// pickEI is the first identifier of one of the types, or else, with "", the first
// of no other type; zero when there is none.
func (w *writer) pickEI(ids []r4.Identifier, types ...string) hl7.EI {
	for _, want := range types {
		for i := range ids {
			got := identifierType(&ids[i])
			if ids[i].Value != "" && (got == want || want == "" && got != "PLAC" && got != "FILL") {
				return w.ei(&ids[i])
			}
		}
	}
	return hl7.EI{}
}

// cwe is a coded value with at most two codings (HL7 v2.5.1, 2.A.13); the text
// stands in CWE.9 where it differs from what the codes are called.
func (w *writer) cwe(c *r4.CodeableConcept) hl7.CWE {
	var out hl7.CWE
	if c == nil {
		return out
	}
	coding := slices.DeleteFunc(slices.Clone(c.Coding), func(x r4.Coding) bool { return x.Code == "" && x.Display == "" })
	if len(coding) > 0 {
		x := coding[0]
		out.Code, out.Text, out.System = x.Code, x.Display, w.codingSystem(x.System)
	}
	if len(coding) > 1 {
		x := coding[1]
		out.AltCode, out.AltText, out.AltSystem = x.Code, x.Display, w.codingSystem(x.System)
	}
	switch {
	case out.Text == "":
		out.Text = c.Text
	case c.Text != out.Text:
		out.Original = c.Text
	}
	return out
}

// ce is cwe for fields of the older CE (HL7 v2.5.1, 2.A.3), which has no original
// text.
func (w *writer) ce(c *r4.CodeableConcept) hl7.CWE {
	out := w.cwe(c)
	out.Original = ""
	return out
}

// required is ce for a field that must not be empty.
func (w *writer) required(c *r4.CodeableConcept, path, field string) hl7.CWE {
	out := w.ce(c)
	if out == (hl7.CWE{}) {
		w.fail(path, ErrMissing, field+" is required")
	}
	return out
}

func ces(w *writer, list []r4.CodeableConcept) []hl7.Data {
	var out []hl7.Data
	for i := range list {
		out = append(out, w.ce(&list[i]))
	}
	return out
}

// label is what a person reads of a concept.
func label(c *r4.CodeableConcept) string {
	if c == nil {
		return ""
	}
	if c.Text != "" {
		return c.Text
	}
	for _, x := range c.Coding {
		if x.Display != "" {
			return x.Display
		}
	}
	for _, x := range c.Coding {
		if x.Code != "" {
			return x.Code
		}
	}
	return ""
}

// time is a FHIR date, dateTime or instant with the precision and the offset it
// has; nothing for "". Fractions beyond HL7's four digits (2.A.22) are cut.
func (w *writer) time(s, path string) hl7.Data {
	if s == "" {
		return nil
	}
	date, clock, _ := strings.Cut(s, "T")
	zone := ""
	if z, ok := strings.CutSuffix(clock, "Z"); ok {
		clock, zone = z, "+0000"
	} else if i := strings.LastIndexAny(clock, "+-"); i >= 0 {
		clock, zone = clock[:i], strings.ReplaceAll(clock[i:], ":", "")
	}
	t, err := hl7.ParseTime(strings.ReplaceAll(date, "-", "")+clockDigits(clock)+zone, nil)
	if err != nil || (clock == "") != (len(s) <= len("2006-01-02")) || strings.Count(date, "-") != min(max(len(date)-2, 0)/3, 2) {
		w.fail(path, ErrInput, "it is no FHIR date or dateTime")
		return nil
	}
	return t
}

func clockDigits(clock string) string {
	out := strings.ReplaceAll(clock, ":", "")
	if whole, fraction, ok := strings.Cut(out, "."); ok {
		return whole + "." + fraction[:min(len(fraction), 4)]
	}
	return out
}

// period writes a DR (HL7 v2.5.1, 2.A.20).
func (w *writer) period(p *r4.Period, path string) hl7.Data {
	if p == nil {
		return nil
	}
	return hl7.Components{w.time(p.Start, path+".start"), w.time(p.End, path+".end")}
}

// decimal is a FHIR decimal as an NM (HL7 v2.5.1, 2.A.47): the digits it was
// written with, without an exponent, which NM does not have.
func (w *writer) decimal(n json.Number, path string) string {
	s := n.String()
	mantissa, exponent, ok := strings.Cut(strings.ToLower(s), "e")
	if !ok {
		return s
	}
	e, err := strconv.Atoi(exponent)
	if err != nil || e < -maxExponent || e > maxExponent {
		w.fail(path, ErrUnsupported, "its exponent is beyond what is written out")
		return ""
	}
	sign := ""
	if m, neg := strings.CutPrefix(mantissa, "-"); neg {
		sign, mantissa = "-", m
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if e >= 0 {
		fraction += strings.Repeat("0", max(e-len(fraction), 0))
		whole, fraction = whole+fraction[:e], fraction[e:]
	} else {
		whole = strings.Repeat("0", max(1-e-len(whole), 0)) + whole
		whole, fraction = whole[:len(whole)+e], whole[len(whole)+e:]+fraction
	}
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	if fraction == "" {
		return sign + whole
	}
	return sign + whole + "." + fraction
}

const maxExponent = 30

// units is what a quantity is measured in (OBX-6). A unit that is no code stands
// in the first component all the same: that is where receivers read it.
func (w *writer) units(q *quantity) hl7.CWE {
	switch {
	case q == nil:
	case q.Code != "":
		out := hl7.CWE{Code: q.Code, System: w.codingSystem(q.System)}
		if q.Unit != q.Code {
			out.Text = q.Unit
		}
		return out
	case q.Unit != "":
		return hl7.CWE{Code: q.Unit}
	}
	return hl7.CWE{}
}
