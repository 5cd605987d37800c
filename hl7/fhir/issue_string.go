package fhir

import "strings"

// String is the issue in one line, without values: "PID-3[2].4: Patient.name: …".
func (i Issue) String() string {
	var parts []string
	for _, p := range []string{i.Position, i.Expression, i.Detail} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	if len(parts) == 0 {
		return i.Code
	}
	return strings.Join(parts, ": ")
}
