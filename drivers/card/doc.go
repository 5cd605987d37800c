// Package card turns a smart card into a FHIR Patient and Coverage by executing
// declarative profiles: YAML files that say how a card is recognised, which
// files are read from it, how bytes become values and where the values go (the last
// two in the language of package decode).
//
// The language is closed. A profile can select and read; it cannot write,
// verify a PIN, present a security code or authenticate, whatever it says
// (guard.go), it cannot loop without bound or outgrow its limits (session.go),
// and it runs no script. That makes a profile from a stranger safe to load.
//
// Data flows one way:
//
//	YAML ─ decode.Decoder ─▶ spec ─ profile.go ─▶ Profile ─▶ Engine
//	card ─ session.go (transport) ─ step.go ─▶ captures ─ decode.Fields ─▶ values ─ decode.Output ─▶ drivers.Read
//
// The package touches no hardware: a reader driver hands the Engine a Channel.
package card
