package fromfhir

import (
	"encoding/json"

	"cardferry/hl7/fhir/r4"
)

// The elements of R4 resources that have a place in the messages. What is not
// listed is not read.

type patient struct {
	head
	Name       []r4.HumanName    `json:"name"`
	Telecom    []r4.ContactPoint `json:"telecom"`
	Gender     string            `json:"gender"`
	BirthDate  string            `json:"birthDate"`
	Address    []r4.Address      `json:"address"`
	Dead       *bool             `json:"deceasedBoolean"`
	DeadSince  string            `json:"deceasedDateTime"`
	BirthOrder json.Number       `json:"multipleBirthInteger"`
}

type practitioner struct {
	head
	Name    []r4.HumanName    `json:"name"`
	Telecom []r4.ContactPoint `json:"telecom"`
	Address []r4.Address      `json:"address"`
}

type practitionerRole struct {
	head
	Practitioner *r4.Reference     `json:"practitioner"`
	Organization *r4.Reference     `json:"organization"`
	Telecom      []r4.ContactPoint `json:"telecom"`
}

// place is an Organization, Location, Device or HealthcareService.
type place struct {
	head
	Name       string                  `json:"name"`
	Type       json.RawMessage         `json:"type"` // one or many, by resource
	Telecom    []r4.ContactPoint       `json:"telecom"`
	DeviceName []struct{ Name string } `json:"deviceName"`
}

type encounter struct {
	head
	Class       *r4.Coding `json:"class"`
	Period      *r4.Period `json:"period"`
	Participant []struct {
		Type       []r4.CodeableConcept `json:"type"`
		Individual *r4.Reference        `json:"individual"`
	} `json:"participant"`
	Location []struct {
		Location *r4.Reference `json:"location"`
	} `json:"location"`
}

type annotation struct {
	Text string `json:"text"`
}

type quantity struct {
	Value      json.Number `json:"value"`
	Comparator string      `json:"comparator"`
	Unit       string      `json:"unit"`
	System     string      `json:"system"`
	Code       string      `json:"code"`
}

type report struct {
	head
	BasedOn            []r4.Reference       `json:"basedOn"`
	Status             string               `json:"status"`
	Category           []r4.CodeableConcept `json:"category"`
	Code               *r4.CodeableConcept  `json:"code"`
	Subject            *r4.Reference        `json:"subject"`
	Encounter          *r4.Reference        `json:"encounter"`
	EffectiveDateTime  string               `json:"effectiveDateTime"`
	EffectivePeriod    *r4.Period           `json:"effectivePeriod"`
	Issued             string               `json:"issued"`
	ResultsInterpreter []r4.Reference       `json:"resultsInterpreter"`
	Specimen           []r4.Reference       `json:"specimen"`
	Result             []r4.Reference       `json:"result"`
	Conclusion         string               `json:"conclusion"`
	ConclusionCode     []r4.CodeableConcept `json:"conclusionCode"`
	PresentedForm      []attachment         `json:"presentedForm"`
}

type attachment struct {
	ContentType string `json:"contentType"`
	Data        string `json:"data"`
	URL         string `json:"url"`
	Title       string `json:"title"`
}

// measured is what an Observation and its components have in common.
type measured struct {
	Code             *r4.CodeableConcept  `json:"code"`
	DataAbsentReason *r4.CodeableConcept  `json:"dataAbsentReason"`
	Interpretation   []r4.CodeableConcept `json:"interpretation"`
	ReferenceRange   []referenceRange     `json:"referenceRange"`

	ValueQuantity        *quantity           `json:"valueQuantity"`
	ValueCodeableConcept *r4.CodeableConcept `json:"valueCodeableConcept"`
	ValueString          *string             `json:"valueString"`
	ValueBoolean         *bool               `json:"valueBoolean"`
	ValueInteger         json.Number         `json:"valueInteger"`
	ValueRange           *rangeOf            `json:"valueRange"`
	ValueRatio           *ratio              `json:"valueRatio"`
	ValueSampledData     json.RawMessage     `json:"valueSampledData"`
	ValueTime            string              `json:"valueTime"`
	ValueDateTime        string              `json:"valueDateTime"`
	ValuePeriod          *r4.Period          `json:"valuePeriod"`
}

type rangeOf struct {
	Low  *quantity `json:"low"`
	High *quantity `json:"high"`
}

type ratio struct {
	Numerator   *quantity `json:"numerator"`
	Denominator *quantity `json:"denominator"`
}

type referenceRange struct {
	Low  *quantity           `json:"low"`
	High *quantity           `json:"high"`
	Type *r4.CodeableConcept `json:"type"`
	Text string              `json:"text"`
}

type observation struct {
	head
	measured
	Status            string              `json:"status"`
	Subject           *r4.Reference       `json:"subject"`
	EffectiveDateTime string              `json:"effectiveDateTime"`
	EffectiveInstant  string              `json:"effectiveInstant"`
	EffectivePeriod   *r4.Period          `json:"effectivePeriod"`
	Issued            string              `json:"issued"`
	Performer         []r4.Reference      `json:"performer"`
	Note              []annotation        `json:"note"`
	Method            *r4.CodeableConcept `json:"method"`
	Specimen          *r4.Reference       `json:"specimen"`
	HasMember         []r4.Reference      `json:"hasMember"`
	Component         []measured          `json:"component"`
}

type specimen struct {
	head
	Type         *r4.CodeableConcept `json:"type"`
	ReceivedTime string              `json:"receivedTime"`
	Collection   *struct {
		DateTime string              `json:"collectedDateTime"`
		Period   *r4.Period          `json:"collectedPeriod"`
		Quantity *quantity           `json:"quantity"`
		BodySite *r4.CodeableConcept `json:"bodySite"`
		Method   *r4.CodeableConcept `json:"method"`
	} `json:"collection"`
}

type serviceRequest struct {
	head
	Status             string               `json:"status"`
	Priority           string               `json:"priority"`
	Category           []r4.CodeableConcept `json:"category"`
	Code               *r4.CodeableConcept  `json:"code"`
	Subject            *r4.Reference        `json:"subject"`
	Encounter          *r4.Reference        `json:"encounter"`
	OccurrenceDateTime string               `json:"occurrenceDateTime"`
	OccurrencePeriod   *r4.Period           `json:"occurrencePeriod"`
	AuthoredOn         string               `json:"authoredOn"`
	Requester          *r4.Reference        `json:"requester"`
	Performer          []r4.Reference       `json:"performer"`
	ReasonCode         []r4.CodeableConcept `json:"reasonCode"`
	ReasonReference    []r4.Reference       `json:"reasonReference"`
	SupportingInfo     []r4.Reference       `json:"supportingInfo"`
	Note               []annotation         `json:"note"`
}

type task struct {
	head
	Status       string              `json:"status"`
	StatusReason *r4.CodeableConcept `json:"statusReason"`
	Focus        *r4.Reference       `json:"focus"`
	For          *r4.Reference       `json:"for"`
	AuthoredOn   string              `json:"authoredOn"`
	LastModified string              `json:"lastModified"`
	Requester    *r4.Reference       `json:"requester"`
	Owner        *r4.Reference       `json:"owner"`
	Note         []annotation        `json:"note"`
}

type condition struct {
	head
	VerificationStatus *r4.CodeableConcept `json:"verificationStatus"`
	Code               *r4.CodeableConcept `json:"code"`
	OnsetDateTime      string              `json:"onsetDateTime"`
	RecordedDate       string              `json:"recordedDate"`
}

type allergy struct {
	head
	Category []string            `json:"category"`
	Code     *r4.CodeableConcept `json:"code"`
	Reaction []struct {
		Manifestation []r4.CodeableConcept `json:"manifestation"`
		Severity      string               `json:"severity"`
	} `json:"reaction"`
}

type appointment struct {
	head
	Status            string               `json:"status"`
	CancelationReason *r4.CodeableConcept  `json:"cancelationReason"`
	ServiceType       []r4.CodeableConcept `json:"serviceType"`
	AppointmentType   *r4.CodeableConcept  `json:"appointmentType"`
	ReasonCode        []r4.CodeableConcept `json:"reasonCode"`
	Description       string               `json:"description"`
	Start             string               `json:"start"`
	End               string               `json:"end"`
	MinutesDuration   json.Number          `json:"minutesDuration"`
	Created           string               `json:"created"`
	Comment           string               `json:"comment"`
	BasedOn           []r4.Reference       `json:"basedOn"`
	Participant       []struct {
		Type  []r4.CodeableConcept `json:"type"`
		Actor *r4.Reference        `json:"actor"`
	} `json:"participant"`
}
