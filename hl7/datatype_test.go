package hl7

import (
	"errors"
	"reflect"
	"testing"
)

func TestDatatypesReadBack(t *testing.T) {
	hd := HD{"A", "1.2", "ISO"}
	name := XPN{"Zhang", "Wei", "M", "Jr", "Dr", "PhD", "L", "I"}
	doctor := name
	doctor.Representation = ""
	tests := []struct {
		want Data
		read func(Value) any
	}{
		{hd, func(v Value) any { return v.HD() }},
		{EI{"7", hd}, func(v Value) any { return v.EI() }},
		{CX{"7", "1", "M11", hd, "MR", HD{NamespaceID: "F"}}, func(v Value) any { return v.CX() }},
		{name, func(v Value) any { return v.XPN() }},
		{XAD{"S", "O", "C", "P", "Z", "CHN", "H", "G", "CO"}, func(v Value) any { return v.XAD() }},
		{XTN{"1", "PRN", "PH", "e@x", "86", "571", "55", "9", "any"}, func(v Value) any { return v.XTN() }},
		{XCN{"D1", doctor, HD{NamespaceID: "HIS"}, "EI"}, func(v Value) any { return v.XCN() }},
		{CWE{"c", "t", "s", "ac", "at", "as", "o"}, func(v Value) any { return v.CWE() }},
		{PL{"W3", "R12", "B2", HD{NamespaceID: "H"}, "U", "N", "B", "F", "d"}, func(v Value) any { return v.PL() }},
		{SN{">", "100", "-", "200"}, func(v Value) any { return v.SN() }},
	}
	for _, tt := range tests {
		t.Run(reflect.TypeOf(tt.want).Name(), func(t *testing.T) {
			m := parse(t, build(t, NewMessage(testHeader()).Segment("ZAA").Set(1, nil, tt.want).Set(2, tt.want)))
			for _, p := range []string{"ZAA-1[2]", "ZAA-2"} {
				if got := tt.read(get(t, m, p)); got != any(tt.want) {
					t.Errorf("%s: %+v", p, got)
				}
			}
			if got := tt.read(Value{}); !reflect.ValueOf(got).IsZero() {
				t.Errorf("read from nothing: %+v", got)
			}
		})
	}
}

func TestDatatypesOfRealMessages(t *testing.T) {
	m := parse(t, string(admission()))
	pid, _ := m.Segment("PID", 1)
	var ids []CX
	for _, rep := range pid.Field(3).All() {
		ids = append(ids, rep.CX())
	}
	want := []CX{{ID: "100001", Authority: HD{"HIS", "1.2.156.1", "ISO"}, Type: "MR"}, {ID: "330106199003071234", Authority: HD{"PSN", "1.2.156.2", "ISO"}, Type: "NNCHN"}}
	if !reflect.DeepEqual(ids, want) {
		t.Errorf("PID-3 %+v", ids)
	}
	if n := pid.Field(5).Rep(2).XPN(); n.Family != "张" || n.Representation != "I" {
		t.Errorf("PID-5[2] %+v", n)
	}
	// Older forms: a plain value where a composite came later, subcomponents in a surname.
	old := parse(t, "MSH|^~\\&|APP\rPID|1||7|||||||||||\rZAA|van Dyke&van&Dyke^Jan|\"\"^Jan")
	if old.Header().SendingApplication != (HD{NamespaceID: "APP"}) || get(t, old, "PID-3").CX() != (CX{ID: "7"}) {
		t.Error("a plain value is the first part")
	}
	if n := get(t, old, "ZAA-1").XPN(); n.Family != "van Dyke" || n.Given != "Jan" {
		t.Errorf("surname with parts: %+v", n)
	}
	if n := get(t, old, "ZAA-2").XPN(); n.Family != "" || n.Given != "Jan" {
		t.Errorf("null part: %+v", n)
	}
}

func TestNumbers(t *testing.T) {
	for in, want := range map[string]string{"5": "5", "5.0": "5.0", "+7": "7", "-0.5": "-0.5", ".5": ".5", "3.": "3.", "007": "007"} {
		v := get(t, parse(t, `MSH|^~\&|`+in), "MSH-3")
		if got, err := v.Number(); err != nil || got != want {
			t.Errorf("%q: %q %v", in, got, err)
		}
	}
	for _, in := range []string{"", "-", ".", "1e5", "1,5", "5-3", "<5", "1.2.3", "0x1", "５", "NaN"} {
		v := get(t, parse(t, `MSH|^~\&|`+in), "MSH-3")
		if got, err := v.Number(); !errors.Is(err, ErrBadNumber) {
			t.Errorf("%q: %q %v", in, got, err)
		}
	}
	m := parse(t, `MSH|^~\&| 12 |x|99999999999|1.5`)
	if got, err := get(t, m, "MSH-3").Number(); err != nil || got != "12" {
		t.Errorf("blanks around a number: %q %v", got, err)
	}
	if n, ok := get(t, m, "MSH-3").Integer(); !ok || n != 12 {
		t.Errorf("%d %v", n, ok)
	}
	for _, p := range []string{"MSH-4", "MSH-5", "MSH-6", "MSH-7"} {
		if n, ok := get(t, m, p).Integer(); ok {
			t.Errorf("%s is %d", p, n)
		}
	}
}

func TestDocuments(t *testing.T) {
	tests := []struct {
		name, encoding, data, want string
		bad                        bool
	}{
		{"Base64", "Base64", "QUJDRA==", "ABCD", false},
		{"Base64 in capitals, no padding", "BASE64", "QUJDRA", "ABCD", false},
		{"Base64 with line breaks, real and escaped", "Base64", `QU\.br\JD\X0D\\X0A\R` + "\n A==", "ABCD", false},
		{"Hex", "Hex", "41 42", "AB", false},
		{"A", "A", `a\F\b`, "a|b", false},
		{"no encoding", "", "plain", "plain", false},
		{"nothing", "Base64", "", "", false},
		{"damaged Base64", "Base64", "Q*", "", true},
		{"damaged Hex", "Hex", "4", "", true},
		{"another encoding", "Base85", "x", "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := parse(t, "MSH|^~\\&|A\rOBX|1|ED|||SRC^application^pdf^"+tt.encoding+"^"+tt.data)
			ed := get(t, m, "OBX-5").ED()
			out, err := ed.Decode()
			if string(out) != tt.want || errors.Is(err, ErrBadDocument) != tt.bad || ed.Subtype != "pdf" || ed.Source.NamespaceID != "SRC" {
				t.Errorf("%q %v", out, err)
			}
		})
	}
}

func TestGroups(t *testing.T) {
	m := parse(t, "MSH|^~\\&|A\rOBX|0\rOBR|1\rOBX|1\rOBX|2\rNTE|x\rOBR|2\rOBR|3\rOBX|3\rOBX")
	var got []string
	for g := range m.Groups("OBR") {
		for _, s := range g {
			got = append(got, string(s.Raw()))
		}
		got = append(got, ";")
	}
	want := []string{"OBR|1", "OBX|1", "OBX|2", "NTE|x", ";", "OBR|2", ";", "OBR|3", "OBX|3", "OBX", ";"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
	for path, want := range map[string]string{"OBR[1]/OBX[2]-1": "2", "OBR/OBX-1": "1", "OBR[3]/OBX-1": "3", "OBR[2]/OBR-1": "2", "MSH/OBX[4]-1": "3",
		"OBR[2]/OBX-1": "", "OBR[4]/OBX-1": "", "OBR[1]/OBX[3]-1": "", "OBX[2]-1": "1"} {
		if got := get(t, m, path).Text(); got != want {
			t.Errorf("%s = %q, want %q", path, got, want)
		}
	}
	if err := m.Set("OBR[3]/OBX-1", "9"); err != nil || get(t, m, "OBX[4]-1").Text() != "9" {
		t.Errorf("set in a group: %v", err)
	}
	for g := range m.Groups("OBR") {
		p, _ := ParsePath("OBX[2]-1")
		if v := g.At(p); v.Text() != "2" {
			t.Error("a path inside a group")
		}
		if s, ok := g.Segment("NTE", 1); !ok || s.Field(1).Text() != "x" {
			t.Error("a segment inside a group")
		}
		if _, ok := g.Segment("OBX", 3); ok {
			t.Error("the group ends where the next begins")
		}
		break
	}
	n := 0
	for i, s := range m.All("OBX") {
		if n++; i != n || !s.is("OBX") || n == 4 {
			break
		}
	}
	if n != 4 {
		t.Errorf("%d OBX seen", n)
	}
}

func TestRepetitionsAreWalkedInOnePass(t *testing.T) {
	m := parse(t, "MSH|^~\\&|A\rZAA|a~~c~|x||~")
	for path, want := range map[string][]string{"ZAA-1": {"a", "", "c", ""}, "ZAA-2": {"x"}, "ZAA-3": nil, "ZAA-4": {"", ""}, "MSH-2": {`^~\&`}} {
		p, _ := ParsePath(path)
		s, _ := m.Segment(p.Segment, 1)
		var got []string
		for n, rep := range s.Field(p.Field).All() {
			if got = append(got, rep.Text()); n != len(got) || string(rep.Raw()) != string(s.Field(p.Field).Rep(n).Raw()) {
				t.Errorf("%s: repetition %d", path, n)
			}
		}
		if !reflect.DeepEqual(got, want) || len(got) != s.Field(p.Field).Reps() {
			t.Errorf("%s: %q", path, got)
		}
	}
}
