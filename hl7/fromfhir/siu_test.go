package fromfhir

import (
	"bytes"
	"testing"

	"cardferry/hl7"
)

func TestEventFollowsFromTheResource(t *testing.T) {
	for _, c := range []struct {
		name, doc, old, new, event string // event is Options.Event
		trigger                    string
		path, want                 string
	}{
		{"new appointment", "appointment", "", "", "", "S12", "SCH-25.1", "Booked"},
		{"later version", "appointment", `"versionId":"1"`, `"versionId":"4"`, "", "S14", "RGS-2", "U"},
		{"moved, as the caller knows", "appointment", `"versionId":"1"`, `"versionId":"4"`, "S13", "S13", "SCH-6.1", "S13"},
		{"waits", "appointment", `"booked"`, `"waitlist"`, "", "S12", "SCH-25.1", "Waitlist"},
		{"asked for", "appointment", `"booked"`, `"proposed"`, "", "S12", "SCH-25.1", "Pending"},
		{"arrived", "appointment", `"booked"`, `"arrived"`, "", "S14", "SCH-25.1", "Started"},
		{"over", "appointment", `"booked"`, `"fulfilled"`, "", "S14", "SCH-25.1", "Complete"},
		{"cancelled, and why", "appointment", `"status":"booked"`, `"status":"cancelled","cancelationReason":{"text":"pat"}`, "", "S15", "SCH-6.2", "pat"},
		{"was an error", "appointment", `"booked"`, `"entered-in-error"`, "", "S17", "SCH-25.1", "Deleted"},
		{"did not come", "appointment", `"booked"`, `"noshow"`, "", "S26", "SCH-25.1", "Noshow"},
		{"referral asked for", "referral", "", "", "", "I12", "RF1-1.1", "P"},
		{"referral taken", "referral", `"status":"requested"`, `"status":"accepted"`, "", "I12", "RF1-1.1", "A"},
		{"referral refused", "referral", `"status":"requested"`, `"status":"rejected","statusReason":{"text":"no bed"}`, "", "I12", "NTE[2]-3", "no bed"},
		{"referral withdrawn", "referral", `"status":"requested"`, `"status":"cancelled"`, "", "I14", "RF1-1.1", "R"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options
			o.Event = c.event
			doc := bytes.Replace(file(t, "testdata/"+c.doc+".json"), []byte(c.old), []byte(c.new), 1)
			convert := SIU
			if c.doc == "referral" {
				convert = REF
			}
			raw, err := convert(doc, o)
			if err != nil {
				t.Fatal(err)
			}
			m := valid(t, raw)
			if got := get(t, m, "MSH-9.2"); got != c.trigger {
				t.Errorf("trigger event %s, want %s", got, c.trigger)
			}
			if got := get(t, m, c.path); got != c.want {
				t.Errorf("%s = %q, want %q", c.path, got, c.want)
			}
		})
	}
}

func TestReferralWithoutATask(t *testing.T) {
	doc := bytes.Replace(file(t, "testdata/referral.json"), []byte(`"resourceType":"Task"`), []byte(`"resourceType":"Basic"`), 1)
	doc = bytes.Replace(doc, []byte(`"id":"s1","meta":{"versionId":"1"}`), []byte(`"id":"s1","meta":{"versionId":"1","lastUpdated":"2026-03-16T09:00:00Z"}`), 1)
	raw, err := REF(doc, options)
	if err != nil {
		t.Fatal(err)
	}
	m := valid(t, raw)
	if get(t, m, "RF1-1.1") != "P" || get(t, m, "PRD[2]-1.1") != "RT" {
		t.Error("a referral needs no Task")
	}
}

func TestSiteNames(t *testing.T) {
	o := options
	o.Authorities = map[string]hl7.HD{"urn:oid:1.2.156.1.10": {NamespaceID: "APPT"}}
	o.CodingSystems = map[string]string{"http://terminology.hl7.org/CodeSystem/v3-ParticipationType": "V3PT"}
	raw, err := SIU(file(t, "testdata/appointment.json"), o)
	if err != nil {
		t.Fatal(err)
	}
	m := valid(t, raw)
	if get(t, m, "SCH-2") != "A-88^APPT" || get(t, m, "AIP-4.3") != "V3PT" {
		t.Error("the site's names do not go before what is built in")
	}
}
