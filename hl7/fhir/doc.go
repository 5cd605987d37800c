// Package fhir translates HL7 v2 messages to FHIR R4 transaction Bundles by
// executing mapping tables, and wraps what a card said in the same kind of
// Bundle.
//
// The shipped tables are configs/v2fhir (the facts of the HL7 v2-to-FHIR
// implementation guide 1.0.0, CC0-1.0, with its defects corrected); a site adds
// or overrides rows in a folder of its own. [LoadTables] checks and compiles
// them: each target path against the R4 element table, each condition, each
// reference between tables, with file and line in every error.
//
// A translation is a pure function of the message bytes, the idempotency key,
// the tables and the configuration. Nothing is lost silently: the Bundle carries
// the exact message, an OperationOutcome names by position what stayed there
// only, and the result counts both. Every resource is checked against the
// element table before it leaves; what does not fit is taken out and reported.
//
// Issues and errors hold positions, codes and row ids, never values.
package fhir
