package r4

import "log/slog"

// Patient is http://hl7.org/fhir/R4/patient.html. BirthDate may be partial
// (YYYY or YYYY-MM). It holds patient data and masks itself in logs.
type Patient struct {
	ResourceType string         `json:"resourceType"`
	ID           string         `json:"id,omitempty"`
	Meta         *Meta          `json:"meta,omitempty"`
	Extension    []Extension    `json:"extension,omitempty"`
	Identifier   []Identifier   `json:"identifier,omitempty"`
	Active       *bool          `json:"active,omitempty"`
	Name         []HumanName    `json:"name,omitempty"`
	Telecom      []ContactPoint `json:"telecom,omitempty"`
	Gender       string         `json:"gender,omitempty"`
	BirthDate    string         `json:"birthDate,omitempty"`
	Address      []Address      `json:"address,omitempty"`
	Photo        []Attachment   `json:"photo,omitempty"`
}

// NewPatient returns an empty Patient with its resource type set.
func NewPatient() *Patient { return &Patient{ResourceType: "Patient"} }

// LogValue masks the patient in logs.
func (p Patient) LogValue() slog.Value { return slog.StringValue("Patient (masked)") }

// String masks the patient for fmt.
func (p Patient) String() string { return "Patient (masked)" }

// GoString masks the patient for %#v.
func (p Patient) GoString() string { return p.String() }
