package queue

import (
	"fmt"
	"sync"
	"time"
)

// The parts of the quota at which something happens, in percent.
const (
	quotaWarn     = 70
	quotaBackfill = 90
	quotaLive     = 95
	quotaExpress  = 98
)

// freeInterval is how old a look at the free disk space may be.
const freeInterval = time.Second

// space watches quota and free disk. Safe for concurrent use.
type space struct {
	dir            string
	quota, reserve int64
	now            func() time.Time
	health         *health

	mu      sync.Mutex
	used    int64
	free    int64
	freeAt  time.Time
	refusal uint64 // how often an item was refused
}

func newSpace(dir string, o Options, h *health) *space {
	return &space{dir: dir, quota: o.QuotaBytes, reserve: o.ReserveBytes, now: o.now, health: h}
}

// add changes the bytes in use.
func (p *space) add(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used += n
	if p.used >= p.quota/100*quotaWarn {
		p.health.set(Condition{
			Code: ConditionQuota, Severity: Warning,
			Text: fmt.Sprintf("the queue uses %d %% of its quota; check the connection upstream", p.used*100/p.quota),
		}, p.now())
	} else {
		p.health.clear(ConditionQuota)
	}
}

// admit returns an error that wraps ErrFull when there is no room for the class.
func (p *space) admit(c Class) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	limit := int64(quotaExpress)
	switch c {
	case Live:
		limit = quotaLive
	case Backfill:
		limit = quotaBackfill
	}
	if p.used >= p.quota/100*limit {
		p.refusal++
		return fmt.Errorf("%w: %d %% of the quota is used, %s is refused; restore the connection upstream or raise the quota",
			ErrFull, p.used*100/p.quota, c)
	}
	if p.reserve <= 0 {
		return nil
	}
	if now := p.now(); now.Sub(p.freeAt) >= freeInterval || p.free < p.reserve {
		free, err := freeBytes(p.dir)
		if err != nil {
			return fmt.Errorf("%w: free disk space cannot be determined: %w", ErrFull, err)
		}
		p.free, p.freeAt = free, now
	}
	if p.free >= p.reserve {
		p.health.clear(ConditionReserve)
		return nil
	}
	p.health.set(Condition{
		Code: ConditionReserve, Severity: Error,
		Text: "free disk space is below the reserve; only express items are accepted until space is freed",
	}, p.now())
	if c == Express {
		return nil
	}
	p.refusal++
	return fmt.Errorf("%w: free disk space is below the reserve, %s is refused; free disk space", ErrFull, c)
}

// refused counts an item that the disk itself had no room for.
func (p *space) refused() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refusal++
}

func (p *space) read() (used int64, refusals uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.used, p.refusal
}
