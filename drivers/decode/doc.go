// Package decode is the language of values that card profiles and code rules
// share: YAML that says how bytes and texts become fields, and where fields go
// in a FHIR Patient and Coverage. It knows neither cards nor scanners.
//
// Data flows one way:
//
//	YAML ─ Decoder ─▶ Fields, Output ─ Compile ─▶ checked against the input's kinds
//	inputs (bytes, text) ─ Fields.Evaluate ─▶ Reading ─ Output.Fill ─▶ drivers.Read
//
// The language is closed: stages are pure functions from a value to a value, all
// are bounded in time and size, and there is no loop and no script. A file from a
// stranger is safe to load. What cannot be decoded is a warning and never an
// error; a warning names the field, never the value.
//
// Every Decoder method and every DecodeNode is for loading. What was loaded is
// immutable and safe for concurrent use.
package decode
