package desk

import "time"

// Status is what GET /v1/status tells of the gateway. It holds no patient data
// and no names of senders.
type Status struct {
	Product string `json:"product"`
	Version string `json:"version"`
	// Role is what this machine is: "all", "desk" or "hub".
	Role     string      `json:"role"`
	Queue    Queue       `json:"queue"`
	Upstream Upstream    `json:"upstream"`
	Health   []Condition `json:"health"`
}

// Queue is how much waits to be delivered.
type Queue struct {
	// Depth is the number of items waiting, by class: "express", "live",
	// "backfill".
	Depth map[string]int `json:"depth"`
	// Parked is the number of items that the upstream refused and a person has
	// to look at.
	Parked int `json:"parked"`
	// OldestAgeSeconds is how long the oldest waiting item has waited.
	OldestAgeSeconds int64 `json:"oldest_age_seconds"`
}

// Upstream is the link to the platform above.
type Upstream struct {
	Kind  string        `json:"kind"` // as configured: "fhir", "repository", "none"
	State UpstreamState `json:"state"`
	// LastSuccess is when something was last delivered; zero when nothing was.
	LastSuccess time.Time `json:"last_success,omitzero"`
	// Code is a stable name for the reason while State is UpstreamDown.
	Code string `json:"code,omitempty"`
}

// UpstreamState says whether the upstream can be reached.
type UpstreamState string

// The states of the upstream.
const (
	UpstreamUp      UpstreamState = "up"
	UpstreamDown    UpstreamState = "down"
	UpstreamUnknown UpstreamState = "unknown" // nothing was sent yet
	UpstreamOff     UpstreamState = "off"     // none is configured
)

// Condition is something that is wrong with the gateway and for how long.
type Condition struct {
	Code     string    `json:"code"`
	Severity Severity  `json:"severity"`
	Since    time.Time `json:"since,omitzero"`
}

// Severity says how bad a condition is.
type Severity string

// The severities of a condition.
const (
	SeverityInfo    Severity = "info"
	SeverityWarning Severity = "warning"
	SeverityError   Severity = "error"
)

// statusAnswer is the gateway's status with the desk's own part.
type statusAnswer struct {
	Status
	Desk string    `json:"desk,omitempty"`
	Time time.Time `json:"time"`
	// APILevels are the levels of this API that are served, Current the newest.
	APILevels []int `json:"api_levels"`
	Current   int   `json:"current"`
	// Simulator says that simulated readers are on.
	Simulator bool `json:"simulator"`
}

// apiLevel changes when a client has to change.
const apiLevel = 1

func (d *Desk) statusNow() statusAnswer {
	answer := statusAnswer{
		Status:    Status{Product: "cardferry", Upstream: Upstream{State: UpstreamUnknown}},
		Desk:      d.name,
		Time:      time.Now(),
		APILevels: []int{apiLevel},
		Current:   apiLevel,
		Simulator: d.simulator != nil,
	}
	if d.status != nil {
		answer.Status = d.status()
	}
	if answer.Queue.Depth == nil {
		answer.Queue.Depth = map[string]int{}
	}
	if answer.Health == nil {
		answer.Health = []Condition{}
	}
	return answer
}
