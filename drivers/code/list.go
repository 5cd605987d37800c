package code

import "slices"

// Info tells about one rule.
type Info struct {
	Name     string   `json:"name"`
	Version  int      `json:"version"`
	Medium   string   `json:"medium"`
	About    string   `json:"about,omitempty"`
	Source   string   `json:"source,omitempty"`
	File     string   `json:"file"` // in its file system
	Priority int      `json:"priority"`
	Withheld bool     `json:"withheld"` // nothing of the value is passed on
	OneTime  bool     `json:"oneTime"`
	Warnings []string `json:"warnings,omitempty"` // that the rule itself gives
	Accepts  int      `json:"accepts"`            // scans of its own tests
	Rejects  int      `json:"rejects"`
}

// List tells about all rules, by name.
func (r *Rules) List() []Info {
	if r == nil {
		return nil
	}
	var out []Info
	for _, rule := range r.rules {
		i := Info{
			Name: string(rule.Name), Version: rule.Version, Medium: string(rule.Medium), About: rule.About, Source: rule.Source,
			File: rule.file, Priority: int(rule.Priority), Withheld: rule.Withhold, OneTime: rule.OneTime,
			Accepts: len(rule.Tests.Accept), Rejects: len(rule.Tests.Reject),
		}
		for _, w := range rule.Warnings {
			if !slices.Contains(i.Warnings, w.Code) {
				i.Warnings = append(i.Warnings, w.Code)
			}
		}
		out = append(out, i)
	}
	return out
}
