package card

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

// amendment changes what a site decides in a shipped profile and leaves the
// rest to later versions of it:
//
//	amends: cn-ssc
//	constants: {resident-id-system: "https://example.org/id"}
//	release: [ethnicity]
type amendment struct {
	Amends    string          `yaml:"amends,required"`
	Constants ordered[string] `yaml:"constants"`
	Release   []string        `yaml:"release"`
}

func amend(d *decoder, root *yaml.Node, base []*Profile) (*Profile, error) {
	var a amendment
	d.decode(root, &a)
	i := slices.IndexFunc(base, func(p *Profile) bool { return p.Name() == a.Amends })
	if i < 0 {
		d.fail(root, "there is no profile %q to amend", a.Amends)
		return nil, d.err()
	}
	p := &Profile{spec: base[i].spec, file: base[i].file}
	p.spec.Constants = slices.Clone(p.spec.Constants)
	for _, e := range a.Constants {
		at := slices.IndexFunc(p.spec.Constants, func(c entry[string]) bool { return c.name == e.name })
		if at < 0 {
			d.unknown(e.node, "constant", constantNames(p.spec.Constants))
			continue
		}
		p.spec.Constants[at].val = e.val
	}
	for _, name := range a.Release {
		if f, ok := p.spec.Fields.get(name); !ok || !f.sensitive {
			d.fail(root, "release names sensitive fields; %q is none of %s", name, p.Name())
		}
	}
	p.spec.Release = a.Release
	p.spec.Tests = nil // they describe the profile as shipped
	if err := d.err(); err != nil {
		return nil, fmt.Errorf("amend %s: %w", a.Amends, err)
	}
	return p, nil
}

func constantNames(o ordered[string]) []string {
	var names []string
	for _, e := range o {
		names = append(names, e.name)
	}
	return names
}
