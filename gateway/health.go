package gateway

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"cardferry/gateway/desk"
)

// health is the register of conditions: what is not as it should be, for as long
// as it is not. Whoever raises one logs the details. It is safe for concurrent
// use.
type health struct {
	mu   sync.Mutex
	seen map[string]desk.Condition
}

// raise notes a condition; one that is already there keeps its time.
func (h *health) raise(code string, severity desk.Severity) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.seen == nil {
		h.seen = map[string]desk.Condition{}
	}
	since := time.Now()
	if c, ok := h.seen[code]; ok {
		since = c.Since
	}
	h.seen[code] = desk.Condition{Code: code, Severity: severity, Since: since}
}

func (h *health) clear(code string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.seen, code)
}

// list returns the conditions, oldest first.
func (h *health) list() []desk.Condition {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]desk.Condition, 0, len(h.seen))
	for _, c := range h.seen {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b desk.Condition) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Code, b.Code))
	})
	return out
}
