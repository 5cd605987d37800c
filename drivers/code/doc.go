// Package code recognises scanned codes and magnetic stripes: what a scan is,
// which patient it names, and whether it must never be passed on. It reads rules,
// not code: each rule is a few lines of YAML that say what the scan looks like,
// what its fields are (package decode, the same language as in card profiles),
// where they go in FHIR, and its own tests. So a hospital adds its wristband
// without a compiler. The rules that come with cardferry are in configs/codes.
//
//	scan ─ text and bytes ─ match, bytes ─▶ fields ─ needs, born ─▶ the rule applies
//	rules that apply ─ priority, agreement ─▶ output ─▶ drivers.Read
//
// [LoadRules] is strict and says file, line and column. A loaded [Rules] is
// immutable and safe for concurrent use. Recognising takes time linear in the
// scan (RE2, bounded stages) and never fails: what no rule knows is medium
// "unknown". Nothing here reaches a network: a code that only its issuer can
// resolve says so ("needs_online") and is carried on as it is.
package code
