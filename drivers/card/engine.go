package card

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cardferry/drivers"
	"cardferry/drivers/decode"
	"cardferry/drivers/emrtd"
)

// Options are what a site gives its engine.
type Options struct {
	// MifareKeys returns the site's MIFARE key of a name, 6 bytes. Profiles hold
	// names only. It is called from any goroutine and does not block.
	MifareKeys func(name string) ([]byte, bool)
	// Keys are the public keys that signed fields are checked with.
	Keys decode.Keys
	// TravelAuthorities are the country signing authorities whose travel documents are
	// checked; without any, reads of them have the warning document_signer_not_checked
	// and prove no more than chip-read.
	TravelAuthorities []emrtd.Authority
	// Prompt puts a question to whoever holds the card and returns the answer, or
	// ErrPromptDeclined, or when ctx ends. It is called from any goroutine, for
	// several readers at a time, once for a presented card and never again by itself.
	// The answer is a secret of the card and its holder: it is in no error, log or
	// recording. Without Prompt, profiles that need it say in words what the card
	// needs.
	Prompt func(ctx context.Context, p Prompt) (string, error)
	// PromptWait is how long a person has to answer; 0 means two minutes.
	PromptWait time.Duration
}

// Engine reads cards by their profiles. It is immutable and safe for concurrent
// use; each Read works on its own card.
type Engine struct {
	profiles []*Profile
	options  Options
}

// NewEngine returns an engine for the profiles, which need different names.
func NewEngine(profiles []*Profile) (*Engine, error) { return NewEngineWith(profiles, Options{}) }

// NewEngineWith is NewEngine with what the site provides.
func NewEngineWith(profiles []*Profile, o Options) (*Engine, error) {
	seen := map[string]bool{}
	for _, p := range profiles {
		if seen[p.Name()] {
			return nil, fmt.Errorf("card profile %q is given twice", p.Name())
		}
		seen[p.Name()] = true
	}
	if o.MifareKeys == nil {
		o.MifareKeys = func(string) ([]byte, bool) { return nil, false }
	}
	return &Engine{slices.Clone(profiles), o}, nil
}

// Profiles returns the engine's profiles in order of name.
func (e *Engine) Profiles() []*Profile { return slices.Clone(e.profiles) }

// Read recognises the card in ch and reads it. The read has a fresh ID and the
// present time; Reader and Simulated are the caller's to fill in.
//
// A card that no profile recognises is no error: its medium is "unknown", with
// the ATR in extras and the warning "card_unknown". A card that a profile
// refuses has the warning "card_refused", a message in extras and no patient; one
// that a profile only knows by sight (Profile.Says) has that warning and no patient.
// Fields that cannot be decoded are warnings. Errors are: drivers.ErrCardRemoved
// when the card left, ctx's error, ErrLimit, ErrResponse, a *StatusError when
// the card refused something its profile needs, and the channel's own errors.
func (e *Engine) Read(ctx context.Context, ch Channel, info Info) (drivers.Read, error) {
	return e.read(ctx, ch, info, nil)
}

// read is Read with what is said noted in tr, which may be nil.
func (e *Engine) read(ctx context.Context, ch Channel, info Info, tr *trace) (drivers.Read, error) {
	if tr != nil {
		ch = tr.channel(ch)
	}
	for _, p := range e.profiles {
		for _, f := range p.spec.Refuse {
			if slices.ContainsFunc(f.ATR, func(a atrPattern) bool { return a.exact(info.ATR) }) {
				read := newRead(f.Medium, p.Label(), drivers.UIDOnly)
				read.Extras = map[string]any{"message": f.Message}
				read.Warnings = []drivers.Warning{{Code: "card_refused"}}
				return read, nil
			}
		}
	}
	var broken error // the channel's, if it never answered
	answered := false
	here := newPresence(ch, info)
	looking, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	for _, p := range candidates(e.profiles, info) {
		for i := range p.variants {
			v := &p.variants[i]
			if !v.fits(info.ATR) {
				continue
			}
			r, ok, err := e.probe(looking, p, v, here, tr)
			switch {
			case err == nil:
				answered = true
			case final(ctx, err):
				return drivers.Read{}, fmt.Errorf("probe for %s: %w", p.Name(), err)
			default:
				broken = fmt.Errorf("probe for %s: %w", p.Name(), err)
			}
			if ok {
				setTransport(ch, p.spec.Transport.wanted())
				return e.finish(ctx, r)
			}
		}
	}
	if broken != nil && !answered {
		return drivers.Read{}, broken
	}
	read := newRead(drivers.MediumUnknown, "", drivers.UIDOnly)
	read.Extras = map[string]any{"atr": strings.ToUpper(hex.EncodeToString(info.ATR))}
	read.Warnings = []drivers.Warning{{Code: "card_unknown"}}
	return read, nil
}

func newRead(medium, profile string, a drivers.Assurance) drivers.Read {
	return drivers.Read{ID: drivers.NewReadID(), Time: time.Now().UTC().Truncate(time.Millisecond), Medium: medium, Profile: profile, Assurance: a}
}

// probe says whether the card is the profile's in this variant. The run it returns
// goes on where the probe ended: the application stays selected.
func (e *Engine) probe(ctx context.Context, p *Profile, v *variant, here *presence, tr *trace) (*run, bool, error) {
	t := p.spec.Transport
	s := &session{
		presence: here, allow: p.allow, siteKey: e.options.MifareKeys, probing: true, getResp: !t.GetResponse.Off,
		delay: time.Duration(t.RetryDelay), extended: t.Extended, apdus: probeAPDUs, bytes: p.spec.Limits.Bytes,
	}
	for _, o := range t.GetResponse.P2 {
		if o.ATR.weight(here.info.ATR) > 0 {
			s.getP2 = byte(o.Value.lit)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(p.spec.Limits.Time))
	defer cancel()
	if err := pause(ctx, time.Duration(t.Settle)-time.Since(here.since)); err != nil {
		return nil, false, err
	}
	r := &run{s: s, p: p, v: v, captures: map[string]decode.Value{}, notes: map[string]string{}, trace: tr, authorities: e.options.TravelAuthorities}
	_, err := r.steps(ctx, v.Match.Probe)
	var refused *StatusError
	if errors.As(err, &refused) {
		return nil, false, nil
	}
	if errors.Is(err, ErrLimit) { // the probe wants more than a probe may: not this card
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	for i := range v.Match.Confirm {
		if !v.Match.Confirm[i].Holds(r.captures) {
			return nil, false, nil
		}
	}
	s.probing = false
	s.apdus += p.spec.Limits.APDUs - probeAPDUs
	return r, true, nil
}

// told is the read of a card that is recognised and not read: what it needs, and what
// was wrong with the answer to a prompt, or with the card.
func (p *Profile) told(why *tellError) drivers.Read {
	read := newRead(p.Name(), p.Label(), drivers.UIDOnly)
	if !why.instead {
		read.Warnings = append(read.Warnings, drivers.Warning{Code: string(p.spec.Says.Code)})
	}
	if why.warning != "" {
		read.Warnings = append(read.Warnings, drivers.Warning{Code: why.warning})
	}
	return read
}

// finish runs the steps and builds the result.
func (e *Engine) finish(ctx context.Context, r *run) (drivers.Read, error) {
	p := r.p
	if p.spec.Says != nil && !p.asks {
		return p.told(&tellError{}), nil
	}
	err := e.legs(ctx, r)
	r.secret = ""
	var told *tellError
	if errors.As(err, &told) {
		return p.told(told), nil
	}
	if err != nil {
		return drivers.Read{}, fmt.Errorf("read %s: %w", p.Name(), err)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(p.spec.Limits.Time))
	defer cancel()
	read := newRead(p.Name(), p.Label(), drivers.Assurance(p.spec.Assurance))
	if r.authentic {
		read.Assurance = drivers.ChipAuthenticated
	}
	if r.v.Name != "" {
		r.captures["variant"] = decode.TextValue(r.v.Name)
	}
	values, err := p.spec.Fields.Evaluate(ctx, r.captures, decode.Options{Release: p.spec.Release, Keys: e.options.Keys})
	if err != nil {
		return drivers.Read{}, fmt.Errorf("read %s: %w", p.Name(), err)
	}
	if err := p.spec.Output.Fill(values, p.constants(r.v), r.notes, &read); err != nil {
		return drivers.Read{}, fmt.Errorf("read %s: %w", p.Name(), err)
	}
	read.Partial = r.partial || values.Partial
	read.Warnings = slices.Concat(r.warnings, values.Warnings)
	return read, nil
}
