package queue

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Severity says how bad a condition is.
type Severity string

// The severities.
const (
	Warning Severity = "warning"
	Error   Severity = "error"
)

// Condition is something about the store a person should know. Text is for
// hospital IT and never holds patient data.
type Condition struct {
	Code     string
	Severity Severity
	Text     string
	Count    int // of files or items, where that says something
	Since    time.Time
}

// The codes of conditions.
const (
	ConditionQuota      = "queue_quota"      // much of the quota is used
	ConditionReserve    = "queue_disk_low"   // free disk below the reserve
	ConditionSuspect    = "queue_suspect"    // the disk failed to store items
	ConditionStopped    = "queue_stopped"    // it did so twice; nothing is accepted
	ConditionAcks       = "queue_acks"       // deliveries cannot be recorded
	ConditionSetAside   = "queue_set_aside"  // damaged files are in quarantine
	ConditionDamaged    = "queue_damaged"    // damaged items were parked
	ConditionUnreadable = "queue_unreadable" // a file cannot be read
)

// health is the store's set of conditions, by code. Safe for concurrent use.
type health struct {
	mu sync.Mutex
	on map[string]Condition
}

func newHealth() *health { return &health{on: map[string]Condition{}} }

func (h *health) set(c Condition, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c.Since = now
	if old, ok := h.on[c.Code]; ok {
		c.Since = old.Since
	}
	h.on[c.Code] = c
}

func (h *health) clear(code string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.on, code)
}

func (h *health) list() []Condition {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]Condition, 0, len(h.on))
	for _, c := range h.on {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b Condition) int { return cmp.Compare(a.Code, b.Code) })
	return list
}
