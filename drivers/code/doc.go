// Package code recognises scanned codes and magnetic stripes: what a scan is,
// which patient it names, and whether it must never be passed on. It reads rules,
// not code: each rule is a few lines of YAML with a regular expression, check
// digits, a FHIR shape and its own tests, so a hospital adds its wristband without
// a compiler. The rules that come with cardferry are in configs/codes; the
// language is described in configs/codes/README.md.
//
// [LoadRules] is strict and says file, line and column. A loaded [Rules] is
// immutable and safe for concurrent use. Recognising takes time linear in the
// scan (RE2) and never fails: what no rule knows is medium "unknown".
package code
