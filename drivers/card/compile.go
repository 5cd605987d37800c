package card

import (
	"maps"
	"slices"
	"time"

	"cardferry/drivers"
	"cardferry/drivers/decode"
	"cardferry/drivers/emrtd"

	"go.yaml.in/yaml/v3"
)

// compile checks what needs more than one place to see, and fills in defaults.
func (p *Profile) compile(d *decode.Decoder, root *yaml.Node) {
	p.defaults()
	p.checkHead(d, root)
	p.checkShape(d, root)
	s := &p.spec
	if s.Variants == nil {
		p.variants = []variant{{Match: variantMatch{Probe: s.Match.Probe, Confirm: s.Match.Confirm}, Steps: s.Steps}}
		if len(s.Match.Probe) == 0 && !s.Match.UIDAny {
			p.variants[0].Match.ATR = s.Match.ATR
		}
	} else {
		p.variants = s.Variants
	}
	p.checkPrompts(d, root)
	c := &stepCheck{d: d, p: p, captures: map[string]decode.Kind{}}
	c.inMacro = true
	for i, e := range s.Define {
		c.steps(e.Val.Steps, s.Define[:i])
	}
	c.inMacro = false
	inMacros := c.captures
	all := maps.Clone(inMacros)
	for i := range p.variants {
		v := &p.variants[i]
		c.captures, c.memory = maps.Clone(inMacros), false
		c.steps(v.Match.Probe, s.Define)
		for j := range v.Match.Confirm {
			v.Match.Confirm[j].Compile(d, c.captures)
		}
		c.steps(v.Steps, s.Define)
		maps.Copy(all, c.captures)
	}
	for _, when := range c.later { // of macros: they run among the captures of any caller
		when.Compile(d, all)
	}
	if s.Variants != nil {
		all["variant"] = decode.KindText
	}
	s.Fields.Compile(d, all)
	s.Output.Compile(d, &s.Fields, p.constants(&p.variants[0]))
	for _, name := range slices.Concat(s.Release, c.onlyFor) {
		if !s.Fields.Sensitive(name) {
			d.Fail(root, "release and only-for name sensitive fields; %q is none", name)
		}
	}
}

func (p *Profile) defaults() {
	s := &p.spec
	for _, x := range s.Allow {
		p.allow = append(p.allow, classInstruction(x.lit))
	}
	if s.Transport.Chunk == 0 {
		s.Transport.Chunk = 255
	}
	if s.Limits.APDUs == 0 {
		s.Limits.APDUs = 64
	}
	if s.Limits.Bytes == 0 {
		s.Limits.Bytes = 64 << 10
	}
	if s.Limits.Time == 0 {
		s.Limits.Time = duration(10 * time.Second)
	}
	if s.Says != nil && s.Assurance == "" && s.Steps == nil && s.Variants == nil {
		s.Assurance = assuranceWord(drivers.UIDOnly)
	}
}

// checkHead checks the keys that stand by themselves.
func (p *Profile) checkHead(d *decode.Decoder, root *yaml.Node) {
	s := &p.spec
	if !decode.PlainName(s.Profile) || s.Version < 1 {
		d.Fail(root, "profile is a plain name and version counts from 1")
	}
	switch drivers.Assurance(s.Assurance) {
	case drivers.UIDOnly, drivers.MemoryRead, drivers.ChipRead:
	case "":
		d.Fail(root, "key %q is missing", "assurance")
	default:
		d.Fail(root, "assurance is uid-only, memory-read or chip-read: a profile cannot authenticate a card")
	}
	if !slices.Contains([]protocolWord{"", "T=0", "T=1"}, s.Match.Protocol) || !slices.Contains([]interfaceWord{"", "contact", "contactless"}, s.Match.Interface) {
		d.Fail(root, "match.protocol is T=0 or T=1, match.interface is contact or contactless")
	}
	l, t := s.Limits, s.Transport
	if _, known := disconnects[t.Disconnect]; !known || t.ColdReset != "" && t.ColdReset != "on-fail" {
		d.Fail(root, "transport.disconnect is leave, reset or unpower, transport.cold-reset is on-fail")
	}
	if t.Chunk > maxShort || l.APDUs > maxAPDUs || l.Bytes > maxBytes || time.Duration(l.Time) > maxTime || time.Duration(t.Settle) > maxSettle || time.Duration(t.RetryDelay) > maxSettle {
		d.Fail(root, "at most: chunk %d, apdus %d, bytes %d, time %v, settle and retry-delay %v", maxShort, maxAPDUs, maxBytes, maxTime, maxSettle)
	}
	if s.Says != nil {
		if !slices.Contains(saysCodes, string(s.Says.Code)) {
			d.Unknown(&yaml.Node{Value: string(s.Says.Code), Line: root.Line, Column: root.Column}, "says.code", slices.Clone(saysCodes))
		}
		if s.Assurance != assuranceWord(drivers.UIDOnly) && s.Steps == nil && s.Variants == nil {
			d.Fail(root, "a profile with says reads nothing: assurance is uid-only")
		}
	}
}

// checkShape checks which keys go together: a profile reads, by steps or variants,
// or says.
func (p *Profile) checkShape(d *decode.Decoder, root *yaml.Node) {
	s := &p.spec
	has := map[string]bool{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		has[root.Content[i].Value] = true
	}
	without := func(why string, keys ...string) {
		for _, k := range keys {
			if has[k] {
				d.Fail(root, "%s goes without %s", why, k)
			}
		}
	}
	need := func(keys ...string) {
		for _, k := range keys {
			if !has[k] {
				d.Fail(root, "key %q is missing", k)
			}
		}
	}
	switch {
	case s.Says != nil && !has["steps"] && !has["variants"]:
		without("says", "steps", "variants", "fields", "output", "release", "constants")
	case has["variants"]:
		without("variants", "steps")
		if s.Variants == nil {
			d.Fail(root, "variants is a list of at least one")
		}
		need("fields", "output")
	default:
		need("steps", "fields", "output")
	}
	p.checkMatch(d, root)
}

func (p *Profile) checkMatch(d *decode.Decoder, root *yaml.Node) {
	m, variants := p.spec.Match, p.spec.Variants
	whole := func(list []atrPattern) bool {
		return len(list) > 0 && !slices.ContainsFunc(list, func(a atrPattern) bool { return !a.complete() })
	}
	switch {
	case m.UIDAny && (m.Interface != "contactless" || len(m.Probe) > 0 || variants != nil):
		d.Fail(root, "match.uid-any needs interface: contactless, and neither probe nor variants")
	case variants != nil && (m.Probe != nil || m.Confirm != nil):
		d.Fail(root, "with variants, probe and confirm stand in each variant's match")
	case variants == nil && !m.UIDAny && len(m.Probe) == 0 && !whole(m.ATR):
		d.Fail(root, "match needs a probe, unless every atr is a whole ATR in hex: an ATR alone proves little")
	case len(variants) > maxVariants:
		d.Fail(root, "%d variants are more than %d", len(variants), maxVariants)
	}
	seen := map[string]bool{}
	if _, taken := p.spec.Constants.Get("variant"); taken && variants != nil {
		d.Fail(root, "with variants, the constant variant is the variant's name")
	}
	for _, v := range variants {
		if !decode.PlainName(v.Name) || seen[v.Name] {
			d.Fail(root, "variant %q needs a plain name of its own", v.Name)
		}
		seen[v.Name] = true
		if len(v.Match.Probe) == 0 && !whole(v.Match.ATR) {
			d.Fail(root, "variant %q needs a probe, unless every atr is a whole ATR in hex", v.Name)
		}
	}
}

// stepCheck walks steps once: the guard, macro order and capture names.
type stepCheck struct {
	d        *decode.Decoder
	p        *Profile
	captures map[string]decode.Kind
	onlyFor  []string
	inMacro  bool
	memory   bool                // a memory-card step came before
	later    []*decode.Predicate // of macros
}

func (c *stepCheck) steps(list []step, macros decode.Ordered[macro]) {
	for i := range list {
		st := &list[i]
		at := &yaml.Node{Line: st.line, Column: 1}
		if st.OnlyFor != "" {
			c.onlyFor = append(c.onlyFor, st.OnlyFor)
		}
		switch {
		case st.When == nil:
		case c.inMacro:
			c.later = append(c.later, st.When)
		default:
			st.When.Compile(c.d, c.captures)
		}
		c.operation(st, at, macros)
		if !keepsItself(st.op) {
			c.capture(st.As.names()...)
		}
		c.capture(st.Append.names()...)
	}
}

func (c *stepCheck) capture(names ...string) {
	for _, n := range names {
		c.captures[n] = decode.KindBytes
	}
}

func (c *stepCheck) operation(st *step, at *yaml.Node, macros decode.Ordered[macro]) {
	var err error
	switch op := st.op.(type) {
	case *apdu:
		if op.Command.parts != nil {
			err = permit(op.Command.head(), c.p.allow)
		}
	case *getData:
		err = permit(op.head(), c.p.allow)
	case *readRecord:
		if op.ranged() {
			maps.Copy(c.captures, op.captures())
		}
	case *prompt:
		for _, n := range op.As.names() {
			c.captures[n] = decode.KindText
		}
	case *readDocument:
		for n := range op.texts(&emrtd.Document{}) {
			c.captures[n] = decode.KindText
		}
	case *memoryCard:
		c.memory = true
	case *readMemory:
		if !c.memory && !c.inMacro {
			c.d.Fail(at, "read-memory needs a memory-card step before it")
		}
	case *try:
		c.steps(op.Steps, macros)
		c.steps(op.Else, macros)
	case *forEach:
		c.steps(op.Steps, macros)
	case *call:
		if _, ok := macros.Get(op.name); !ok {
			c.d.Fail(at, "macro %q must be defined before it is used", op.name)
		}
	}
	if err != nil {
		c.d.Fail(at, "%v", err)
	}
}

// checkPrompts checks that steps ask at most once, where nothing is repeated or caught,
// that what is answered has its use, and that the profile says what is told without an
// answer.
func (p *Profile) checkPrompts(d *decode.Decoder, root *yaml.Node) {
	all, top := 0, 0
	for _, st := range p.everyStep() {
		switch st.op.(type) {
		case *prompt, *readDocument:
			all++
		}
	}
	for i := range p.variants {
		var asked promptWord
		uses := 0
		for _, st := range p.variants[i].Steps {
			switch op := st.op.(type) {
			case *prompt:
				if top++; asked != "" {
					d.Fail(root, "a card is asked for once: steps hold more than one prompt")
				}
				asked = op.Kind
			case *readDocument:
				top++
				if uses++; uses > 1 || string(asked) != string(op.Key) {
					d.Fail(root, "emrtd stands once, after a prompt of the kind of its key")
				}
			}
		}
		if uses == 0 && (asked == promptWord(PromptMRZ) || asked == promptWord(PromptCAN)) {
			d.Fail(root, "a prompt for mrz or can is for emrtd, which stands after it")
		}
	}
	p.asks = all > 0
	switch {
	case all != top:
		d.Fail(root, "prompt and emrtd stand in steps itself, not in a probe, a macro, try or for-each")
	case p.asks && p.spec.Says == nil:
		d.Fail(root, "a profile that prompts needs says: what is told without an answer")
	case !p.asks && p.spec.Says != nil && (p.spec.Steps != nil || p.spec.Variants != nil):
		d.Fail(root, "says goes without steps, variants, fields, output, release and constants, unless a step prompts")
	}
}

// constants are the profile's, and the name of the variant that was read.
func (p *Profile) constants(v *variant) decode.Ordered[string] {
	if v.Name == "" {
		return p.spec.Constants
	}
	return append(slices.Clone(p.spec.Constants), decode.Entry[string]{Name: "variant", Node: &yaml.Node{}, Val: v.Name})
}
