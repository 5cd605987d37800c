package card

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"cardferry/drivers/decode"

	"go.yaml.in/yaml/v3"
)

// ProfileError is one mistake in a profile file.
type ProfileError = decode.Error

// Profile is one kind of card: how to recognise and read it. It is immutable
// and safe for concurrent use.
type Profile struct {
	spec     spec
	variants []variant // at least one, of a profile that has none the profile itself
	asks     bool      // a step prompts
	allow    []classInstruction
	hints    map[string][]hint // how fields look into captures
	file     string
}

// Name is the profile's name and the medium of its reads: "tw-nhi".
func (p *Profile) Name() string { return p.spec.Profile }

// Label is "name@version", as in drivers.Read.Profile.
func (p *Profile) Label() string { return fmt.Sprintf("%s@%d", p.spec.Profile, p.spec.Version) }

// Title is the card's name for people.
func (p *Profile) Title() string { return p.spec.Title }

// Says returns why the profile does not read its card, such as "needs_pin", and a
// sentence about it; both are empty for a profile that reads. Of a profile that
// prompts they are what a read says that got no answer.
func (p *Profile) Says() (code, about string) {
	if p.spec.Says == nil {
		return "", ""
	}
	return string(p.spec.Says.Code), p.spec.Says.About
}

// File is where the profile came from, a slash-separated path in its file system.
func (p *Profile) File() string { return p.file }

// spec is a profile as written.
type spec struct {
	Profile   string                   `yaml:"profile,required" doc:"name of the profile and medium of its reads: letters, digits and -"`
	Version   int                      `yaml:"version,required" doc:"counts from 1"`
	Title     string                   `yaml:"title,required" doc:"the card's name for people"`
	Assurance assuranceWord            `yaml:"assurance" doc:"how much a read proves; with says always uid-only"`
	Match     matching                 `yaml:"match,required" doc:"how the card is recognised"`
	Refuse    []refusal                `yaml:"refuse" doc:"cards to turn away, by their exact ATR"`
	Says      *says                    `yaml:"says" doc:"in place of steps, fields and output: the card is recognised and told to the clerk in words; beside a prompt: when it is not answered"`
	Transport transport                `yaml:"transport" doc:"how the card wants to be talked to"`
	Limits    limits                   `yaml:"limits" doc:"when to give up"`
	Allow     []hexNumber              `yaml:"allow" doc:"CLA INS pairs outside class 00 that apdu and get-data may send"`
	Define    decode.Ordered[macro]    `yaml:"define" doc:"macros, used as steps"`
	Steps     []step                   `yaml:"steps" doc:"how the card is read"`
	Variants  []variant                `yaml:"variants" doc:"in place of steps and match.probe: generations of the card, tried in order"`
	Constants decode.Ordered[string]   `yaml:"constants" doc:"texts that a site may want to change, such as identifier systems"`
	Fields    decode.Fields            `yaml:"fields" doc:"values made of the captures"`
	Release   []string                 `yaml:"release" doc:"sensitive fields this site wants"`
	Output    decode.Output            `yaml:"output" doc:"where the values go"`
	Tests     decode.Ordered[testCase] `yaml:"tests" doc:"replays of synthetic cards with the whole expected read"`
}

// says is what a card is that is recognised and not read.
type says struct {
	Code  saysWord `yaml:"code,required" doc:"the read's warning"`
	About string   `yaml:"about,required" doc:"one English sentence for hospital IT"`
}

// saysCodes are the reasons for which a card is not read. The desk has a sentence
// for each.
var saysCodes = []string{"needs_pin", "needs_can", "needs_sam", "needs_licence", "needs_key", "staff_card", "bank_card", "not_a_patient_card", "needs_online"}

// transport is how the card wants to be talked to.
type transport struct {
	GetResponse getResponse `yaml:"get-response" doc:"how answers announced with 61xx are fetched"`
	RetryDelay  duration    `yaml:"retry-delay" doc:"wait before repeating after 6Cxx"`
	Settle      duration    `yaml:"settle" doc:"wait between the first look at the card and the first command"`
	Extended    bool        `yaml:"extended" doc:"try extended Le under T=1, fall back to chunks"`
	Chunk       int         `yaml:"chunk" doc:"largest short read, 1 to 256; 255 without it"`

	Exclusive  bool           `yaml:"exclusive" doc:"keep other programs away from the card while it is read"`
	Disconnect disconnectWord `yaml:"disconnect" doc:"what becomes of the card afterwards: leave as it is (without the key), reset, or unpower"`
	ColdReset  coldResetWord  `yaml:"cold-reset" doc:"on-fail: a try after a failed read begins with power off and on"`
}

type getResponse struct {
	Off bool            `yaml:"off" doc:"leave 61xx alone"`
	P2  []getResponseP2 `yaml:"p2" doc:"P2 of GET RESPONSE for certain ATRs; 00 without it"`
}

type getResponseP2 struct {
	ATR   atrPattern `yaml:"atr,required" doc:"cards that want it"`
	Value hexNumber  `yaml:"value,required" doc:"P2"`
}

// limits end a read that gets out of hand.
type limits struct {
	APDUs int      `yaml:"apdus" doc:"commands, GET RESPONSE included, at most 512; 64 without it"`
	Bytes int      `yaml:"bytes" doc:"response bytes, at most 1048576; 65536 without it"`
	Time  duration `yaml:"time" doc:"at most 60s; 10s without it"`
}

// Bounds of limits and files.
const (
	maxAPDUs       = 512
	maxBytes       = 1 << 20
	maxTime        = 60 * time.Second
	maxSettle      = 2 * time.Second
	maxVariants    = 16
	maxProfileFile = 1 << 20
	probeAPDUs     = 16               // commands a probe may use
	probeTime      = 30 * time.Second // for all probes of a card together
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
		p.hints = hintsOf(root)
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
