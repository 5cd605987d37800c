package card

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

// minimal is the smallest useful profile; mistakes are made in copies of it.
const minimal = `profile: xx-test
version: 2
title: A test card
assurance: chip-read
match:
  probe:
    - select-aid: {aid: A000000001}
steps:
  - read-binary: {sfi: 01, length: 8, as: id-bytes}
fields:
  number: {from: id-bytes, do: [text: ascii]}
  secret: {from: "id-bytes[0:2]", do: [hex], sensitivity: sensitive}
constants:
  system: https://example.org/id
output:
  patient:
    identifier: [{system: "${system}", value: "${number}"}]
  extras: {secret: "${secret}"}
`

func load(files ...string) ([]*Profile, error) {
	var all []fs.FS
	for _, f := range files {
		all = append(all, fstest.MapFS{"test.yaml": {Data: []byte(f)}})
	}
	return LoadProfiles(all...)
}

func TestLoadMinimal(t *testing.T) {
	ps, err := load(minimal)
	if err != nil {
		t.Fatal(err)
	}
	if p := ps[0]; len(ps) != 1 || p.Name() != "xx-test" || p.Label() != "xx-test@2" || p.Title() != "A test card" || p.File() != "test.yaml" {
		t.Errorf("got %+v", ps)
	}
}

// A mistake is an error that names the place and, where it can, the right word.
func TestLoadMistakes(t *testing.T) {
	for _, tt := range []struct{ name, old, new, want string }{
		{"unknown key", "title:", "titel:", `test.yaml:3:1: unknown key "titel"; did you mean "title"?`},
		{"missing key", "title: A test card\n", "", `test.yaml:1:1: key "title" is missing`},
		{"duplicate key", "version: 2", "version: 2\nversion: 3", `test.yaml:3:1: key "version" appears twice`},
		{"wrong type: text for number", "version: 2", "version: two", `test.yaml:2:10: want a number such as 25 or 0x19, found text`},
		{"wrong type: list for mapping", "constants:\n  system: https://example.org/id", "constants: [a]", `test.yaml:13:12: want a mapping`},
		{"wrong type: number for text", "title: A test card", "title: 012345", `test.yaml:3:8: want text, found a number; write it in quotes`},
		{"octal-looking number", "length: 8", "length: 08", `test.yaml:9:36: want a number such as 25 or 0x19`},
		{"unknown step", "read-binary:", "read-bin:", `test.yaml:9:5: unknown step "read-bin"; did you mean "read-binary"?`},
		{"unknown step key", "as: id-bytes", "ass: id-bytes", `test.yaml:9:39: unknown key "ass"; did you mean "as"?`},
		{"step with two keys", "- select-aid: {aid: A000000001}", "- {select-aid: {aid: A0}, try: {steps: []}}", `test.yaml:7:7: a step is one key`},
		{"unknown stage", "text: ascii", "txt: ascii", `test.yaml:11:33: unknown stage "txt"; did you mean "text"?`},
		{"unknown charset", "text: ascii", "text: gbk18030", `test.yaml:11:39: unknown value "gbk18030"; did you mean "gb18030"?`},
		{"stage without argument", "[text: ascii]", "[text]", `test.yaml:11:33: text needs an argument`},
		{"stage with argument", "[hex]", "[hex: 1]", `test.yaml:12:45: hex takes no argument`},
		{"unknown source", "from: id-bytes", "from: id-byte", `test.yaml:11:18: unknown source "id-byte"; did you mean "id-bytes"?`},
		{"bad slice", "id-bytes[0:2]", "id-bytes[2:1]", `test.yaml:12:18: want name or name[from:to]`},
		{"stage on the wrong kind", "do: [hex]", "do: [hex, hex]", `test.yaml:12:45: hex takes bytes, here comes text`},
		{"name taken", "secret: {from: \"id", "id-bytes: {from: \"id", `"id-bytes" is already the name of a capture or field`},
		{"unknown field in output", "${number}", "${numbr}", `test.yaml:17:47: unknown field "numbr"; did you mean "number"?`},
		{"bytes in output", "do: [text: ascii]", "do: [slice: \"0:1\"]", `field "number" is bytes`},
		{"unknown FHIR element", "identifier:", "identifyer:", `unknown FHIR element "identifyer"; did you mean "identifier"?`},
		{"FHIR list written as object", `[{system: "${system}", value: "${number}"}]`, `{value: "${number}"}`, `test.yaml:17:17: want a list here`},
		{"Coverage without payor", "  extras:", "  coverage: [{status: active, beneficiary: {display: x}}]\n  extras:", "FHIR requires Coverage.payor"},
		{"odd AID", "A000000001", "A00000001", "test.yaml:7:25: want hex bytes"},
		{"SFI out of range", "sfi: 01", "sfi: 1F", "sfi is 01 to 1E"},
		{"unterminated reference", `"${number}"`, `"${number"`, "${ without }"},
		{"anchor", "title: A", "title: &a A", "anchors and aliases are not part"},
		{"two documents", "profile:", "profile: xx\n---\nprofile:", "more than one YAML document"},
		{"broken YAML", "match:", "match: [", "test.yaml:"},
		{"not a mapping", minimal, "- a", "not a card profile"},
		{"empty file", minimal, "", "not a card profile"},
		{"assurance too high", "chip-read", "chip-authenticated", "a profile cannot authenticate a card"},
		{"chunk too large", "steps:\n  - read", "transport: {chunk: 300}\nsteps:\n  - read", "at most: chunk 256"},
		{"too many commands", "steps:\n  - read", "limits: {apdus: 5000}\nsteps:\n  - read", "apdus 512"},
		{"duration without unit", "steps:\n  - read", "limits: {time: 10}\nsteps:\n  - read", "want a time with its unit"},
		{"release of a normal field", "constants:", "release: [number]\nconstants:", `release and only-for name sensitive fields; "number" is none`},
		{"bad sensitivity", "sensitivity: sensitive", "sensitivity: high", "sensitivity is normal or sensitive"},
		{"bad status word", "as: id-bytes", `as: id-bytes, optional: ["6A8"]`, "want a status word"},
		{"loop without values", "  - read-binary", "  - for-each: {var: i, steps: [select-file: {fid: \"${i}\"}]}\n  - read-binary", "for-each needs steps and 1 to 256 values"},
		{"loop too long", "  - read-binary", "  - for-each: {var: i, from: 0, to: 1000, steps: [select-file: {fid: \"${i}\"}]}\n  - read-binary", "for-each needs steps and 1 to 256 values"},
		{"unknown variable", "length: 8", "length: \"${n}\"", `"n" is not a parameter or loop variable here`},
		{"VERIFY", "  - read-binary", "  - apdu: {command: 0020000104 31323334}\n  - read-binary", "instruction 20 can change a card"},
		{"UPDATE through an allow list", "steps:\n  - read", "allow: [80D6]\nsteps:\n  - apdu: {command: \"80D6000001 00\"}\n  - read", "instruction D6 can change a card"},
		{"class 80 without allow list", "  - read-binary", "  - apdu: {command: 80B0000000}\n  - read-binary", "command 80B0 is not in the profile's allow list"},
		{"hidden command", "  - read-binary", "  - for-each: {var: i, in: [1], steps: [apdu: {command: \"00 ${i:u8} 0000\"}]}\n  - read-binary", "CLA and INS must be written out"},
		{"command with wrong Lc", "  - read-binary", "  - apdu: {command: 00A4000003EF05}\n  - read-binary", "Lc says 3 data bytes"},
		{"capture named by no loop", "as: id-bytes", `as: "id-${n}"`, "a loop variable with literal values"},
		{"capture named by a loop over parameters", "steps:\n  - read-binary", "define:\n  m: {params: [k], steps: [for-each: {var: n, in: [\"${k}\"], steps: [select-file: {fid: \"${n}\", as: \"x-${n}\"}]}]}\nsteps:\n  - read-binary", "a loop variable with literal values"},
		{"capture with a bad name", "as: id-bytes", `as: "id bytes"`, "cannot name a capture"},
		{"record range without name", "read-binary: {sfi: 01, length: 8, as: id-bytes}", "read-record: {from: 1, to: end}", "needs as: NAME"},
		{"record range too long", "read-binary: {sfi: 01, length: 8, as: id-bytes}", "read-record: {from: 1, to: 33, as: id-bytes}", "of at most 32 records"},
		{"record by number and tag", "read-binary: {sfi: 01, length: 8, as: id-bytes}", "read-record: {number: 1, tag: 01, as: id-bytes}", "give either number, or tag"},
		{"header fcp with sfi", "length: 8", "length: {header: fcp}", "it goes without sfi"},
		{"digits without ascii-hex", "length: 8", "length: {header: be16, digits: 2}", "digits (1 to 8) belongs to"},
		{"unknown header", "length: 8", "length: {header: be32}", `unknown value "be32"; did you mean "be16"?`},
		{"length that is too long", "  - read-binary", "  - select-file: {fid: 0001, le: 300}\n  - read-binary", "a length is none or 1 to 256"},
		{"select-file by name", "  - read-binary", "  - select-file: {fid: 0001, p1: 04}\n  - read-binary", "P1 = 04 is select-aid"},
		{"class of get-data without allow list", "  - read-binary", "  - get-data: {tag: 9F7F, class: 80}\n  - read-binary", "command 80CA is not in the profile's allow list"},
		{"DESFire class", "steps:\n  - read", "allow: [90BD]\nsteps:\n  - apdu: {command: 90BD000000}\n  - read", "class 90 is not available"},
		{"when on a later capture", "as: id-bytes", "as: id-bytes, when: {from: id-bytes, present: true}", `unknown source "id-bytes"`},
		{"when on bytes as text", "  - read-binary: {sfi: 01, length: 8, as: id-bytes}", "  - read-binary: {sfi: 01, length: 8, as: id-bytes}\n  - select-file: {fid: 0001, when: {from: id-bytes, equals: AB C}}", "compare with hex"},
		{"MIFARE block outside the sector", "  - read-binary", "  - mifare-read: {sector: 1, blocks: [4], key: a}\n  - read-binary", "sector is 0 to 39"},
		{"MIFARE key written out", "  - read-binary", "  - mifare-read: {sector: 1, blocks: [1], key: \"FFFFFFFFFFFF 1\"}\n  - read-binary", "key is a plain name"},
		{"unknown memory card", "  - read-binary", "  - memory-card: {dialect: acs, type: sle4443}\n  - read-binary", "type is sle4442"},
		{"memory before memory-card", "  - read-binary", "  - read-memory: {address: 0, length: 1}\n  - read-binary", "needs a memory-card step before it"},
		{"no probe and part of an ATR", "  probe:\n    - select-aid: {aid: A000000001}", "  atr: [3B67]", "match needs a probe, unless every atr is a whole ATR"},
		{"no probe and no ATR", "  probe:\n    - select-aid: {aid: A000000001}", "  priority: 1", "match needs a probe"},
		{"uid-any on contact cards", "  probe:\n    - select-aid: {aid: A000000001}", "  uid-any: true", "uid-any needs interface: contactless"},
		{"no steps", "steps:\n  - read-binary: {sfi: 01, length: 8, as: id-bytes}\n", "", `key "steps" is missing`},
		{"says and steps", "match:", "says: {code: needs_pin, about: A sentence.}\nmatch:", "says goes without steps"},
		{"says something unknown", "match:", "says: {code: needs_pim, about: A sentence.}\nmatch:", `unknown says.code "needs_pim"; did you mean "needs_pin"?`},
		{"settle too long", "steps:\n  - read", "transport: {settle: 5s}\nsteps:\n  - read", "settle and retry-delay 2s"},
		{"date without pattern", "[hex]", "[hex, date: dd-mm]", "layout needs yyyy"},
		{"roc date with four digits", "[hex]", "[hex, date: {layout: yyyymmdd, calendar: roc}]", "layout needs yyyy (roc: yyy)"},
		{"pattern without group", "[hex]", "[hex, match: \"^x\"]", "RE2 pattern"},
		{"unknown check digit", "[hex]", "[hex, check: thai-id]", `unknown value "thai-id"; did you mean "thai-cid"?`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(minimal, tt.old) {
				t.Fatalf("the profile has no %q", tt.old)
			}
			_, err := load(strings.Replace(minimal, tt.old, tt.new, 1))
			var pe *ProfileError
			if !errors.As(err, &pe) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

// One look at a file shows all its mistakes, up to a bound.
func TestLoadReportsAll(t *testing.T) {
	bad := strings.NewReplacer("titel", "", "title:", "titel:", "read-binary:", "read-bin:", "text: ascii", "txt: ascii").Replace(minimal)
	_, err := load(bad)
	for _, want := range []string{"titel", "read-bin", "txt"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not reported: %v", want, err)
		}
	}
}

func TestMacros(t *testing.T) {
	const define = "define:\n  item: {params: [tag, len], steps: [read-record: {tag: \"${tag}\", length: \"${len}\"}]}\nsteps:\n"
	with := func(call string) string {
		return strings.Replace(minimal, "steps:\n  - read-binary: {sfi: 01, length: 8, as: id-bytes}", define+"  - "+call, 1)
	}
	for _, tt := range []struct{ name, call, want string }{
		{"fine", "item: {tag: 0x4E, len: 4, as: id-bytes}", ""},
		{"parameter missing", "item: {tag: 0x4E, as: id-bytes}", `parameter "len" is missing`},
		{"parameter unknown", "item: {tag: 0x4E, len: 4, lem: 4, as: id-bytes}", `unknown parameter "lem"; did you mean "len"?`},
		{"macro unknown", "itme: {tag: 0x4E, len: 4, as: id-bytes}", `unknown step "itme"; did you mean "item"?`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := load(with(tt.call))
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	self := strings.Replace(with("item: {tag: 1, len: 4, as: id-bytes}"), "[read-record: {tag: \"${tag}\", length: \"${len}\"}]", "[item: {tag: 1, len: 1}]", 1)
	if _, err := load(self); err == nil || !strings.Contains(err.Error(), "must be defined before it is used") {
		t.Errorf("a macro calls itself: %v", err)
	}
}

func TestOverride(t *testing.T) {
	site := strings.Replace(minimal, "version: 2", "version: 9", 1)
	ps, err := load(minimal, site)
	if err != nil || len(ps) != 1 || ps[0].Label() != "xx-test@9" {
		t.Errorf("got %v, %v", ps, err)
	}
	both := fstest.MapFS{"a.yaml": {Data: []byte(minimal)}, "b.yaml": {Data: []byte(minimal)}, "note.txt": {Data: []byte("x")}}
	if _, err := LoadProfiles(both); err == nil || !strings.Contains(err.Error(), `b.yaml: profile "xx-test" is already in a.yaml`) {
		t.Errorf("got %v", err)
	}
	if _, err := NewEngine([]*Profile{ps[0], ps[0]}); err == nil {
		t.Error("an engine takes one profile twice")
	}
	big := fstest.MapFS{"big.yaml": {Data: make([]byte, maxProfileFile+1)}}
	if _, err := LoadProfiles(big); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("got %v", err)
	}
}

func TestAmend(t *testing.T) {
	read := func(t *testing.T, ps []*Profile) (system string, secret any) {
		t.Helper()
		e, err := NewEngine(ps)
		if err != nil {
			t.Fatal(err)
		}
		r, err := e.Replay(t.Context(), strings.NewReader(`{"atr":"3B00","protocol":"T=1","files":[{"aid":"A000000001","sfi":1,"data":"3132333435363738"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		return r.Patient.Identifier[0].System, r.Extras["secret"]
	}
	shipped, err := load(minimal)
	if err != nil {
		t.Fatal(err)
	}
	if system, secret := read(t, shipped); system != "https://example.org/id" || secret != nil {
		t.Errorf("as shipped: %s, %v", system, secret)
	}
	amended, err := load(minimal, "amends: xx-test\nconstants: {system: \"urn:oid:1.2.3\"}\nrelease: [secret]\n")
	if err != nil {
		t.Fatal(err)
	}
	if system, secret := read(t, amended); system != "urn:oid:1.2.3" || secret != "3132" {
		t.Errorf("amended: %s, %v", system, secret)
	}
	for _, tt := range []struct{ amendment, want string }{
		{"amends: xx-tset\n", `there is no profile "xx-tset" to amend`},
		{"amends: xx-test\nconstants: {systm: x}\n", `unknown constant "systm"; did you mean "system"?`},
		{"amends: xx-test\nrelease: [number]\n", `"number" is none of xx-test`},
		{"amends: xx-test\nsteps: []\n", `unknown key "steps"`},
	} {
		if _, err := load(minimal, tt.amendment); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
}

// Whatever a file says, loading ends with a profile or an error.
func FuzzLoadProfile(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add([]byte("amends: a\n"))
	f.Add([]byte("profile: a\ndefine: {m: {params: [as], steps: [m: {}]}}\nsteps: [try: {steps: [try: {steps: []}]}]\n"))
	for _, p := range []string{"tw-nhi", "th-nid", "cn-ssc", "de-egk"} {
		b, err := readLimited(shippedFS(), p+".yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := parseProfile("fuzz.yaml", text, nil)
		if (p == nil) == (err == nil) {
			t.Fatalf("profile %v, error %v", p, err)
		}
		if err != nil {
			return
		}
		e, err := NewEngine([]*Profile{p})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = e.Read(t.Context(), echo{}, Info{Protocol: T1})
	})
}
