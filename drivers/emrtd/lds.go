package emrtd

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Details are the additional personal details of DG11 (Doc 9303-10, 4.7.11), UTF-8;
// what the document does not have is empty.
type Details struct {
	// Family and Given are the full name in national characters. A name without a
	// separator is all Family.
	Family, Given  string
	OtherNames     []string
	PersonalNumber string
	Birth          string // YYYYMMDD; digits that are not known are <
	BirthPlace     string // parts separated by ", "
	Address        string // parts separated by ", "
	Telephone      string
	Profession     string
	Title          string
}

// Issue are the additional document details of DG12 (Doc 9303-10, 4.7.12).
type Issue struct {
	Authority string
	Date      string // YYYYMMDD
}

// Tags of the files (Doc 9303-10, table 36).
const (
	tagCOM  = 0x60
	tagDG1  = 0x61
	tagDG11 = 0x6B
	tagDG12 = 0x6C
	tagSOD  = 0x77
)

// groupTags are the tags of the data groups that are read, by their number.
var groupTags = map[int]byte{1: tagDG1, 11: tagDG11, 12: tagDG12}

// parseCOM returns which data groups a document says it has (Doc 9303-10, 4.6.1).
func parseCOM(file []byte) (map[int]bool, error) {
	list, err := unwrap(file, tagCOM)
	if err != nil {
		return nil, fmt.Errorf("EF.COM: %w", err)
	}
	tags, _ := find(list, 0x5C)
	has := map[int]bool{}
	for _, tag := range tags {
		for n, t := range groupTags {
			if t == tag {
				has[n] = true
			}
		}
	}
	return has, nil
}

// parseDG1 returns the machine readable zone, its lines joined: 90 characters of TD1,
// 72 of TD2, 88 of TD3. Its check digits are for the caller to judge.
func parseDG1(file []byte) (string, error) {
	list, err := unwrap(file, tagDG1)
	if err != nil {
		return "", fmt.Errorf("DG1: %w", err)
	}
	zone, ok := find(list, 0x5F1F)
	if !ok || len(zone) != 90 && len(zone) != 72 && len(zone) != 88 {
		return "", fmt.Errorf("DG1: %w: no machine readable zone of a known size", ErrMalformed)
	}
	if strings.Trim(string(zone), "<0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return "", fmt.Errorf("DG1: %w: a character that no machine readable zone has", ErrMalformed)
	}
	return string(zone), nil
}

// parseDG11 reads what of DG11 is of use at a desk. Pictures of proofs are passed over.
func parseDG11(file []byte) (Details, error) {
	list, err := unwrap(file, tagDG11)
	if err != nil {
		return Details{}, fmt.Errorf("DG11: %w", err)
	}
	field := func(tag uint32) string { v, _ := find(list, tag); return text(v) }
	name, _ := find(list, 0x5F0E)
	d := Details{
		PersonalNumber: field(0x5F10), Telephone: field(0x5F12), Profession: field(0x5F13), Title: field(0x5F14),
		BirthPlace: place(list, 0x5F11), Address: place(list, 0x5F42), Birth: date(list, 0x5F2B),
	}
	family, given, _ := strings.Cut(string(name), "<<")
	d.Family, d.Given = text([]byte(family)), text([]byte(given))
	others, _ := find(list, 0xA0)
	inner, err := objects(others)
	if err != nil {
		return d, nil //nolint:nilerr // a damaged list of other names does not cost the rest
	}
	for _, o := range inner {
		if o.tag == 0x5F0F && len(d.OtherNames) < 16 {
			d.OtherNames = append(d.OtherNames, text(o.value))
		}
	}
	return d, nil
}

// parseDG12 reads who issued the document and when.
func parseDG12(file []byte) (Issue, error) {
	list, err := unwrap(file, tagDG12)
	if err != nil {
		return Issue{}, fmt.Errorf("DG12: %w", err)
	}
	authority, _ := find(list, 0x5F19)
	return Issue{Authority: text(authority), Date: date(list, 0x5F26)}, nil
}

// text is a value as UTF-8 on one line; fillers become spaces.
func text(b []byte) string {
	s := strings.Map(func(r rune) rune {
		if r == '<' || unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(b), "\uFFFD"))
	return strings.Join(strings.Fields(s), " ")
}

// place is a value whose parts are separated by fillers: street, city, country.
func place(list []object, tag uint32) string {
	v, _ := find(list, tag)
	var parts []string
	for part := range strings.SplitSeq(string(v), "<") {
		if s := text([]byte(part)); s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ", ")
}

// date is YYYYMMDD, written as eight characters or, in older documents, as BCD.
func date(list []object, tag uint32) string {
	v, _ := find(list, tag)
	s := string(v)
	if len(v) == 4 {
		s = ""
		for _, c := range v {
			if c>>4 > 9 || c&0x0F > 9 {
				return ""
			}
			s += strconv.Itoa(int(c>>4)) + strconv.Itoa(int(c&0x0F))
		}
	}
	if len(s) != 8 || strings.Trim(s, "0123456789<") != "" {
		return ""
	}
	return s
}
