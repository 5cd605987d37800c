package fhir

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"cardferry/hl7"
	"cardferry/hl7/fhir/resource"
)

// durationUnits are the units of appointment segments (HL7 2.5.1, 10.6: UCUM or
// the abbreviations senders use). A unit that is not here is not guessed.
var durationUnits = map[string]time.Duration{
	"s": time.Second, "sec": time.Second, "second": time.Second, "seconds": time.Second,
	"m": time.Minute, "min": time.Minute, "minute": time.Minute, "minutes": time.Minute, "mins": time.Minute,
	"h": time.Hour, "hr": time.Hour, "hour": time.Hour, "hours": time.Hour,
	"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
	"wk": 7 * 24 * time.Hour, "w": 7 * 24 * time.Hour, "week": 7 * 24 * time.Hour, "weeks": 7 * 24 * time.Hour,
}

// maxDuration bounds the number of units that are added to a time.
const maxDuration = 1_000_000

// after adds the duration of an appointment segment to the time at c, which must
// be exact to the minute.
func (b *builtin) after(here *scope, c cursor) string {
	t, err := hl7.ParseTime(strings.TrimSpace(c.text()), here.run.zone)
	if err != nil || t.Precision < hl7.Minute {
		return ""
	}
	amount, unit := here.find(&b.from[0]), here.find(&b.from[1])
	n, err := strconv.Atoi(strings.TrimSpace(amount.text()))
	one, known := durationUnits[strings.ToLower(strings.TrimSpace(unit.text()))]
	if err != nil || n < 0 || n > maxDuration || !known {
		return ""
	}
	amount.use()
	unit.use()
	t.Time = t.Time.Add(time.Duration(n) * one)
	return formatTime(t, b.typ.Name)
}

// attach makes one text of an OBX and the OBX behind it that continue it: senders
// give a document line by line, each line a segment of the same code and type
// (HL7 2.5.1, 9.6 and 7.4.2). The later segments make nothing of their own.
func (b *builtin) attach(r *run, node *resource.Node, c cursor) {
	segs := r.view.segments
	at := c.seg.seq
	if !narrative(&segs[at]) || at > 0 && continues(&segs[at-1], &segs[at]) {
		return
	}
	var text strings.Builder
	end := at
	for ; end < len(segs) && (end == at || continues(&segs[end-1], &segs[end])); end++ {
		if end > at {
			text.WriteByte('\n')
		}
		value := segs[end].field(obxValue)
		text.WriteString(lines(value))
		value.useAll()
	}
	body := strings.TrimRight(text.String(), "\n")
	if body == "" {
		return
	}
	node.Set(&r.arena, "contentType", "text/plain; charset=utf-8")
	node.Set(&r.arena, "data", base64.StdEncoding.EncodeToString([]byte(body)))
	for i := at + 1; i < end; i++ { // said by the first
		for _, f := range [...]int{1, 2, 3, 4, 11} {
			segs[i].field(f).useAll()
		}
	}
}

// The fields of OBX that say whether a text goes on.
const (
	obxType  = 2
	obxCode  = 3
	obxValue = 5
)

func narrative(s *segment) bool {
	if s.name != "OBX" {
		return false
	}
	switch s.field(obxType).text() {
	case "TX", "FT", "ST":
		return true
	}
	return false
}

func continues(prev, s *segment) bool {
	return narrative(prev) && narrative(s) && prev.grp.def == s.grp.def &&
		prev.field(obxType).text() == s.field(obxType).text() &&
		prev.field(obxCode).down(1).down(1).text() == s.field(obxCode).down(1).down(1).text()
}
