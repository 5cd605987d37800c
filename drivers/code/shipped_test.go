package code_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"cardferry/drivers"
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
	if len(results) < 150 {
		t.Errorf("only %d tests", len(results))
	}
	for _, r := range results {
		if r.Err != nil {
			t.Errorf("%s, %s: %v", r.Rule, r.Case, r.Err)
		}
	}
}

// Every code is taken by its own rule when all are loaded, however a scanner hands
// it over, and by no rule of another medium.
func TestShippedRulesAreDisjoint(t *testing.T) {
	rules := shipped(t)
	for _, s := range rules.Samples() {
		if !s.Accepted {
			continue
		}
		want := rules.Recognise(s.Scan)
		if want.Medium == drivers.MediumUnknown {
			t.Errorf("%s: %s is not recognised", s.Rule, s.Case)
		}
		for name, variant := range map[string]string{
			"line end": string(s.Scan) + "\r\n",
			"tab":      string(s.Scan) + "\t",
		} {
			if binary := strings.ContainsRune(string(s.Scan), 0); binary {
				continue
			}
			if got := rules.Recognise([]byte(variant)); got.Medium != want.Medium || got.Profile != want.Profile {
				t.Errorf("%s: %s with %s is %q by %q", s.Rule, s.Case, name, got.Medium, got.Profile)
			}
		}
	}
}

func TestShippedRulesSayWhatAndWhence(t *testing.T) {
	for _, i := range shipped(t).List() {
		if i.About == "" || i.Source == "" {
			t.Errorf("%s lacks about or source", i.Name)
		}
		if i.Accepts < 2 || i.Rejects < 1 {
			t.Errorf("%s has %d and %d tests", i.Name, i.Accepts, i.Rejects)
		}
	}
}

// The rules that README.md shows to a site work, beside the shipped ones.
func TestReadmeExamplesWork(t *testing.T) {
	text, err := os.ReadFile("../../configs/codes/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(text), "```yaml\n")
	block, _, found := strings.Cut(block, "```")
	if !found {
		t.Fatal("README.md shows no rules")
	}
	rules, err := code.LoadRules(os.DirFS("../../configs/codes"), fstest.MapFS{"site.yaml": {Data: []byte(block)}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(rules.List()), len(shipped(t).List())+2; got != want {
		t.Errorf("%d rules, want %d", got, want)
	}
	for _, r := range rules.Test() {
		if r.Err != nil {
			t.Errorf("%s, %s: %v", r.Rule, r.Case, r.Err)
		}
	}
}
