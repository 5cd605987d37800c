package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Readers is what the daemon knows of its readers.
type Readers struct {
	Readers []Reader `json:"readers"`
	// Devices are USB devices that are or could be readers, with what keeps them
	// from working.
	Devices []Device `json:"devices"`
}

// Reader is one reader that was seen since the start.
type Reader struct {
	Name      string    `json:"name"`
	Driver    string    `json:"driver"`
	Kind      string    `json:"kind"`
	Simulated bool      `json:"simulated,omitempty"`
	State     string    `json:"state"`
	Since     time.Time `json:"since,omitzero"`
	// Fault and Detail say what is wrong while State is "fault".
	Fault  string `json:"fault,omitempty"`
	Detail string `json:"detail,omitempty"`
}

// Device is one USB device. ID is its stable name.
type Device struct {
	ID      string `json:"id"`
	Product string `json:"product"`
	Kind    string `json:"kind"`
	State   string `json:"state"`
	Remedy  string `json:"remedy,omitempty"`
}

// Waiting says whether the device waits for a person to approve it.
func (d Device) Waiting() bool { return d.State == "waiting-approval" }

// approval asks to approve a device, or to take that back. The id is in the body:
// it may hold what a device says of itself.
type approval struct {
	ID       string `json:"id"`
	Approved bool   `json:"approved"`
}

func (s *server) approve(r *http.Request) (any, error) {
	var a approval
	if err := json.NewDecoder(r.Body).Decode(&a); err != nil || a.ID == "" {
		return nil, fmt.Errorf("%w: want {\"id\": …, \"approved\": true}", errRequest)
	}
	if a.Approved {
		known := false
		for _, d := range s.Readers().Devices {
			known = known || d.ID == a.ID
		}
		if !known {
			return nil, fmt.Errorf("%w: no such device is plugged in; see: cardferry readers", errRequest)
		}
	}
	return struct{}{}, s.Approve(a.ID, a.Approved)
}
