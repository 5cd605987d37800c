package code

import "fmt"

// Sample is one scan of the rules' own tests.
type Sample struct {
	Rule, Case string
	Scan       []byte
	Accepted   bool
}

// Samples are all scans of the rules' own tests.
func (r *Rules) Samples() []Sample {
	var out []Sample
	for _, rule := range r.rules {
		for i, s := range rule.Tests.Accept {
			out = append(out, Sample{rule.profile(), fmt.Sprintf("accept %d", i+1), s.scan, true})
		}
		for i, s := range rule.Tests.Reject {
			out = append(out, Sample{rule.profile(), fmt.Sprintf("reject %d", i+1), s.scan, false})
		}
	}
	return out
}
