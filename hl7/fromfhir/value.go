package fromfhir

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"cardferry/hl7"
)

// content is OBX-2, OBX-5 and OBX-6.
type content struct {
	datatype string
	values   []hl7.Data
	units    hl7.CWE
}

// maxST is the longest ST of HL7 v2.5.1 (2.A.71) in characters; a longer text or
// one of several lines is a TX.
const maxST = 199

// value is what an Observation or a component says, by type of value[x] (HL7
// v2.5.1, 7.4.2.5). The zero content is no value.
func (w *writer) value(m *measured, path string) content {
	switch {
	case m.ValueQuantity != nil:
		return w.quantity(m.ValueQuantity, path+".valueQuantity")
	case m.ValueCodeableConcept != nil:
		return content{datatype: "CWE", values: []hl7.Data{w.cwe(m.ValueCodeableConcept)}}
	case m.ValueString != nil:
		return text(*m.ValueString)
	case m.ValueBoolean != nil:
		// v2 has no truth value; table 0136 is what its own flags use.
		yes := hl7.CWE{Code: "N", Text: "No", System: "HL70136"}
		if *m.ValueBoolean {
			yes = hl7.CWE{Code: "Y", Text: "Yes", System: "HL70136"}
		}
		return content{datatype: "CWE", values: []hl7.Data{yes}}
	case m.ValueInteger != "":
		return content{datatype: "NM", values: []hl7.Data{hl7.ST(w.decimal(m.ValueInteger, path+".valueInteger"))}}
	case m.ValueRange != nil:
		return w.rangeValue(m.ValueRange, path+".valueRange")
	case m.ValueRatio != nil:
		return w.ratio(m.ValueRatio, path+".valueRatio")
	case len(m.ValueSampledData) > 0:
		w.fail(path+".valueSampledData", ErrUnsupported, "a waveform is not sent as a result")
	case m.ValueTime != "":
		digits := clockDigits(m.ValueTime)
		if _, err := hl7.ParseTime("20000101"+digits, nil); err != nil || len(digits) < 4 {
			w.fail(path+".valueTime", ErrInput, "it is no FHIR time")
		}
		return content{datatype: "TM", values: []hl7.Data{hl7.ST(digits)}}
	case m.ValueDateTime != "":
		datatype := "DT"
		if strings.Contains(m.ValueDateTime, "T") {
			datatype = "TS"
		}
		return content{datatype: datatype, values: []hl7.Data{w.time(m.ValueDateTime, path+".valueDateTime")}}
	case m.ValuePeriod != nil:
		return content{datatype: "DR", values: []hl7.Data{w.period(m.ValuePeriod, path+".valuePeriod")}}
	}
	return content{}
}

func text(s string) content {
	lines := linesOf(s)
	switch {
	case len(lines) == 0:
		return content{}
	case len(lines) == 1 && utf8.RuneCountInString(s) <= maxST:
		return content{datatype: "ST", values: lines}
	}
	return content{datatype: "TX", values: lines}
}

// quantity is an NM, or with a comparator an SN (HL7 v2.5.1, 2.A.70).
func (w *writer) quantity(q *quantity, path string) content {
	if q.Value == "" {
		return content{}
	}
	n := hl7.ST(w.decimal(q.Value, path+".value"))
	if q.Comparator == "" {
		return content{datatype: "NM", values: []hl7.Data{n}, units: w.units(q)}
	}
	w.comparator(q, path)
	return content{datatype: "SN", values: []hl7.Data{hl7.Components{hl7.ST(q.Comparator), n}}, units: w.units(q)}
}

func (w *writer) comparator(q *quantity, path string) {
	switch q.Comparator {
	case "", "<", "<=", ">=", ">":
	default:
		w.fail(path+".comparator", ErrUnsupported, "")
	}
}

// rangeValue is an SN with a hyphen; an open one is a comparison.
func (w *writer) rangeValue(r *rangeOf, path string) content {
	low, high := bound(w, r.Low, path+".low"), bound(w, r.High, path+".high")
	switch {
	case low != "" && high != "":
		if w.units(r.Low) != w.units(r.High) {
			w.fail(path, ErrUnsupported, "its two ends have different units")
		}
		return content{datatype: "SN", values: []hl7.Data{hl7.Components{nil, low, hl7.ST("-"), high}}, units: w.units(r.Low)}
	case low != "":
		return content{datatype: "SN", values: []hl7.Data{hl7.Components{hl7.ST(">="), low}}, units: w.units(r.Low)}
	case high != "":
		return content{datatype: "SN", values: []hl7.Data{hl7.Components{hl7.ST("<="), high}}, units: w.units(r.High)}
	}
	return content{}
}

func bound(w *writer, q *quantity, path string) hl7.ST {
	if q == nil || q.Value == "" {
		return ""
	}
	return hl7.ST(w.decimal(q.Value, path+".value"))
}

// ratio is an SN with a colon, or a text where the denominator has a unit of its
// own, which an SN has no place for.
func (w *writer) ratio(r *ratio, path string) content {
	num, den := bound(w, r.Numerator, path+".numerator"), bound(w, r.Denominator, path+".denominator")
	if num == "" || den == "" {
		return content{}
	}
	w.comparator(r.Numerator, path+".numerator")
	if r.Denominator.Comparator != "" {
		w.fail(path+".denominator.comparator", ErrUnsupported, "")
	}
	if u := unitText(r.Denominator); u != "" {
		return text(r.Numerator.Comparator + strings.TrimSpace(string(num)+" "+unitText(r.Numerator)) + " : " + string(den) + " " + u)
	}
	return content{datatype: "SN", values: []hl7.Data{hl7.Components{hl7.ST(r.Numerator.Comparator), num, hl7.ST(":"), den}}, units: w.units(r.Numerator)}
}

func unitText(q *quantity) string {
	if q.Unit != "" || q.Code == "1" { // UCUM 1 is no unit
		return q.Unit
	}
	return q.Code
}

// document is an attachment as an ED, or a pointer to it as an RP (HL7 v2.5.1,
// 2.A.24 and 2.A.65).
func (w *writer) document(a *attachment, path string) content {
	kind, subtype := mediaType(a.ContentType)
	data := strings.Join(strings.Fields(a.Data), "")
	switch {
	case data != "":
		if _, err := base64.StdEncoding.DecodeString(data); err != nil {
			w.fail(path+".data", ErrInput, "it is no base64")
		}
		if kind == "" {
			w.fail(path+".contentType", ErrMissing, "ED-2 is the type of the data")
		}
		return content{datatype: "ED", values: []hl7.Data{hl7.Components{nil, hl7.ST(kind), hl7.ST(subtype), hl7.ST("Base64"), hl7.ST(data)}}}
	case a.URL != "":
		return content{datatype: "RP", values: []hl7.Data{hl7.Components{hl7.ST(a.URL), nil, hl7.ST(kind), hl7.ST(subtype)}}}
	}
	return content{}
}

// mediaType is a media type as HL7 tables 0191 and 0291 have it; subtypes that
// 0291 does not list are those of RFC 2046, as it says.
func mediaType(s string) (kind, subtype string) {
	s, _, _ = strings.Cut(s, ";")
	group, sub, _ := strings.Cut(strings.TrimSpace(s), "/")
	kind = map[string]string{"application": "AP", "image": "IM", "audio": "AU", "text": "TEXT", "multipart": "multipart", "video": "video", "model": "model"}[strings.ToLower(group)]
	if named, ok := map[string]string{"pdf": "PDF", "jpeg": "JPEG", "gif": "GIF", "tiff": "TIFF", "dicom": "DICOM", "rtf": "RTF", "html": "HTML", "xml": "XML", "sgml": "SGML"}[strings.ToLower(sub)]; ok {
		sub = named
	}
	return kind, sub
}

// normal is OBX-7 (HL7 v2.5.1, 7.4.2.7): "3.9-6.1", ">3.9", "<6.1" or the text.
func (w *writer) normal(ranges []referenceRange, path string) string {
	var out []string
	for i, r := range ranges {
		p := at(path+".referenceRange", i)
		low, high := string(bound(w, r.Low, p+".low")), string(bound(w, r.High, p+".high"))
		s := r.Text
		switch {
		case s != "":
		case low != "" && high != "":
			s = low + "-" + high
		case low != "":
			s = ">" + low
		case high != "":
			s = "<" + high
		}
		if s == "" {
			continue
		}
		if len(ranges) > 1 && r.Type != nil {
			s = label(r.Type) + " " + s
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}
