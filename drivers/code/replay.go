package code

import (
	"encoding/json"
	"errors"
	"fmt"
)

// TestResult is the outcome of one scan of a rule's own tests.
type TestResult struct {
	Rule string // name@version
	Case string // "accept 1", "reject 2", …
	// Err is nil when the scan was recognised, or refused, as the rule says. It
	// names file, line and the path that differs, never a value.
	Err error
}

// Test replays the tests that the rules carry, each scan against all rules
// together: accept scans must give the rule's medium, unless the test names another,
// and contain what the test lists under read (null means absent); reject scans must
// not be taken by the rule.
func (r *Rules) Test() []TestResult {
	if r == nil {
		return []TestResult{{Err: errNoRules}}
	}
	var results []TestResult
	for _, rule := range r.rules {
		for i, s := range rule.accept {
			results = append(results, TestResult{
				Rule: rule.profile(), Case: fmt.Sprintf("accept %d", i+1), Err: r.testAccept(rule, s),
			})
		}
		for i, s := range rule.reject {
			results = append(results, TestResult{
				Rule: rule.profile(), Case: fmt.Sprintf("reject %d", i+1), Err: r.testReject(rule, s),
			})
		}
	}
	return results
}

func (r *Rules) testAccept(rule *rule, s sample) error {
	read := r.Recognise(s.scan)
	if _, named := s.want["medium"]; !named {
		if read.Profile != rule.profile() {
			return s.where.errorf("scan is taken for medium %q by %q", read.Medium, read.Profile)
		}
	}
	got, err := asJSON(read)
	if err != nil {
		return s.where.errorf("encode read: %w", err)
	}
	want, err := asJSON(s.want)
	if err != nil {
		return s.where.errorf("encode expectation: %w", err)
	}
	if err := contains(got, want, "read"); err != nil {
		return s.where.errorf("%w", err)
	}
	return nil
}

func (r *Rules) testReject(rule *rule, s sample) error {
	text, _, err := Text(s.scan, "")
	if err != nil {
		return s.where.errorf("%w", err)
	}
	if _, ok := rule.apply(text, r.now()); ok {
		return s.where.errorf("scan is taken by the rule")
	}
	return nil
}

func asJSON(v any) (any, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out any
	return out, json.Unmarshal(b, &out)
}

var errDiffers = errors.New("differs")

// contains says whether got has everything that want has.
func contains(got, want any, path string) error {
	switch want := want.(type) {
	case nil:
		if got != nil && path != "read" {
			return fmt.Errorf("%s is there: %w", path, errDiffers)
		}
	case map[string]any:
		m, ok := got.(map[string]any)
		if !ok {
			return fmt.Errorf("%s is missing: %w", path, errDiffers)
		}
		for k, w := range want {
			if err := contains(m[k], w, path+"."+k); err != nil {
				return err
			}
		}
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return fmt.Errorf("%s has another number of entries: %w", path, errDiffers)
		}
		for i := range want {
			if err := contains(list[i], want[i], fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	default:
		if got != want {
			return fmt.Errorf("%s: %w", path, errDiffers)
		}
	}
	return nil
}
