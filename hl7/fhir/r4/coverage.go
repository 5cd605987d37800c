package r4

import "log/slog"

// Coverage is http://hl7.org/fhir/R4/coverage.html. Status, Beneficiary and
// Payor are required by the specification. It masks itself in logs.
type Coverage struct {
	ResourceType string           `json:"resourceType"`
	ID           string           `json:"id,omitempty"`
	Meta         *Meta            `json:"meta,omitempty"`
	Identifier   []Identifier     `json:"identifier,omitempty"`
	Status       string           `json:"status"`
	Type         *CodeableConcept `json:"type,omitempty"`
	SubscriberID string           `json:"subscriberId,omitempty"`
	Beneficiary  Reference        `json:"beneficiary"`
	Period       *Period          `json:"period,omitempty"`
	Payor        []Reference      `json:"payor"`
	Class        []CoverageClass  `json:"class,omitempty"`
}

// CoverageClass is Coverage.class.
type CoverageClass struct {
	Type  CodeableConcept `json:"type"`
	Value string          `json:"value"`
	Name  string          `json:"name,omitempty"`
}

// LogValue masks the coverage in logs.
func (c Coverage) LogValue() slog.Value { return slog.StringValue("Coverage (masked)") }

// String masks the coverage for fmt.
func (c Coverage) String() string { return "Coverage (masked)" }

// GoString masks the coverage for %#v.
func (c Coverage) GoString() string { return c.String() }
