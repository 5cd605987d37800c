package queue

import (
	"errors"
	"os"
	"slices"
	"sync"
)

// keepJob is work on files that senders need not wait for.
type keepJob struct {
	finish  *segment // write its footer, close it for writing
	prepare bool     // make the class's next segment
	class   Class
}

// keeper finishes full segments and prepares next ones until s.keep is closed.
func (s *Store) keeper() {
	for job := range s.keep {
		if job.finish != nil {
			s.finishSegment(job.finish)
		}
		if job.prepare && !s.hasPrepared(job.class) {
			g, err := prepareSegment(s.dir, job.class, s.o.Keys, s.codec, s.o.SegmentBytes)
			if err != nil {
				// The committer makes one itself and reports what stands in the way.
				s.o.Logger.Warn("queue: cannot prepare the next segment", "class", job.class.String(), "error", err)
				continue
			}
			s.mu.Lock()
			s.prepared[job.class] = g
			s.mu.Unlock()
		}
	}
}

func (s *Store) hasPrepared(c Class) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.prepared[c] != nil
}

func (s *Store) takePrepared(c Class) *segment {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.prepared[c]
	s.prepared[c] = nil
	return g
}

// finishSegment seals a segment that takes no more items.
func (s *Store) finishSegment(g *segment) {
	s.mu.Lock()
	g.lanes.close()
	foot := g.footer()
	s.mu.Unlock()
	err := g.finish(encodeFooter(foot))
	if err != nil {
		// Without a footer the next start reads the segment once.
		s.o.Logger.Warn("queue: segment closed without footer", "segment", g.name, "error", err)
	}
	s.mu.Lock()
	g.sealed = true
	if g.pending() == 0 {
		g.dirty = true
	}
	s.mu.Unlock()
	poke(s.ackWake)
}

// maxOpenSegments bounds how many sealed segments are open for reading.
const maxOpenSegments = 16

// handles closes sealed segments again that were opened for reading, oldest
// first. Safe for concurrent use.
type handles struct {
	mu   sync.Mutex
	open []*segment
}

func (h *handles) opened(g *segment) {
	h.mu.Lock()
	h.open = append(slices.DeleteFunc(h.open, func(x *segment) bool { return x == g }), g)
	var old *segment
	if len(h.open) > maxOpenSegments {
		old = h.open[0]
		h.open = h.open[1:]
	}
	h.mu.Unlock()
	if old != nil {
		_ = old.close() // read only
	}
}

func (h *handles) closeAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, g := range h.open {
		_ = g.close() // read only
	}
	h.open = nil
}

// lose sets a damaged segment aside; what it held is delivered only after salvage.
func (s *Store) lose(g *segment, cause error) {
	s.mu.Lock()
	if g.lost {
		s.mu.Unlock()
		return
	}
	s.sched.forget(g)
	g.lost = true
	n := g.pending()
	s.mu.Unlock()
	s.space.add(-g.size)
	err := g.setAside(s.quarantine)
	s.o.Logger.Error("queue: damaged segment set aside; run the salvage command", "segment", g.name,
		"items", n, "cause", cause, "error", err)
	s.noteQuarantine()
	poke(s.loaderWake)
}

// noteQuarantine keeps the condition up as long as there are files set aside.
func (s *Store) noteQuarantine() {
	names, err := os.ReadDir(s.quarantine)
	if errors.Is(err, os.ErrNotExist) || len(names) == 0 {
		s.health.clear(ConditionSetAside)
		return
	}
	s.health.set(Condition{
		Code: ConditionSetAside, Severity: Error, Count: len(names),
		Text: "damaged queue files were set aside; salvage them, then delete them",
	}, s.o.now())
}
