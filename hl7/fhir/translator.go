package fhir

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"cardferry/hl7"
	"cardferry/hl7/fhir/resource"
)

// Config is what a site adds to the tables.
type Config struct {
	// Namespace is the site's id, for example its institution code "330106001".
	// All derived ids depend on it: it never changes in the life of a site.
	Namespace string
	// SiteName is shown as the organization that runs the gateway; may be empty.
	SiteName string
	// Zone is the zone of times that carry no offset, neither themselves nor in
	// MSH-7.
	Zone *time.Location
	// Systems gives the URI of assigning authorities (HD.1 or HD.2) and coding
	// systems by the name that messages use. It goes before the tables.
	Systems map[string]string
}

// Translator executes tables under one configuration. It is immutable and safe
// for concurrent use.
type Translator struct {
	tables    *Tables
	config    Config
	site      string // the namespace as part of a URI
	namespace [16]byte
	fixed     map[*template]string // values without positions, with the site filled in
	pool      sync.Pool            // of *scratch
}

// Result is the outcome of one translation.
type Result struct {
	// Bundle is the JSON of a transaction Bundle.
	Bundle []byte
	// Type is the event, "ADT^A01"; empty when the message names none.
	Type string
	// Issues are also in the Bundle's OperationOutcome; at most 200.
	Issues []Issue
	// Mapped and Unmapped count the non-empty subcomponents that became FHIR and
	// those that stayed in the raw message only.
	Mapped, Unmapped int
}

// NewTranslator checks the configuration.
func NewTranslator(t *Tables, c Config) (*Translator, error) {
	switch {
	case t == nil:
		return nil, errors.New("new translator: no tables; load them with LoadTables")
	case c.Namespace == "":
		return nil, errors.New("new translator: the site has no id; set site.id")
	case c.Zone == nil:
		return nil, errors.New("new translator: no time zone; set the zone of the site")
	}
	for name, uri := range c.Systems {
		if !isURI(uri) {
			return nil, fmt.Errorf("new translator: the system of %q is not an absolute http, https or urn URI", name)
		}
	}
	c.Systems = maps.Clone(c.Systems)
	tr := &Translator{tables: t, config: c, site: escapeURI(c.Namespace), namespace: uuid5(namespace, []byte(c.Namespace)),
		fixed: map[*template]string{}}
	for _, m := range [...]map[string]*mapping{t.segments, t.datatypes} {
		for _, mp := range m {
			for _, w := range mp.rows {
				if w.value != nil {
					if text, ok := w.value.fixed(tr.site); ok {
						tr.fixed[w.value] = text
					}
				}
			}
		}
	}
	return tr, nil
}

// Version is the version of the mapping: that of the shipped tables and a
// fingerprint of all rows with the site's.
func (t *Translator) Version() string { return t.tables.version }

// Translate turns one message into a transaction Bundle. key is the idempotency
// key of the message: it becomes Bundle.identifier and the seed of ids that the
// message itself does not give. The same message and key always yield the same
// bytes. An event without tables yields the raw message and what is known of the
// patient. The error is for a message without any segment and for an empty key;
// everything else is an Issue.
func (t *Translator) Translate(m *hl7.Message, key string) (Result, error) {
	res, _, err := t.translate(m, key, nil)
	return res, err
}

func (t *Translator) translate(m *hl7.Message, key string, origins map[*resource.Node]origin) (Result, []Origin, error) {
	if m == nil || len(m.Segments()) == 0 {
		return Result{}, nil, errors.New("translate: the message has no segments")
	}
	if cleanText(key) == "" {
		return Result{}, nil, errNoKey
	}
	mem := t.borrow()
	defer t.giveBack(mem)
	r := run{t: t, msg: m, key: key, scratch: mem, zone: m.Zone(t.config.Zone), origins: origins}
	r.view = newView(m, mem)
	r.sender = strings.TrimSpace(r.header(3))
	r.budget = rowsPerMessage + rowsPerValue*len(mem.leaves)
	event := event(m)
	s := t.tables.structures[t.tables.events[event]]
	if s == nil {
		s = t.tables.structures[anyMessage]
		r.issue(Issue{Code: CodeNoStructure, Severity: "warning", Position: "MSH-9", Detail: "no tables for this event; the message travels raw"})
	}
	r.segments(s)
	if r.view.truncated || r.budget < 0 {
		r.issue(Issue{Code: CodeLimit, Severity: "warning", Detail: "the message is larger than the tables look; the rest travels raw"})
	}
	res := Result{Type: event}
	r.settle()
	res.Mapped, res.Unmapped = r.count()
	r.record(event)
	r.outcome(res.Mapped, res.Unmapped)
	res.Bundle = r.bundle()
	res.Issues = r.issues
	return res, r.explain(), nil
}

var errNoKey = errors.New("translate: no idempotency key; pass the key of the message or read")

// event is "ADT^A01", or the code alone; "" when MSH-9 does not hold an event,
// so that a shifted field never passes as one.
func event(m *hl7.Message) string {
	code, trigger, _ := m.Type()
	if !eventPart(code) || trigger != "" && !eventPart(trigger) {
		return ""
	}
	if trigger == "" {
		return code
	}
	return code + "^" + trigger
}

// eventPart says whether s can be a code of HL7 table 0076 or 0003.
func eventPart(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return len(s) >= 2 && len(s) <= 8
}
