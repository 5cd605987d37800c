package main

// terms holds value sets and code systems by canonical URL.
type terms struct {
	valueSets   map[string]definition
	codeSystems map[string]definition
}

type codes struct {
	system string
	codes  []string
}

func newTerms(defs []definition) terms {
	t := terms{map[string]definition{}, map[string]definition{}}
	for _, d := range defs {
		switch d.ResourceType {
		case "ValueSet":
			t.valueSets[d.URL] = d
		case "CodeSystem":
			t.codeSystems[d.URL] = d
		}
	}
	return t
}

// expand lists the codes of a value set by system; false when the set is not
// enumerable from the definitions (filters, external systems).
func (t terms) expand(url string) ([]codes, bool) {
	vs, ok := t.valueSets[url]
	if !ok || len(vs.Compose.Include) == 0 {
		return nil, false
	}
	var out []codes
	for _, in := range vs.Compose.Include {
		if len(in.Filter) > 0 {
			return nil, false
		}
		for _, other := range in.ValueSet {
			sub, ok := t.expand(other)
			if !ok {
				return nil, false
			}
			out = append(out, sub...)
		}
		if in.System == "" {
			continue
		}
		list := in.Concept
		if len(list) == 0 {
			list = t.codeSystems[in.System].Concept
		}
		if len(list) == 0 {
			return nil, false
		}
		out = append(out, codes{in.System, flatten(nil, list)})
	}
	return out, true
}

func flatten(out []string, list []concept) []string {
	for _, c := range list {
		out = flatten(append(out, c.Code), c.Concept)
	}
	return out
}
