package decode

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// lookup maps codes to codes.
type lookup struct {
	To      map[string]string `yaml:"to" doc:"code to code"`
	Ranges  []codeRange       `yaml:"ranges" doc:"ranges of numbers, for codes that to does not have"`
	Other   string            `yaml:"other" doc:"what happens with any other code: warn (default: unknown_code, absent), keep or absent"`
	Default string            `yaml:"default" doc:"or what any other code becomes"`
}

// codeRange maps the numbers from From to To, both inclusive.
type codeRange struct {
	From  string `yaml:"from,required" doc:"first number"`
	To    string `yaml:"to,required" doc:"last number"`
	Value string `yaml:"value,required" doc:"what they become"`
	first uint64
	last  uint64
}

func (r *codeRange) DecodeNode(d *Decoder, n *yaml.Node) {
	if !keysIn(d, n, r) {
		return
	}
	var err1, err2 error
	r.first, err1 = strconv.ParseUint(r.From, 10, 64)
	r.last, err2 = strconv.ParseUint(r.To, 10, 64)
	if err1 != nil || err2 != nil || r.last < r.first {
		d.Fail(n, "a range goes from a whole number to one that is not smaller")
	}
}

func (l *lookup) DecodeNode(d *Decoder, n *yaml.Node) {
	keysIn(d, n, l)
	switch {
	case !slices.Contains([]string{"", "warn", "keep", "absent"}, l.Other):
		d.Fail(n, "other is warn, keep or absent")
	case l.Other != "" && l.Default != "":
		d.Fail(n, "give either other or default")
	case l.To == nil && l.Ranges == nil:
		d.Fail(n, "map needs to or ranges")
	}
}
func (*lookup) kinds() (in, out Kind) { return KindText, KindText }
func (l *lookup) apply(e *evaluation, v Value) (Value, error) {
	if s, ok := l.To[string(v.b)]; ok {
		return TextValue(s), nil
	}
	if u, err := strconv.ParseUint(string(v.b), 10, 64); err == nil {
		for _, r := range l.Ranges {
			if u >= r.first && u <= r.last {
				return TextValue(r.Value), nil
			}
		}
	}
	switch {
	case l.Default != "":
		return TextValue(l.Default), nil
	case l.Other == "keep":
		return v, nil
	case l.Other == "absent":
		return Value{}, errAbsent
	}
	e.warn("unknown_code")
	return Value{}, errAbsent
}

// gender turns the words and codes of cards into FHIR's administrative gender
// (http://hl7.org/fhir/R4/valueset-administrative-gender.html). A code that two
// countries use differently, such as H or N, is not here: use map.
type gender struct{}

// genderWords are in upper case. Sources: ISO/IEC 5218 and GB/T 2261.1 (0 1 2 9),
// ICAO Doc 9303 (M F X), cards of Malaysia (L P), Belgium (V W), Germany (D W X),
// Viet Nam, Thailand, Serbia, China and Japan.
var genderWords = map[string][]string{
	"male":    {"M", "1", "L", "MALE", "MAN", "LELAKI", "NAM", "ชาย", "男", "男性", "М", "МУШКИ", "MUŠKI", "MÄNNLICH", "MASCULIN", "MASCULINO", "MASCHIO"},
	"female":  {"F", "2", "P", "V", "W", "FEMALE", "WOMAN", "PEREMPUAN", "NỮ", "หญิง", "女", "女性", "Ж", "ЖЕНСКИ", "ŽENSKI", "WEIBLICH", "FÉMININ", "FEMININ", "FEMENINO", "FEMMINA", "VROUW"},
	"other":   {"X", "D", "OTHER", "DIVERS"},
	"unknown": {"0", "9", "UNKNOWN", "未知", "未说明"},
}

func (*gender) kinds() (in, out Kind) { return KindText, KindText }
func (*gender) apply(e *evaluation, v Value) (Value, error) {
	word := strings.ToUpper(strings.TrimSpace(string(v.b)))
	for code, words := range genderWords {
		if slices.Contains(words, word) {
			return TextValue(code), nil
		}
	}
	if word == "" {
		return Value{}, errAbsent
	}
	e.warn("unknown_code")
	return Value{}, errAbsent
}
