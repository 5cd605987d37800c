package code_test

import (
	"os"
	"testing"

	"cardferry/drivers/code"
)

// shipped loads the rules that come with cardferry.
func shipped(t testing.TB) *code.Rules {
	t.Helper()
	rules, err := code.LoadRules(os.DirFS("../../configs/codes"))
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func TestShippedRulesPassTheirOwnTests(t *testing.T) {
	results := shipped(t).Test()
	if len(results) < 40 {
		t.Errorf("only %d tests", len(results))
	}
	for _, r := range results {
		if r.Err != nil {
			t.Errorf("%s, %s: %v", r.Rule, r.Case, r.Err)
		}
	}
}
