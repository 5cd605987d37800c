// Package card turns a smart card into a FHIR Patient and Coverage by executing
// declarative profiles: YAML files that say how a card is recognised, which
// files are read from it, how bytes become values and where the values go.
//
// The language is closed. A profile can select and read; it cannot write,
// verify a PIN, present a security code or authenticate, whatever it says
// (guard.go), it cannot loop without bound or outgrow its limits (session.go),
// and it runs no script. That makes a profile from a stranger safe to load. Two
// exceptions are narrow: mifare-read opens a sector with a key that the site has
// configured, which a profile can only name, and emrtd opens a travel document with what
// is printed on it, which whoever holds it is asked for (prompt.go, document.go).
//
// Data flows one way, from YAML and card to a read:
//
//	YAML ─ decode.Decoder ─▶ spec ─ compile.go ─▶ Profile ─▶ Engine
//	card ─ presence, session (transport) ─ steps ─▶ captures ─ decode.Fields ─▶ values ─ decode.Output ─▶ drivers.Read
//
// Package decode is the language of values; steps and recognition are here. From the
// same types come the JSON Schema and the reference of the language (schema.go,
// reference.go).
//
// For support and for new profiles, a card can be written down without its holder
// and turned into the beginning of a profile:
//
//	card ─ trace ─▶ contents ─ structure, hints of the profile ─▶ leaves ─ masker ─▶ Replay ─ Skeleton ─▶ YAML
//
// The package touches no hardware: a reader driver hands the Engine a Channel.
package card
