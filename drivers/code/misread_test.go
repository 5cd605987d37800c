package code_test

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"cardferry/drivers/code"
)

// Where a code has check digits, one wrong digit never names another person without a
// warning: the clerk would open somebody else's record.
func TestOneWrongDigitIsNoticed(t *testing.T) {
	rules := shipped(t)
	checked := regexp.MustCompile(`^(cn-resident-id|cn-hmt-residence-permit|cn-permanent-residence|gs1-gsrn)@`)
	number := regexp.MustCompile(`[0-9]{17}`)
	tried := 0
	for _, s := range rules.Samples() {
		text := string(code.StripAIM(s.Scan))
		run := number.FindStringIndex(text)
		if !s.Accepted || !checked.MatchString(s.Rule) || run == nil {
			continue
		}
		right := rules.Recognise(s.Scan).Patient.Identifier
		for at := run[0]; at < run[1]; at++ {
			for _, digit := range strings.Replace("0123456789", text[at:at+1], "", 1) {
				tried++
				misread := text[:at] + string(digit) + text[at+1:]
				if r := rules.Recognise([]byte(misread)); r.Patient != nil && len(r.Warnings) == 0 && !reflect.DeepEqual(r.Patient.Identifier, right) {
					t.Errorf("%s, %s: %c at %d gives another patient by %s", s.Rule, s.Case, digit, at, r.Profile)
				}
			}
		}
	}
	if tried < 1000 {
		t.Errorf("only %d misreadings tried", tried)
	}
}
