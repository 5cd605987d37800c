package card

// everyStep returns all steps of the profile, also those inside others.
func (p *Profile) everyStep() []*step {
	var out []*step
	var walk func(list []step)
	walk = func(list []step) {
		for i := range list {
			out = append(out, &list[i])
			switch op := list[i].op.(type) {
			case *try:
				walk(op.Steps)
				walk(op.Else)
			case *forEach:
				walk(op.Steps)
			}
		}
	}
	for i := range p.spec.Define {
		walk(p.spec.Define[i].Val.Steps)
	}
	for i := range p.variants {
		walk(p.variants[i].Match.Probe)
		walk(p.variants[i].Steps)
	}
	return out
}

// names returns the AIDs that the profile selects.
func (p *Profile) names() [][]byte {
	var out [][]byte
	for _, st := range p.everyStep() {
		if s, ok := st.op.(*selectAID); ok {
			out = append(out, s.AID)
		}
	}
	return out
}
