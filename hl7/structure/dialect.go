package structure

import (
	_ "embed"
	"sync"
)

// The tables as text. Every string that is handed out is a part of them.
var (
	//go:embed tables/segments.tsv
	segmentsText string
	//go:embed tables/datatypes.tsv
	datatypesText string
	//go:embed tables/messages.txt
	messagesText string
	//go:embed tables/events.tsv
	eventsText string
	//go:embed tables/codes.tsv
	codesText string
)

// dialect is everything about one version. It is immutable.
type dialect struct {
	version   version
	segments  map[string]*segment
	datatypes map[string]*datatype
	tables    map[int]*codes
	messages  map[string]*grammar
	events    map[string]string // "ADT^A04" and "ORM^*" -> structure
}

// segment is one segment in one version.
type segment struct {
	name, title string
	fields      []field
	required    bits
}

// field is a field with its datatype resolved.
type field struct {
	Field
	typ   *datatype
	codes *codes
}

// datatype is a primitive one when it has no components.
type datatype struct {
	name, title string
	check       primitive
	rule        rule
	components  []component
	required    bits
}

type component struct {
	Component
	typ   *datatype
	codes *codes
}

// codes is a table that HL7 closes.
type codes struct {
	number int
	name   string
	site   bool // sites may add codes that start with Z
	set    map[string]struct{}
}

// bits is a set of positions 1 to 128; others are never in it.
type bits [2]uint64

func (b *bits) add(n int) {
	if n >= 1 && n <= 128 {
		b[(n-1)>>6] |= 1 << ((n - 1) & 63)
	}
}

func (b *bits) has(n int) bool {
	return n >= 1 && n <= 128 && b[(n-1)>>6]&(1<<((n-1)&63)) != 0
}

// dialects reads each version once, when it is first asked for.
var dialects = func() (all [len(versions)]func() *dialect) {
	for v := range all {
		all[v] = sync.OnceValue(func() *dialect {
			d, _ := readDialect(version(v)) // the test of the tables sees the error
			return d
		})
	}
	return all
}()

// speak is the dialect for MSH-12 as written.
func speak(text string) *dialect {
	v, _ := resolve(text)
	return dialects[v]()
}

// readDialect reads the tables for one version. Lines that are wrong are left
// out and joined in the error.
func readDialect(v version) (*dialect, error) {
	r := reader{d: &dialect{
		version:   v,
		segments:  make(map[string]*segment, 128),
		datatypes: make(map[string]*datatype, 128),
		tables:    make(map[int]*codes, 32),
		messages:  make(map[string]*grammar, 96),
		events:    make(map[string]string, 256),
	}}
	r.codes(codesText)
	r.datatypes(datatypesText)
	r.resolveComponents()
	r.segments(segmentsText)
	r.events(eventsText)
	r.messages(messagesText)
	return r.d, r.err()
}

// structureOf is the structure of a message code and trigger event, "" when the
// tables have none.
func (d *dialect) structureOf(code, trigger string) string {
	if s := d.events[code+"^"+trigger]; s != "" {
		return s
	}
	return d.events[code+"^*"]
}
