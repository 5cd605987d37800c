package structure

import (
	"strings"
	"testing"
)

// TestTables reads every version and holds the tables against each other.
func TestTables(t *testing.T) {
	for v := range versions {
		v := version(v)
		t.Run(v.String(), func(t *testing.T) {
			d, err := readDialect(v)
			if err != nil {
				t.Fatal(err)
			}
			if len(d.segments) < 60 || len(d.datatypes) < 60 || len(d.messages) < 60 || len(d.tables) < 20 {
				t.Errorf("%d segments, %d datatypes, %d messages, %d tables", len(d.segments), len(d.datatypes), len(d.messages), len(d.tables))
			}
			for name, s := range d.segments {
				if !isSegmentName(name) || s.title == "" || len(s.fields) == 0 {
					t.Errorf("segment %s: %q, %d fields", name, s.title, len(s.fields))
				}
				for i, f := range s.fields {
					if f.typ == nil {
						t.Errorf("%s-%d is not there although a later field is", name, i+1)
						continue
					}
					if f.Name == "" || f.Name != strings.TrimSpace(f.Name) || f.MaxLength < 0 || f.Repeats < 0 {
						t.Errorf("%s-%d: %+v", name, i+1, f.Field)
					}
				}
			}
			for name, g := range d.messages {
				for _, n := range g.nodes {
					// A structure of a later version may hold segments this one lacks; then
					// nobody sends it in this one.
					if n.kind == segmentNode && d.segments[n.name] == nil && dialects[newest]().segments[n.name] == nil {
						t.Errorf("%s: there is no segment %s", name, n.name)
					}
				}
			}
			for event, name := range d.events {
				if d.messages[name] == nil {
					t.Errorf("%s: there is no structure %s", event, name)
				}
				code, trigger, _ := strings.Cut(event, "^")
				if !d.tables[76].has([]byte(code)) || trigger != "*" && !d.tables[3].has([]byte(trigger)) {
					t.Errorf("%s is not in tables 0076 and 0003", event)
				}
			}
		})
	}
}

// TestBrokenTables feeds lines that cannot be read; each is named and none is
// taken.
func TestBrokenTables(t *testing.T) {
	reading := map[string]func(*reader, string){
		"segments":  (*reader).segments,
		"datatypes": (*reader).datatypes,
		"codes":     (*reader).codes,
		"events":    (*reader).events,
		"messages":  (*reader).messages,
	}
	for _, tt := range []struct{ table, text string }{
		{"segments", "PID\t*"}, {"segments", "PID\t9.9\tPatient"}, {"segments", "1\t*\tx"},
		{"segments", "PID\t*\tPatient\n0\t*\tName\tST\tO\t.\t.\t."}, {"segments", "PID\t*\tPatient\n200\t*\tName\tST\tO\t.\t.\t."},
		{"segments", "PID\t*\tPatient\n1\t*\tName\tXX\tO\t.\t.\t."}, {"segments", "PID\t*\tPatient\n1\t*\tName\tST\tQ\t.\t.\t."},
		{"segments", "PID\t*\tPatient\n1\t*\tName\tST\tO\tx\t.\t."}, {"segments", "PID\t*\tPatient\n1\t*\tName\tST\tO\t.\tx\t."},
		{"segments", "PID\t*\tPatient\n1\t*\tName\tST\tO\t.\t.\tx"}, {"segments", "PID\t*\tPatient\n1\t2.-\tName\tST\tO\t.\t.\t."},
		{"segments", "PID\t*\tPatient\n1\t*\tName\tST\tO\t.\t.\t.\t2.3"}, {"segments", "PID\t*\tPatient\n1\t*\tName\tST\tO\t.\t.\t.\t2.3 size=1"},
		{"segments", "PID\t*\tPatient\n1\t*\tName\tST\tO\t.\t.\t.\t2.3 len"}, {"segments", "PID\t*\tPatient\n1\t*\tA\tST\tO\t.\t.\t.\n1\t*\tB\tST\tO\t.\t.\t."},
		{"datatypes", "CX\t*"}, {"datatypes", "CX\t9\tId"}, {"datatypes", "CX\t*\tId\n2\t*\tName\tST\tO\t.\t."}, {"datatypes", "CX\t*\tId\n1\t*\tName\tST\tO"},
		{"codes", "0001\tSex"}, {"codes", "x\tSex\tF M"}, {"events", "ADT\tADT_A01"}, {"events", "ADT\tADT_A01\tA01\nADT\tADT_A02\tA01"},
		{"messages", "ADT_A01"}, {"messages", "ADT_A01 MSH (PID"}, {"messages", "ADT_A01 MSH PID)"}, {"messages", "ADT_A01 MSH! PID"},
		{"messages", "ADT_A01 MSH PID@9"}, {"messages", "ADT_A01 " + strings.Repeat("A(", 20)}, {"messages", "ADT_A01 MSH\nADT_A01 MSH"},
	} {
		r := reader{d: &dialect{version: fallbackVersion, segments: map[string]*segment{}, datatypes: map[string]*datatype{"ST": {name: "ST"}}, tables: map[int]*codes{}, messages: map[string]*grammar{}, events: map[string]string{}}}
		reading[tt.table](&r, tt.text)
		if r.err() == nil {
			t.Errorf("%s: %q is taken", tt.table, tt.text)
		}
	}
}
