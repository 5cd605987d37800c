package code

import (
	"bytes"
	"context"
	"encoding/hex"
	"slices"

	"cardferry/drivers"
	"cardferry/drivers/decode"
)

// MediumAmbiguous is the medium of a scan that rules of equal priority claim for
// different things, such as a number that may name a patient or pay a bill. It has
// no patient; extras.candidates lists the media and extras.code has the text.
const MediumAmbiguous = "ambiguous"

// extraOneTime flags a code that changes with every showing.
const extraOneTime = "oneTime"

// Recognise says what a scan is. It never fails: a code of no rule is medium
// "unknown" with warning "code_unknown" and its text in extras.code (extras.codeHex
// when it is no text), its symbology in extras.symbology if the scanner told. ID,
// Time and Reader stay empty. A payment code or bank card has a warning and nothing
// of its value. Codes that only an online service can resolve carry the warning
// "needs_online" and extras.resolver; one-time codes extras.oneTime. Safe for
// concurrent use.
func (r *Rules) Recognise(scan []byte) drivers.Read {
	if r == nil || len(scan) > MaxScan {
		return unknown(nil)
	}
	s := newScan(scan)
	matches := r.matches(s)
	switch {
	case len(matches) == 0:
		return unknown(s)
	case !agree(matches):
		return ambiguous(matches)
	}
	// Rules that agree on the medium may differ in how much of the scan is in order.
	read, ok := drivers.Read{}, false
	for _, m := range matches {
		if one, err := m.read(r.opt); err == nil && (!ok || len(one.Warnings) < len(read.Warnings)) {
			read, ok = one, true
		}
	}
	if !ok { // the templates were checked when they were loaded: not seen in practice
		return unknown(s)
	}
	return read
}

// agree says whether all matches are for the same medium.
func agree(matches []match) bool {
	return !slices.ContainsFunc(matches, func(m match) bool { return m.rule.Medium != matches[0].rule.Medium })
}

// OneTime says whether a read is of a code that changes with every showing. Such a
// code is neither cached nor taken for a repetition.
func OneTime(read drivers.Read) bool {
	once, _ := read.Extras[extraOneTime].(bool)
	return once
}

// unknown is the read of a scan that no rule knows; nil of one not looked at.
func unknown(s *scan) drivers.Read {
	read := drivers.Read{
		Medium: drivers.MediumUnknown, Assurance: drivers.MemoryRead,
		Warnings: []drivers.Warning{{Code: "code_unknown"}},
	}
	if s == nil {
		return read
	}
	v := s.view([]aim{aimAny}, "", nil)
	switch {
	case v.lossy:
		read.Extras = map[string]any{"codeHex": hex.EncodeToString(bytes.TrimSpace(v.bytes))}
	case v.text != "":
		read.Extras = map[string]any{"code": v.text}
	}
	if read.Extras != nil && s.aim != "" {
		read.Extras["symbology"] = symbologies[s.aim[0]]
	}
	return read
}

func ambiguous(matches []match) drivers.Read {
	var media []string
	for _, m := range matches {
		media = append(media, string(m.rule.Medium))
	}
	slices.Sort(media)
	return drivers.Read{
		Medium: MediumAmbiguous, Assurance: drivers.MemoryRead,
		Extras:   map[string]any{"candidates": slices.Compact(media), "code": matches[0].view.text},
		Warnings: []drivers.Warning{{Code: "ambiguous"}},
	}
}

// match is a rule that applies to a scan, with the values of its fields.
type match struct {
	rule    *rule
	view    view
	reading *decode.Reading
}

// matches returns the rules of the highest priority that apply to the scan.
func (r *Rules) matches(s *scan) []match {
	var found []match
	for _, rule := range r.rules {
		if len(found) > 0 && found[0].rule.Priority > rule.Priority {
			continue
		}
		m, ok := rule.apply(s, r.opt)
		switch {
		case !ok:
		case len(found) > 0 && found[0].rule.Priority < rule.Priority:
			found = []match{m}
		default:
			found = append(found, m)
		}
	}
	return found
}

// apply tries one rule.
func (r *rule) apply(s *scan, opt Options) (match, bool) {
	m := match{rule: r, view: s.view(r.AIM, r.Charset, r.Normalise)}
	if r.Bytes != nil && !r.Bytes.fits(m.view.bytes) {
		return match{}, false
	}
	var groups []string
	if r.Match != nil {
		if groups = r.Match.submatches(m.view.text); groups == nil {
			return match{}, false
		}
	}
	inputs := map[string]decode.Value{
		inputBytes: decode.BytesValue(m.view.bytes), inputScan: decode.TextValue(m.view.text),
	}
	if r.Match != nil {
		for i, name := range r.Match.names {
			if name != "" && groups[i] != "" {
				inputs[name] = decode.TextValue(groups[i])
			}
		}
	}
	reading, err := r.Fields.Evaluate(context.Background(), inputs, opt.decode())
	if err != nil {
		return match{}, false
	}
	m.reading = reading
	for _, name := range r.Needs {
		flawed := slices.ContainsFunc(reading.Warnings, func(w drivers.Warning) bool { return w.Field == name })
		if flawed || !reading.Values[name].Present() {
			return match{}, false
		}
	}
	return m, r.Born == "" || canBeBorn(reading.Values[r.Born], opt.now())
}

// read builds what the rule says.
func (m match) read(opt Options) (drivers.Read, error) {
	r := m.rule
	read := drivers.Read{
		Medium: string(r.Medium), Profile: r.profile(), Assurance: drivers.MemoryRead, Partial: m.reading.Partial,
	}
	if !r.Withhold {
		if err := r.Output.Fill(m.reading, nil, nil, &read); err != nil {
			return drivers.Read{}, err
		}
	}
	r.Valid.warn(m.reading, opt.now())
	for _, w := range r.Warnings {
		if w.If == "" || m.reading.Values[w.If].Present() {
			m.reading.Warn(w.Code, "")
		}
	}
	if m.view.lossy && r.Match != nil {
		m.reading.Warn("lossy_text", "")
	}
	read.Warnings = m.reading.Warnings
	if r.OneTime {
		if read.Extras == nil {
			read.Extras = map[string]any{}
		}
		read.Extras[extraOneTime] = true
	}
	return read, nil
}
