package gateway

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Severity says how much a condition matters.
type Severity string

// The severities.
const (
	Warning  Severity = "warning"  // look at it today
	Critical Severity = "critical" // something stands still
)

// Condition is something that is not as it should be. Detail is for hospital
// IT and never holds patient data.
type Condition struct {
	Code     string    `json:"code"`
	Severity Severity  `json:"severity"`
	Since    time.Time `json:"since"`
	Detail   string    `json:"detail,omitempty"`
}

// health is the register of conditions. It is safe for concurrent use.
type health struct {
	mu   sync.Mutex
	seen map[string]Condition
}

// raise notes a condition; one that is already there keeps its time.
func (h *health) raise(code string, severity Severity, detail string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.seen == nil {
		h.seen = map[string]Condition{}
	}
	since := time.Now()
	if c, ok := h.seen[code]; ok {
		since = c.Since
	}
	h.seen[code] = Condition{Code: code, Severity: severity, Since: since, Detail: detail}
}

func (h *health) clear(code string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.seen, code)
}

// list returns the conditions, oldest first.
func (h *health) list() []Condition {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]Condition, 0, len(h.seen))
	for _, c := range h.seen {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Condition) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Code, b.Code))
	})
	return out
}
