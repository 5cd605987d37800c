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
