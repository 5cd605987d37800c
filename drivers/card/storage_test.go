package card

import (
	"errors"
	"strings"
	"testing"

	"cardferry/drivers"
)

// storage is a profile without probe for MIFARE Classic 1K; STEPS and the fields
// stand for what a case needs.
const storage = `profile: xx-storage
version: 1
title: A storage card
assurance: memory-read
match:
  interface: contactless
  atr: [3B8F8001804F0CA000000306030001000000006A]
steps:
STEPS
fields:
  number: {from: id-bytes, do: [hex]}
constants: {system: "https://example.org/id"}
output:
  patient:
    identifier: [{system: "${system}", value: "${number}"}]
`

const classicATR = `"atr":"3B8F8001804F0CA000000306030001000000006A","protocol":"T=1"`

func storageProfile(steps string) string { return strings.Replace(storage, "STEPS", steps, 1) }

// What storage steps send.
func TestStorageSteps(t *testing.T) {
	for _, tt := range []struct {
		name, steps string
		lines       [][2]string
		want        string
	}{
		{"UID and ATS", "  - uid: {append: id-bytes}\n  - ats: {append: id-bytes}",
			[][2]string{{"FFCA000000", "04A1B2C39000"}, {"FFCA010000", "80019000"}}, "04A1B2C38001"},
		{"a sector is opened once for one key", "  - mifare-read: {sector: 1, blocks: [0, 1], key: clinic, append: id-bytes}\n  - mifare-read: {sector: 1, blocks: [2], key: clinic, append: id-bytes}",
			[][2]string{{"FF82000006010203040506", "9000"}, {"FF860000050100046000", "9000"}, {"FFB0000410", strings.Repeat("AA", 16) + "9000"}, {"FFB0000510", strings.Repeat("BB", 16) + "9000"}, {"FFB0000610", strings.Repeat("CC", 16) + "9000"}},
			strings.Repeat("AA", 16) + strings.Repeat("BB", 16) + strings.Repeat("CC", 16)},
		{"another kind of key opens again", "  - mifare-read: {sector: 1, blocks: [0], key: clinic}\n  - mifare-read: {sector: 1, blocks: [0], key: clinic, kind: B, as: id-bytes}",
			[][2]string{{"FF82000006010203040506", "9000"}, {"FF860000050100046000", "9000"}, {"FFB0000410", "AA9000"}, {"FF82000006010203040506", "9000"}, {"FF860000050100046100", "9000"}, {"FFB0000410", "BB9000"}}, "BB"},
		{"public keys and large sectors", "  - mifare-read: {sector: 32, blocks: [15], key: transport, append: id-bytes}\n  - mifare-read: {sector: 0, blocks: [1], key: mad, append: id-bytes}",
			[][2]string{{"FF82000006FFFFFFFFFFFF", "9000"}, {"FF860000050100806000", "9000"}, {"FFB0008F10", "019000"}, {"FF82000006A0A1A2A3A4A5", "9000"}, {"FF860000050100006000", "9000"}, {"FFB0000110", "029000"}}, "0102"},
		{"a wrong key is a refusal", "  - try: {steps: [mifare-read: {sector: 1, blocks: [0], key: clinic, as: id-bytes}], on: [\"6300\"], else: [mifare-read: {sector: 1, blocks: [0], key: transport, as: id-bytes}]}",
			[][2]string{{"FF82000006010203040506", "9000"}, {"FF860000050100046000", "6300"}, {"FF82000006FFFFFFFFFFFF", "9000"}, {"FF860000050100046000", "9000"}, {"FFB0000410", "019000"}}, "01"},
		{"memory card behind an ACS reader", "  - memory-card: {dialect: acs, type: sle4442}\n  - read-memory: {address: 100, length: 4, as: id-bytes}",
			[][2]string{{"FFA400000106", "9000"}, {"FFB0006404", "313233349000"}}, "31323334"},
		{"protection bits after the data are cut off", "  - memory-card: {dialect: acs, type: sle4442}\n  - read-memory: {address: 0, length: 2, as: id-bytes}",
			[][2]string{{"FFA400000106", "9000"}, {"FFB0000002", "A213FFFFFFFF9000"}}, "A213"},
		{"OMNIKEY, in chunks", "  - memory-card: {dialect: omnikey, type: sle4428}\n  - read-memory: {address: 255, length: 237, as: id-bytes}",
			[][2]string{{"FFB000FFEC", strings.Repeat("31", 236) + "9000"}, {"FFB001EB01", "329000"}}, strings.Repeat("31", 236) + "32"},
		{"CT-API terminal", "  - memory-card: {dialect: ct-api, type: sle4428}\n  - read-memory: {address: 256, length: 2, as: id-bytes}",
			[][2]string{{"00B0010002", "31329000"}}, "3132"},
		{"another dialect after a refusal", "  - try: {steps: [memory-card: {dialect: acs, type: sle4442}], else: [memory-card: {dialect: omnikey, type: sle4442}]}\n  - read-memory: {address: 0, length: 1, as: id-bytes}",
			[][2]string{{"FFA400000106", "6D00"}, {"FFB0000001", "A29000"}}, "A2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ps, err := load(storageProfile(tt.steps))
			if err != nil {
				t.Fatal(err)
			}
			e, err := NewEngineWith(ps, Options{MifareKeys: func(name string) ([]byte, bool) { return []byte{1, 2, 3, 4, 5, 6}, name == "clinic" }})
			if err != nil {
				t.Fatal(err)
			}
			ch := &script{t: t, lines: tt.lines}
			read, err := e.Read(t.Context(), ch, Info{ATR: unhex(t, "3B8F8001804F0CA000000306030001000000006A"), Protocol: T1, Contactless: true})
			if err != nil {
				t.Fatal(err)
			}
			if got := read.Patient.Identifier[0].Value; got != tt.want || ch.next != len(ch.lines) {
				t.Errorf("got %s after %d of %d commands, want %s", got, ch.next, len(ch.lines), tt.want)
			}
		})
	}
}

// A key the site has not configured is a refusal that a profile can catch, and
// nothing is sent. A replay may bring keys along.
func TestMifareKeyMissing(t *testing.T) {
	const image = `"uid":"04A1B2C3","mifare":{"sectors":[{"sector":1,"keyA":"010203040506","data":"AABB"}]}`
	plain := engineOf(t, storageProfile("  - mifare-read: {sector: 1, blocks: [0], key: clinic, as: id-bytes}"))
	_, err := plain.Replay(t.Context(), strings.NewReader("{"+classicATR+","+image+"}"))
	var refused *StatusError
	if !errors.As(err, &refused) || refused.SW != 0x6982 || !strings.Contains(err.Error(), "line 9, mifare-read: the site has not configured the MIFARE key clinic") {
		t.Errorf("got %v", err)
	}
	read, err := plain.Replay(t.Context(), strings.NewReader("{"+classicATR+","+image+`,"keys":{"clinic":"010203040506"}}`))
	if err != nil || !strings.HasPrefix(read.Patient.Identifier[0].Value, "AABB00") {
		t.Errorf("with the replay's key: %v, %v", read, err)
	}
	caught := engineOf(t, storageProfile("  - uid: {as: id-bytes}\n  - try: {steps: [mifare-read: {sector: 1, blocks: [0], key: clinic, as: other}], on: [\"69xx\"], partial: true}"))
	read, err = caught.Replay(t.Context(), strings.NewReader("{"+classicATR+","+image+"}"))
	if err != nil || !read.Partial || len(read.Warnings) != 1 || (read.Warnings[0] != drivers.Warning{Code: "needs_key", Field: "clinic"}) {
		t.Errorf("caught: %v, %v, %v", read.Partial, read.Warnings, err)
	}
}

// The profile that takes any contactless card comes last, whatever its priority.
func TestAnyUID(t *testing.T) {
	anyCard := strings.NewReplacer("profile: xx-storage", "profile: aa-any", "  atr: [3B8F8001804F0CA000000306030001000000006A]", "  uid-any: true\n  priority: 99",
		"STEPS", "  - uid: {as: id-bytes}", "memory-read", "uid-only").Replace(storage)
	e := engineOf(t, anyCard, storageProfile("  - uid: {as: id-bytes}"), minimal)
	for _, tt := range []struct{ replay, want string }{
		{"{" + classicATR + `,"uid":"0401"}`, "xx-storage"},
		{`{"atr":"3B8F8001804F0CA000000306030002000000006A","protocol":"T=1","uid":"0401"}`, "aa-any"},
		{`{"atr":"3B00","protocol":"T=1","uid":"0401","files":[{"aid":"A000000001","sfi":1,"data":"3132333435363738"}]}`, "xx-test"},
		{`{"atr":"3B00","protocol":"T=1","files":[]}`, "unknown"},
		{"{" + classicATR + `,"files":[]}`, "unknown"}, // not on a contactless reader
	} {
		read, err := e.Replay(t.Context(), strings.NewReader(tt.replay))
		if err != nil || read.Medium != tt.want {
			t.Errorf("%s: got %s, %v; want %s", tt.replay, read.Medium, err, tt.want)
		}
	}
}
