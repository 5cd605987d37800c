package card

import (
	"fmt"
	"slices"

	"cardferry/drivers/decode"

	"go.yaml.in/yaml/v3"
)

// amendment changes what a site decides in a shipped profile and leaves the
// rest to later versions of it:
//
//	amends: cn-ssc
//	constants: {resident-id-system: "https://example.org/id"}
//	release: [ethnicity]
type amendment struct {
	Amends    string                 `yaml:"amends,required" doc:"name of the profile to change"`
	Constants decode.Ordered[string] `yaml:"constants" doc:"new values for some of its constants"`
	Release   []string               `yaml:"release" doc:"sensitive fields this site wants"`
}

func amend(d *decode.Decoder, root *yaml.Node, base []*Profile) (*Profile, error) {
	var a amendment
	d.Decode(root, &a)
	i := slices.IndexFunc(base, func(p *Profile) bool { return p.Name() == a.Amends })
	if i < 0 {
		d.Fail(root, "there is no profile %q to amend", a.Amends)
		return nil, d.Err()
	}
	amended := *base[i]
	p := &amended
	p.spec.Constants = slices.Clone(p.spec.Constants)
	for _, e := range a.Constants {
		at := slices.IndexFunc(p.spec.Constants, func(c decode.Entry[string]) bool { return c.Name == e.Name })
		if at < 0 {
			d.Unknown(e.Node, "constant", constantNames(p.spec.Constants))
			continue
		}
		p.spec.Constants[at].Val = e.Val
	}
	for _, name := range a.Release {
		if !p.spec.Fields.Sensitive(name) {
			d.Fail(root, "release names sensitive fields; %q is none of %s", name, p.Name())
		}
	}
	p.spec.Release = a.Release
	p.spec.Tests = nil // they describe the profile as shipped
	if err := d.Err(); err != nil {
		return nil, fmt.Errorf("amend %s: %w", a.Amends, err)
	}
	return p, nil
}

func constantNames(o decode.Ordered[string]) []string {
	var names []string
	for _, e := range o {
		names = append(names, e.Name)
	}
	return names
}
