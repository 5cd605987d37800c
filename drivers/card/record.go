package card

import (
	"context"
	"fmt"
	"slices"

	"cardferry/drivers"
	"cardferry/drivers/card/isocard"
	"cardferry/drivers/decode"
)

// Replay is a card written down; see isocard.Replay.
type Replay = isocard.Replay

// recordSeeds is how many times masking is tried until the masked dialogue reads as
// the card did.
const recordSeeds = 12

// Record reads a card like e.Read and returns, beside the read, the dialogue as a
// replay file that support can ask for: whatever the card said of its holder is
// masked. Commands, status words, lengths and structure stay (TLV tags and lengths,
// answers to SELECT, file identifiers, length headers, XML markup, the ATR); values
// are replaced by others of their kind: digits, letters, characters, BCD, dates.
// Compressed parts that a profile decodes are made again from masked text. Site keys
// are replaced by zeros.
//
// Of a card that no profile reads, everything is masked that is not provably
// structure, and Record looks around first: known applications, EF.DIR, common files
// and short identifiers, at most 400 commands, all of which only read.
//
// A read that fails is recorded as far as it came: the error is e.Read's, the replay
// is still usable. Notes in the replay say what could not be kept. No four bytes in a
// row of what the card said outside structure are in the recording; that is checked
// before it is handed out.
func Record(ctx context.Context, ch Channel, info Info, e *Engine) (Replay, drivers.Read, error) {
	tr := &trace{}
	read, err := e.read(ctx, ch, info, tr)
	said := len(tr.said)
	if err == nil && e.unread(read) {
		err = e.explore(ctx, tr.channel(ch), info, tr)
	}
	return e.writeDown(ctx, tr, info, said, read, err), read, err
}

// unread says whether no profile read the card: none took it, or the one that takes
// any UID.
func (e *Engine) unread(read drivers.Read) bool {
	if read.Profile == "" {
		return true
	}
	return slices.ContainsFunc(e.profiles, func(p *Profile) bool { return p.Label() == read.Profile && p.spec.Match.UIDAny })
}

// writeDown makes the recording, masked. The first said exchanges are the read's.
func (e *Engine) writeDown(ctx context.Context, tr *trace, info Info, said int, read drivers.Read, failed error) Replay {
	contents := tr.contents()
	m := &masker{secret: map[[4]byte]bool{}}
	for _, c := range contents {
		c.learn(m)
	}
	for _, c := range contents {
		c.allow(m)
	}
	var clean *Replay
	for m.seed = range recordSeeds {
		doc := tr.write(contents, m, info)
		if leaks(doc, contents, m) {
			continue
		}
		if failed != nil || e.sameWay(ctx, doc, tr.said[:said], read) {
			return doc
		}
		clean = &doc
	}
	if clean == nil { // masking by kind did not do: blank everything
		for _, c := range contents {
			c.leaves = []leaf{{to: len(c.b), kind: blankLeaf}}
			c.inner = map[int]*content{}
		}
		doc := tr.write(contents, m, info)
		clean = &doc
	}
	if failed == nil && !e.sameWay(ctx, *clean, tr.said[:said], read) {
		clean.Notes = append(clean.Notes, "the masked dialogue does not read as the card did")
	}
	return *clean
}

// leaks says whether a run of the original shows in a recording.
func leaks(doc Replay, contents []*content, m *masker) bool {
	for _, x := range doc.Exchange {
		if m.leaks(x.R[:len(x.R)-2]) {
			return true
		}
	}
	for _, c := range contents {
		for _, in := range c.inner {
			if m.leaks(in.out) {
				return true
			}
		}
	}
	return false
}

// sameWay says whether a recording reads as the card did: the same commands, the same
// status words, the same profile.
func (e *Engine) sameWay(ctx context.Context, doc Replay, said []exchanged, read drivers.Read) bool {
	c, err := isocard.New(doc)
	if err != nil {
		return false
	}
	tr := &trace{}
	ch, info := Emulate(c)
	again, err := e.withKeysOf(c).read(ctx, ch, info, tr)
	return err == nil && again.Medium == read.Medium && again.Profile == read.Profile &&
		slices.EqualFunc(tr.said, said, func(a, b exchanged) bool {
			return a.sw() == b.sw() && string(withoutKey(a.command)) == string(withoutKey(b.command))
		})
}

// withoutKey is a command with zeros for the key it may load into the reader.
func withoutKey(cmd []byte) []byte {
	if len(cmd) == 11 && cmd[0] == 0xFF && cmd[1] == 0x82 {
		return append(slices.Clone(cmd[:5]), make([]byte, 6)...)
	}
	return cmd
}

// write makes the replay.
func (t *trace) write(contents []*content, m *masker, info Info) Replay {
	doc := Replay{ATR: slices.Clone(info.ATR), Protocol: info.Protocol.String(), Contactless: info.Contactless, Exchange: []isocard.Exchange{}}
	responses := make([][]byte, len(t.said))
	for i, x := range t.said {
		responses[i] = slices.Clone(x.response)
	}
	for _, c := range contents {
		c.notes = nil
		c.mask(m)
		at := 0
		for _, i := range c.from {
			at += copy(responses[i][:len(responses[i])-2], c.out[at:])
		}
		for _, n := range c.notes {
			if !slices.Contains(doc.Notes, n) {
				doc.Notes = append(doc.Notes, n)
			}
		}
	}
	public := func(key []byte) bool {
		for _, k := range publicKeys {
			if string(k) == string(key) {
				return true
			}
		}
		return false
	}
	for i, x := range t.said {
		cmd := x.command
		if len(cmd) == 11 && !public(cmd[5:]) {
			cmd = withoutKey(cmd)
		}
		doc.Exchange = append(doc.Exchange, isocard.Exchange{C: slices.Clone(cmd), R: responses[i]})
	}
	if t.leftOut {
		doc.Notes = append(doc.Notes, "what was said to open the document, and under secure messaging, is left out")
	}
	for _, name := range t.keys {
		if doc.Keys == nil {
			doc.Keys = map[string]isocard.Hex{}
		}
		doc.Keys[name] = make(isocard.Hex, 6)
	}
	return doc
}

// contents puts together what belongs together: the blocks of a file, the pieces of
// an answer.
func (t *trace) contents() []*content {
	groups, isSelect := t.groups()
	owner := make([]*part, len(groups))
	for i := range t.parts { // steps inside others come first and know best
		p := &t.parts[i]
		for g, members := range groups {
			if members[0] >= p.from && members[0] < p.to && !isSelect[g] && owner[g] == nil && p.name != "" {
				owner[g] = p
			}
		}
	}
	type key struct {
		r    *run
		name string
		part *part // of a capture that is not added to
	}
	byName := map[key]*content{}
	var out []*content
	for g, members := range groups {
		var b []byte
		for _, i := range members {
			b = append(b, t.said[i].data()...)
		}
		if len(b) == 0 {
			continue
		}
		p := owner[g]
		if p == nil {
			c := newContent(b)
			c.from = members
			if isSelect[g] {
				c.control(0, len(b), 0)
			} else {
				c.frame(0, len(b))
			}
			out = append(out, c)
			t.keepCompared(c, members[0])
			continue
		}
		k := key{r: p.r, name: p.name}
		if p.st.Append.before == "" {
			k.part = p
		}
		if rec, ok := p.st.op.(*readRecord); ok && rec.ranged() {
			k.name = fmt.Sprintf("%s-%d", p.name, recordIndex(t.said, groups, p, members[0]))
		}
		if c := byName[k]; c != nil {
			c.grow(b, members)
			continue
		}
		c := newContent(b)
		c.from, c.part, c.name = members, p, k.name
		byName[k] = c
		out = append(out, c)
	}
	for _, c := range out {
		if c.part != nil {
			t.describe(c)
		}
	}
	return out
}

// groups joins commands with the GET RESPONSE that fetch the rest of their answer,
// and says which groups are SELECT.
func (t *trace) groups() (groups [][]int, isSelect []bool) {
	for i, x := range t.said {
		cla, ins := x.command[0], x.command[1]
		if cla == 0 && ins == 0xC0 && len(groups) > 0 {
			groups[len(groups)-1] = append(groups[len(groups)-1], i)
			continue
		}
		groups = append(groups, []int{i})
		isSelect = append(isSelect, cla == 0 && ins == 0xA4)
	}
	return groups, isSelect
}

// recordIndex is which record of a range an exchange brought, from 1.
func recordIndex(said []exchanged, groups [][]int, p *part, first int) int {
	n := 0
	for _, g := range groups {
		if g[0] >= p.from && g[0] <= first && len(said[g[len(g)-1]].data()) > 0 {
			n++
		}
	}
	return n
}

// grow adds a further block.
func (c *content) grow(b []byte, members []int) {
	joined := newContent(append(slices.Clone(c.b), b...))
	joined.from, joined.part, joined.name = append(slices.Clone(c.from), members...), c.part, c.name
	*c = *joined
}

// describe marks structure and values as the profile sees them.
func (t *trace) describe(c *content) {
	for _, p := range t.parts { // the step itself, or one inside the macro it calls
		if op, ok := p.st.op.(*readBinary); ok && p.r == c.part.r && c.from[0] >= p.from && c.from[0] < p.to {
			c.lengthHeader(op)
		}
	}
	c.compared(c.part.r, c.name)
	hints := c.part.r.p.hints[c.name]
	for _, h := range hints {
		c.follow(h)
	}
	if len(hints) == 0 {
		c.frame(0, len(c.b))
	}
}

// lengthHeader keeps the header that said how long a file is.
func (c *content) lengthHeader(op *readBinary) {
	l := op.Length
	switch l.Header {
	case "be16", "le16":
		c.keepRange(l.At, l.At+2)
	case "ascii-hex":
		c.keepRange(l.At, l.At+l.Digits)
	case "pairs":
		c.keepRange(l.At, l.At+4*l.Count)
	case "ber":
		if l.At < len(c.b) {
			if _, hl, _, ok := decode.TLVBER.Head(c.b[l.At:]); ok {
				c.keepRange(l.At, l.At+hl)
			}
		}
	}
}

// keepCompared does compared for an answer to SELECT, by any run that captured it.
func (t *trace) keepCompared(c *content, first int) {
	for _, p := range t.parts {
		if p.name != "" && first >= p.from && first < p.to {
			c.compared(p.r, p.name)
		}
	}
}

// compared keeps what decides how a profile goes on: bytes equal to a constant of
// its own, and those without which a pattern would not match. They are nobody's.
func (c *content) compared(r *run, name string) {
	keep := func(p *decode.Predicate) {
		holds := func(b []byte) bool {
			return p.Holds(map[string]decode.Value{name: decode.BytesValue(b)})
		}
		if p == nil || p.From.Name != name || p.Present != nil || !holds(c.b) {
			return
		}
		cut := p.From.Cut(c.b)
		if len(cut) == 0 || len(cut) > 1024 {
			return
		}
		from := 0
		for from < len(c.b) && &c.b[from] != &cut[0] { // where the cut lies
			from++
		}
		if from+len(cut) > len(c.b) {
			return
		}
		if p.Matches == nil {
			c.keepRange(from, from+len(cut))
			return
		}
		for i := from; i < from+len(cut); i++ {
			other := slices.Clone(c.b)
			if other[i] = another(c.b[i]); !holds(other) {
				c.keepRange(i, i+1)
			}
		}
	}
	for i := range r.v.Match.Confirm {
		keep(&r.v.Match.Confirm[i])
	}
	for _, st := range r.p.everyStep() {
		keep(st.When)
	}
}

// another is another byte of the same kind.
func another(c byte) byte {
	switch {
	case c >= '0' && c <= '8', c >= 'A' && c < 'Z', c >= 'a' && c < 'z':
		return c + 1
	case c == '9', c == 'Z', c == 'z':
		return c - 1
	}
	return c ^ 0x15
}
