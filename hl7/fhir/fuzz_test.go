package fhir

import (
	"bytes"
	"testing"
	"testing/fstest"

	"cardferry/hl7"
)

// FuzzTranslate: whatever arrives, the Bundle is valid R4, carries the exact
// bytes, is the same each time and is bounded by the message.
func FuzzTranslate(f *testing.F) {
	tr := translator(f)
	for _, c := range tr.tables.Cases() {
		f.Add(c.Message)
	}
	f.Add([]byte("MSH|^~\\&|||||||ADT^A40\rPID|1||1\rMRG|1"))
	f.Add([]byte("MSH|^~\\&|||||||ORU^R01\rOBX|1|NM|a||1~2~x\rNTE|1||\"\"\rSPM|1\rOBX|1|SN|||^1^-^2"))
	f.Add([]byte("MSH|^~\\&|\"\"|\"\"||||\"\"|ADT^A08\rPID|\"\"|\"\"|\"\"||\"\"|\"\"|\"\"|\"\"\rPV1|\"\"|\"\"\rIN1|\"\"\rAL1|\"\"\rDG1|1||\"\""))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := hl7.Parse(b, hl7.Options{MaxSize: 1 << 16})
		if err != nil {
			return
		}
		res, err := tr.Translate(m, "key")
		if err != nil {
			t.Fatal(err)
		}
		if issues := ValidateBundle(res.Bundle); len(issues) > 0 {
			t.Fatalf("not valid: %+v", issues[0])
		}
		again, err := tr.Translate(m, "key")
		if err != nil || !bytes.Equal(res.Bundle, again.Bundle) {
			t.Fatal("two translations differ")
		}
		if most := 200*len(b) + 200_000; len(res.Bundle) > most {
			t.Fatalf("%d bytes became %d", len(b), len(res.Bundle))
		}
	})
}

// FuzzTables: no table text panics or hangs the loader, and what loads
// translates to valid Bundles.
func FuzzTables(f *testing.F) {
	const header = "id,map,source,when,target,use,vocabulary,value,deviation\n"
	base := shippedFS()
	f.Add("segments", header+"X,ZPI[Patient],ZPI-2,ZPI-1 = '1',extension<urn:x>.valueString,,,,\n")
	f.Add("segments", header+"PID-8,PID[Patient],PID-8,(PID-8 valued or not count(PID-3) > 1) and length(PID-8) < 3,gender,,,{PID-8.1}x{site},\n")
	f.Add("datatypes", header+"X,CX[Identifier],CX.1.2,CX.1 in ('a','b'),assigner(Organization.name),,,,\n")
	f.Add("messages", "id,structure,group,segment,when,resource,map,links,deviation\nX,ADT_A01,,ZPI,,Basic,ZPI[Basic],subject=Patient;$:x,\n")
	f.Add("identity", "id,resource,key,deviation\nX,Basic,identifier:A ?PID-3.1 Patient subject =display,\n")
	f.Add("groups", "id,structure,group,parent,opens,members\nX,ADT_A01,A,B,ZPI,\nY,ADT_A01,B,A,ZPJ,\n")
	f.Add("vocabulary", "map,code,fhir,system,display,deviation\nAdministrativeSex,M,x,,,\n")
	f.Add("systems", "kind,code,uri,note\ncoding,X,urn:x,\n")
	f.Add("structures", "id,structure,note\nADT^A01,X,\n")
	sample := message(f, "MSH|^~\\&|A|B|||||ADT^A01|1|P|2.5\rPID|1||1^^^A^MR~2||A^B||1990|M\rZPI|1|x\rPV1|1|I")
	f.Fuzz(func(t *testing.T, kind, text string) {
		if columns[kind] == nil {
			return
		}
		site := fstest.MapFS{kind + ".csv": {Data: []byte(text)}}
		tables, err := LoadTables(base, site)
		if err != nil {
			return
		}
		tr, err := NewTranslator(tables, CaseConfig())
		if err != nil {
			t.Fatal(err)
		}
		res, err := tr.Translate(sample, "key")
		if err != nil {
			t.Fatal(err)
		}
		if issues := ValidateBundle(res.Bundle); len(issues) > 0 {
			t.Fatalf("not valid: %+v", issues[0])
		}
	})
}

// FuzzValidateBundle: any bytes, no panic.
func FuzzValidateBundle(f *testing.F) {
	for _, c := range shipped(f).Cases() {
		f.Add(c.Want)
	}
	f.Add([]byte(`{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Patient","_birthDate":{"id":"a"},"name":[{"given":[null,"x"],"_given":[{"id":"y"},null]}]}}]}`))
	f.Fuzz(func(_ *testing.T, b []byte) { ValidateBundle(b) })
}
