package fhir

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"
)

const rowHeader = "id,map,source,when,target,use,vocabulary,value,deviation\n"

func TestSiteTablesAddAndOverride(t *testing.T) {
	const places = "id,structure,group,segment,when,resource,map,links,deviation\n"
	msg := adtHead + "ZPI|1|蓝码|20260301\r"
	for _, c := range []struct {
		name       string
		files      map[string]string
		path, want string
	}{
		{"a Z segment becomes an extension",
			map[string]string{
				"messages.csv": places + "site.ZPI,ADT_A01,,ZPI,,?Patient,ZPI[Patient],,\n",
				"segments.csv": rowHeader + "site.ZPI-2,ZPI[Patient],ZPI-2,ZPI-1 = '1',extension<urn:site:health-code>.valueString,,,,\n",
			}, "Patient.extension[0].valueString", "蓝码"},
		{"a Z segment becomes a resource with a link",
			map[string]string{
				"messages.csv": places + "site.ZPI,ADT_A01,,ZPI,,Basic,ZPI[Basic],subject=Patient,\n",
				"segments.csv": rowHeader + "site.1,ZPI[Basic],ZPI,,code.text,,,health code,\nsite.2,ZPI[Basic],ZPI-3,,created,,,,\n",
			}, "Basic.subject.reference", "urn:uuid:26963aea-b75b-5af6-9506-dfce177c02a7"},
		{"a row with a known id replaces the shipped one",
			map[string]string{"segments/pid.csv": rowHeader + "PID-8,PID[Patient],PID-8,,gender,,,other,\n"},
			"Patient.gender", "other"},
		{"a new row goes before the shipped ones",
			map[string]string{"segments.csv": rowHeader + "site.8,PID[Patient],PID-8,PID-8 = 'M',gender,,,unknown,\n"},
			"Patient.gender", "unknown"},
		{"a row is switched off",
			map[string]string{"segments.csv": rowHeader + "PID-8,,,,-,,,,\n"},
			"Patient.gender", ""},
		{"a local code gets its meaning",
			map[string]string{"vocabulary.csv": "map,code,fhir,system,display,deviation\nAdministrativeSex,M,female,,,\n"},
			"Patient.gender", "female"},
		{"an authority gets its system",
			map[string]string{"systems.csv": "kind,code,uri,note\nauthority,HOSP,urn:oid:1.2.3,\n"},
			"Patient.identifier[0].system", "urn:oid:1.2.3"},
		{"an event joins a structure",
			map[string]string{"structures.csv": "id,structure,note\nADT^A08,*,\n"},
			"Patient.meta.tag[0].code", "partial"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := withSite(t, c.files)
			if got := at(t, translate(t, tr, msg).Bundle, c.path); got != c.want {
				t.Errorf("%s = %q, want %q", c.path, got, c.want)
			}
			if tr.Version() == translator(t).Version() {
				t.Error("a site's table does not show in the mapping version")
			}
		})
	}
}

func TestMistakesInTablesAreFoundWithTheirLine(t *testing.T) {
	for _, c := range []struct{ name, file, text, want string }{
		{"unknown kind of table", "mapping.csv", "id\n", "mapping.csv: no such kind"},
		{"wrong header", "segments.csv", "id,map\n", "segments.csv:1: the header must be id,map,source"},
		{"too many cells", "segments.csv", rowHeader + "a,b,c,d,e,f,g,h,i,j\n", "segments.csv:2: 10 cells"},
		{"id twice", "segments.csv", rowHeader + "x,PID[Patient],PID-8,,gender,,,,\nx,PID[Patient],PID-8,,gender,,,,\n", "segments.csv:3: id \"x\" is already used in segments.csv:2"},
		{"no id", "segments.csv", rowHeader + ",PID[Patient],PID-8,,gender,,,,\n", "segments.csv:2: column id is empty"},
		{"bad map name", "segments.csv", rowHeader + "x,PID,PID-8,,gender,,,,\n", "segments.csv:2: map \"PID\" is not written as V2[Type]"},
		{"no R4 element", "segments.csv", rowHeader + "x,PID[Patient],PID-10,,race,,,,\n", "segments.csv:2: target \"race\": Patient has no element \"race\" in R4"},
		{"R5 element", "segments.csv", rowHeader + "x,OBX[Observation],OBX-5,,valueAttachment,ED[Attachment],,,\n", "Observation has no element \"valueAttachment\""},
		{"map of another type", "segments.csv", rowHeader + "x,PID[Patient],PID-5,,name,CX[Identifier],,,\n", "is of type HumanName, map CX[Identifier] makes a Identifier"},
		{"no map for a complex target", "segments.csv", rowHeader + "x,PID[Patient],PID-5,,name,,,,\n", "name the datatype map"},
		{"unknown map", "segments.csv", rowHeader + "x,PID[Patient],PID-5,,name,XPN[Human],,,\n", "no datatype map"},
		{"unknown vocabulary", "segments.csv", rowHeader + "x,PID[Patient],PID-8,,gender,,Sex,,\n", "no vocabulary \"Sex\""},
		{"use and value", "segments.csv", rowHeader + "x,PID[Patient],PID-5,,name,XPN[HumanName],,x,\n", "either use or value"},
		{"unknown built-in", "segments.csv", rowHeader + "x,PID[Patient],PID-8,,gender,@exec rm,,,\n", "the built-ins are"},
		{"reference to a type that is not allowed", "segments.csv", rowHeader + "x,PID[Patient],PID-5,,managingOrganization(Patient),XPN[HumanName],,,\n", "may not refer to Patient"},
		{"url on another element", "segments.csv", rowHeader + "x,PID[Patient],PID-5,,name<urn:x>.text,,,,\n", "only an extension has a <url>"},
		{"open bracket", "segments.csv", rowHeader + "x,PID[Patient],PID-5,,name[1.text,,,,\n", "a [ has no text and ]"},
		{"bad position", "segments.csv", rowHeader + "x,PID[Patient],PID-0,,gender,,,,\n", "\"0\" is not a number"},
		{"position of no segment", "segments.csv", rowHeader + "x,PID[Patient],pid-1,,gender,,,,\n", "does not start with a segment name"},
		{"bad condition", "segments.csv", rowHeader + "x,PID[Patient],PID-8,PID-8 maybe,gender,,,,\n", "unknown test \"maybe\""},
		{"open quote", "segments.csv", rowHeader + "x,PID[Patient],PID-8,PID-8 = 'M,gender,,,,\n", "a quote is not closed"},
		{"open template", "segments.csv", rowHeader + "x,PID[Patient],PID-8,,gender,,,{PID-8,\n", "a { has no }"},
		{"nested without end", "segments.csv", rowHeader + "x,PID[Patient],PID-8," + strings.Repeat("not ", 40) + "PID-8 valued,gender,,,,\n", "nested deeper"},
		{"datatype position of another type", "datatypes.csv", rowHeader + "x,CX[Identifier],EI.1,,value,,,,\n", "is not of datatype CX"},
		{"a map that calls itself", "datatypes.csv", rowHeader + "x,CX[Identifier],CX,,$this,CX[Identifier-Patient],,,\n", "calls itself"},
		{"no such structure", "messages.csv", "id,structure,group,segment,when,resource,map,links,deviation\nx,ADT_A99,,PID,,Patient,PID[Patient],,\n", "no structure \"ADT_A99\""},
		{"no such group", "messages.csv", "id,structure,group,segment,when,resource,map,links,deviation\nx,ADT_A01,G,PID,,Patient,PID[Patient],,\n", "no group \"G\""},
		{"link to a wrong type", "messages.csv", "id,structure,group,segment,when,resource,map,links,deviation\nx,ADT_A01,,PV1,,Encounter,PV1[Encounter],subject=Location,\n", "the path is no reference to Location"},
		{"group in itself", "groups.csv", "id,structure,group,parent,opens,members\nx,ADT_A01,A,A,ZAA,\n", "inside itself"},
		{"group without opener", "groups.csv", "id,structure,group,parent,opens,members\nx,ADT_A01,A,,,ZAA\n", "column opens is empty"},
		{"parent that is not there", "groups.csv", "id,structure,group,parent,opens,members\nx,ADT_A01,A,B,ZAA,\n", "no group \"B\""},
		{"key of no resource", "identity.csv", "id,resource,key,deviation\nx,Pat,identifier,\n", "is not an R4 resource type"},
		{"key of no reference", "identity.csv", "id,resource,key,deviation\nx,Patient,name,\n", "Patient has no reference or primitive \"name\""},
		{"system that is no URI", "systems.csv", "kind,code,uri,note\ncoding,X,not a uri,\n", "column uri is not a URI"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := LoadTables(shippedFS(), fstest.MapFS{c.file: {Data: []byte(c.text)}})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want one with %q", err, c.want)
			}
			var te *TableError
			if c.name != "a map that calls itself" && (!errors.As(err, &te) || te.File != c.file) {
				t.Errorf("not a TableError of the file: %v", err)
			}
		})
	}
	if _, err := LoadTables(); err == nil {
		t.Error("no folder: accepted")
	}
	if _, err := LoadTables(fstest.MapFS{}); err == nil {
		t.Error("a folder without VERSION: accepted")
	}
}

func TestConditions(t *testing.T) {
	tr := translator(t)
	m := message(t, "MSH|^~\\&|A|B|||||ADT^A01|1|P|2.5\rPID|1||A^^^X~B|\"\"|12.5|abc")
	mem := tr.borrow()
	r := run{t: tr, msg: m, scratch: mem}
	r.view = newView(m, mem)
	g := &group{def: &groupDef{}}
	for i := range r.view.segments {
		g.segments = append(g.segments, &r.view.segments[i])
	}
	sc := scope{run: &r, grp: g, seg: &r.view.segments[1]}
	for cond, want := range map[string]bool{
		"PID-3 valued":                        true,
		"PID-3.4 = 'X'":                       true,
		"PID-3.1 in ('B','A')":                true,
		"PID-3.1 not in ('B')":                true,
		"count(PID-3) = 2":                    true,
		"count(PID-9) > 0":                    false,
		"length(PID-6) >= 3":                  true,
		"length(PID-6) != 3":                  false,
		"PID-4 null":                          true,
		"PID-4 valued":                        false,
		"PID-4 empty":                         true,
		"PID-5 numeric":                       true,
		"PID-6 numeric":                       false,
		"PID-9 empty and MSH-9.2 = 'A01'":     true,
		"PV1-2 valued or PID-6 = 'abc'":       true,
		"not (PV1-2 valued or PID-6 = 'abc')": false,
		"PID-6 != 'abc' or PID-6 valued and PID-5 valued": true,
	} {
		c, err := parseCondition(cond, "")
		if err != nil {
			t.Errorf("%s: %v", cond, err)
			continue
		}
		if got := c.holds(&sc); got != want {
			t.Errorf("%s is %v, want %v", cond, got, want)
		}
	}
}

func TestDeviationsAreListed(t *testing.T) {
	list := shipped(t).Deviations()
	if len(list) < 80 {
		t.Errorf("%d deviations", len(list))
	}
	for _, d := range list {
		if d.Table == "" || d.Row == "" || d.Why == "" {
			t.Errorf("incomplete: %+v", d)
		}
	}
}
