package code

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"testing"
	"unicode/utf8"
)

func filterOf(tb testing.TB, pattern string) filter {
	tb.Helper()
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		tb.Fatal(err)
	}
	return newFilter(re)
}

func TestFilter(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		pass          bool
	}{
		{`[0-9]{18}`, "123456789012345678", true},
		{`[0-9]{18}`, "12345678901234567", false},
		{`[0-9]{18}`, "1234567890123456789", false},
		{`[0-9]{18}`, "A23456789012345678", false},
		{`(?:%[^?]*\?)?;[0-9]{4}`, ";1234", true},
		{`(?:%[^?]*\?)?;[0-9]{4}`, "%A?;1234", true},
		{`(?:%[^?]*\?)?;[0-9]{4}`, "+1234", false},
		{`(?i)shc:/.+`, "SHC:/1", true},
		{`(?i)kelvin`, "\u212Aelvin", true},
		{`(?i:s)`, "\u017F", true},
		{`Nữ|Nam`, "Nam", true},
		{`Nữ|Nam`, "Nữ", true},
		{`Nữ|Nam`, "X", false},
		{`ữ`, "ữ", true},
		{`A*`, "", true},
		{`A*`, "B", true}, // a pattern that may be empty begins with anything
		{`A+`, "", false},
		{`(A|B){2,3}C?`, "ABA", true},
		{`(A|B){2,3}C?`, "ABABA", false},
		{`[^\x00-\x7F]{2}`, "日本", true},
		{`[a-\x{DFFF}]`, "日", true}, // ends at half a surrogate pair
		{`.{3}`, "日本語", true},
		{`.{3}`, "日", true}, // one rune of three bytes: length in bytes is all it knows
	} {
		f := filterOf(t, `\A(?:`+c.pattern+`)\z`)
		if got := f.pass(c.text); got != c.pass {
			t.Errorf("%s: %q passes %t", c.pattern, c.text, got)
		}
	}
}

// A filter must never turn away what its pattern matches.
func FuzzFilter(f *testing.F) {
	for _, p := range []string{`[0-9]{2,3}|A?B*`, `(?i)k(s|ſ)+`, `(?s).*\x1D?`, `(?:(?:a{0,2}){3})`, `\bA\B`, `[^A]`, `(?m)^a$`, `(|a)*b`} {
		f.Add(p, "AB", "ab\n")
	}
	f.Fuzz(func(t *testing.T, pattern, a, b string) {
		if len(pattern) > 200 || !utf8.ValidString(a+b) { // the text of a scan is valid
			t.Skip()
		}
		whole := `\A(?:` + pattern + `)\z`
		re, err := regexp.Compile(whole)
		if err != nil {
			t.Skip()
		}
		filter := filterOf(t, whole)
		for _, text := range []string{a, b, a + b, strings.ToLower(a), strings.ToUpper(b)} {
			if re.MatchString(text) && !filter.pass(text) {
				t.Fatalf("%q is turned away", text)
			}
		}
	})
}
