// Package structure knows what HL7 v2 messages should look like: the names of
// segments, fields and components, and the rules a message can be held against
// (HL7 v2.3 to v2.8).
//
// [Validate] says what is wrong with a message and where, [Tree] prints it with
// names. Nothing here changes a message or decides whether it is taken: what
// [Validate] finds are warnings for a person unless asked for more.
//
// The facts are text tables in the folder tables, made to be read and corrected
// by a person. They are embedded, and read when a version is first needed: a few
// milliseconds and less than a megabyte for each version in use.
//
// Texts of findings name positions and codes of the standard, never content.
// All functions are safe for concurrent use.
package structure
