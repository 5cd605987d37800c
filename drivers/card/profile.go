package card

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"cardferry/drivers"
	"cardferry/drivers/decode"

	"go.yaml.in/yaml/v3"
)

// ProfileError is one mistake in a profile file.
type ProfileError = decode.Error

// Profile is one kind of card: how to recognise and read it. It is immutable
// and safe for concurrent use.
type Profile struct {
	spec spec
	file string
}

// Name is the profile's name and the medium of its reads: "tw-nhi".
func (p *Profile) Name() string { return p.spec.Profile }

// Label is "name@version", as in drivers.Read.Profile.
func (p *Profile) Label() string { return fmt.Sprintf("%s@%d", p.spec.Profile, p.spec.Version) }

// Title is the card's name for people.
func (p *Profile) Title() string { return p.spec.Title }

// File is where the profile came from, a slash-separated path in its file system.
func (p *Profile) File() string { return p.file }

// spec is a profile as written.
type spec struct {
	Profile   string                   `yaml:"profile,required"`
	Version   int                      `yaml:"version,required"`
	Title     string                   `yaml:"title,required"`
	Assurance string                   `yaml:"assurance,required"`
	Match     matching                 `yaml:"match,required"`
	Refuse    []refusal                `yaml:"refuse"`
	Transport transport                `yaml:"transport"`
	Limits    limits                   `yaml:"limits"`
	Allow     []hexNumber              `yaml:"allow"` // CLA INS pairs outside class 00
	Define    decode.Ordered[macro]    `yaml:"define"`
	Steps     []step                   `yaml:"steps,required"`
	Constants decode.Ordered[string]   `yaml:"constants"`
	Fields    decode.Fields            `yaml:"fields,required"`
	Release   []string                 `yaml:"release"` // sensitive fields this site wants
	Output    decode.Output            `yaml:"output,required"`
	Tests     decode.Ordered[testCase] `yaml:"tests"`
}

// transport is how the card wants to be talked to.
type transport struct {
	GetResponse struct {
		Off bool `yaml:"off"` // leave 61xx alone
		P2  []struct {
			ATR   atrPattern `yaml:"atr,required"`
			Value hexNumber  `yaml:"value,required"`
		} `yaml:"p2"` // P2 of GET RESPONSE for certain ATRs; 00 without it
	} `yaml:"get-response"`
	RetryDelay duration `yaml:"retry-delay"` // before repeating after 6Cxx
	Extended   bool     `yaml:"extended"`    // try extended Le under T=1, fall back to chunks
	Chunk      int      `yaml:"chunk"`       // largest short read, 255 without it
}

// limits end a read that gets out of hand.
type limits struct {
	APDUs int      `yaml:"apdus"` // commands, GET RESPONSE included; 64 without it
	Bytes int      `yaml:"bytes"` // response bytes; 65536 without it
	Time  duration `yaml:"time"`  // 10s without it
}

// Bounds of limits and files.
const (
	maxAPDUs       = 512
	maxBytes       = 1 << 20
	maxTime        = 60 * time.Second
	maxProfileFile = 1 << 20
	probeAPDUs     = 16 // commands a probe may use
)

func (p *Profile) chunk() int { return p.spec.Transport.Chunk }

func (p *Profile) released(name string) bool { return slices.Contains(p.spec.Release, name) }

// LoadProfiles reads every *.yaml file at the root of each file system. A
// profile in a later file system replaces the one of the same name in an
// earlier one, and an amendment changes it in place: a file with `amends: NAME`
// and new values for some of its `constants` or for `release`.
//
// All mistakes of all files are reported together, as *ProfileError. The good
// profiles are returned beside the error, so that one bad file need not stop a
// desk from reading every other card.
func LoadProfiles(fsys ...fs.FS) ([]*Profile, error) {
	var out []*Profile
	var errs []error
	for _, f := range fsys {
		names, err := fs.Glob(f, "*.yaml")
		if err != nil {
			return nil, fmt.Errorf("list card profiles: %w", err)
		}
		here := map[string]string{}
		for _, name := range names {
			text, err := readLimited(f, name)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			p, err := parseProfile(name, text, out)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			if other := here[p.Name()]; other != "" {
				errs = append(errs, &ProfileError{File: name, Message: fmt.Sprintf("profile %q is already in %s", p.Name(), other)})
			}
			here[p.Name()] = name
			out = slices.DeleteFunc(out, func(o *Profile) bool { return o.Name() == p.Name() })
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b *Profile) int { return strings.Compare(a.Name(), b.Name()) })
	return out, errors.Join(errs...)
}

func readLimited(f fs.FS, name string) ([]byte, error) {
	file, err := f.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open card profile: %w", err)
	}
	defer func() { _ = file.Close() }()
	b, err := io.ReadAll(io.LimitReader(file, maxProfileFile+1))
	if err != nil {
		return nil, fmt.Errorf("read card profile %s: %w", name, err)
	}
	if len(b) > maxProfileFile {
		return nil, &ProfileError{File: name, Message: fmt.Sprintf("larger than %d bytes", maxProfileFile)}
	}
	return b, nil
}

// parseProfile reads one file: a profile, or an amendment of one in base.
func parseProfile(name string, text []byte, base []*Profile) (*Profile, error) {
	root, err := decode.Parse(name, text)
	if err != nil {
		return nil, err
	}
	if root == nil || root.Kind != yaml.MappingNode || len(root.Content) == 0 {
		return nil, &ProfileError{File: name, Message: "not a card profile: want a mapping that starts with profile: NAME"}
	}
	d := decode.NewDecoder(name)
	d.Scope = &scope{}
	if root.Content[0].Value == "amends" {
		return amend(d, root, base)
	}
	findMacros(d, root)
	p := &Profile{file: name}
	d.Decode(root, &p.spec)
	if d.Mistakes() == 0 {
		p.compile(d, root)
	}
	if err := d.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

// findMacros learns the macros' names and parameters, which steps use as keys.
func findMacros(d *decode.Decoder, root *yaml.Node) {
	scopeOf(d).macros = map[string][]string{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		defs := root.Content[i+1]
		if root.Content[i].Value != "define" || defs.Kind != yaml.MappingNode {
			continue
		}
		for j := 0; j+1 < len(defs.Content); j += 2 {
			var m struct {
				Params []string
				Steps  yaml.Node
			}
			if err := defs.Content[j+1].Decode(&m); err == nil {
				scopeOf(d).macros[defs.Content[j].Value] = m.Params
			}
		}
	}
}

// compile checks what needs more than one place to see, and fills in defaults.
func (p *Profile) compile(d *decode.Decoder, root *yaml.Node) {
	s := &p.spec
	if !decode.PlainName(s.Profile) || s.Version < 1 {
		d.Fail(root, "profile is a plain name and version counts from 1")
	}
	switch drivers.Assurance(s.Assurance) {
	case drivers.UIDOnly, drivers.MemoryRead, drivers.ChipRead:
	default:
		d.Fail(root, "assurance is uid-only, memory-read or chip-read: a profile cannot authenticate a card")
	}
	if !slices.Contains([]string{"", "T=0", "T=1"}, s.Match.Protocol) || !slices.Contains([]string{"", "contact", "contactless"}, s.Match.Interface) {
		d.Fail(root, "match.protocol is T=0 or T=1, match.interface is contact or contactless")
	}
	if s.Transport.Chunk == 0 {
		s.Transport.Chunk = 255
	}
	if s.Limits == (limits{}) || s.Limits.APDUs == 0 {
		s.Limits.APDUs = 64
	}
	if s.Limits.Bytes == 0 {
		s.Limits.Bytes = 64 << 10
	}
	if s.Limits.Time == 0 {
		s.Limits.Time = duration(10 * time.Second)
	}
	if s.Transport.Chunk > maxShort || s.Limits.APDUs > maxAPDUs || s.Limits.Bytes > maxBytes || time.Duration(s.Limits.Time) > maxTime {
		d.Fail(root, "at most: chunk %d, apdus %d, bytes %d, time %v", maxShort, maxAPDUs, maxBytes, maxTime)
	}
	c := &stepCheck{d: d, p: p, root: root, captures: map[string]bool{}}
	for i, e := range s.Define {
		c.steps(e.Val.Steps, s.Define[:i])
	}
	c.steps(s.Match.Probe, s.Define)
	for _, cf := range s.Match.Confirm {
		if !c.captures[cf.From.Name] {
			d.Fail(root, "%q is no capture of the probe", cf.From.Name)
		}
	}
	c.steps(s.Steps, s.Define)
	inputs := map[string]decode.Kind{}
	for name := range c.captures {
		inputs[name] = decode.KindBytes
	}
	s.Fields.Compile(d, inputs)
	s.Output.Compile(d, &s.Fields, s.Constants)
	for _, name := range slices.Concat(s.Release, c.onlyFor) {
		if !s.Fields.Sensitive(name) {
			d.Fail(root, "release and only-for name sensitive fields; %q is none", name)
		}
	}
}

// stepCheck walks steps once: the guard, macro order and capture names.
type stepCheck struct {
	d        *decode.Decoder
	p        *Profile
	root     *yaml.Node
	captures map[string]bool
	onlyFor  []string
}

func (c *stepCheck) steps(list []step, macros decode.Ordered[macro]) {
	allow := c.p.allowed()
	for _, st := range list {
		at := &yaml.Node{Line: st.line, Column: 1}
		for _, name := range []string{st.As, st.Append} {
			if name != "" && !decode.PlainName(name) {
				c.d.Fail(at, "%q cannot name a capture: letters, digits and -", name)
			}
			c.captures[name] = true
		}
		delete(c.captures, "")
		if st.OnlyFor != "" {
			c.onlyFor = append(c.onlyFor, st.OnlyFor)
		}
		switch op := st.op.(type) {
		case *apduBody:
			if op.Command.parts == nil {
				continue
			}
			if err := permit(op.Command.head(), allow); err != nil {
				c.d.Fail(at, "%v", err)
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
	}
}

func (p *Profile) allowed() []classInstruction {
	var out []classInstruction
	for _, x := range p.spec.Allow {
		out = append(out, classInstruction(x.lit))
	}
	return out
}
