package queue

import "time"

// Stat is what a store looks like at one moment.
type Stat struct {
	Classes    [3]ClassStat // by Class
	Parked     int          // parked items
	HeldLanes  int          // lanes that wait behind a parked item
	Segments   int          // files
	UsedBytes  int64        // of segments and parked items
	QuotaBytes int64
	HighSeq    uint64 // highest sequence number assigned
	Refused    uint64 // items refused for want of space since Open
	Commits    CommitStat
	Conditions []Condition // by code; empty when all is well
}

// ClassStat is the backlog of one class.
type ClassStat struct {
	Items   int   // stored and neither delivered nor parked
	Bytes   int64 // of these, sealed; an estimate after a restart
	Claimed int   // being delivered
	// Oldest is when the oldest of them was received; zero when there is none, or
	// when all wait on disk behind parked items.
	Oldest time.Time
}

// CommitStat describes the commits since Open.
type CommitStat struct {
	Commits uint64
	Items   uint64
	// MeanItems and MeanTime are moving averages over about the last 16 commits.
	MeanItems float64
	MeanTime  time.Duration
	MaxTime   time.Duration
}

// commitStats belongs to Store.mu.
type commitStats struct{ CommitStat }

func (c *commitStats) add(items int, took time.Duration) {
	c.Commits++
	c.Items += uint64(items)
	c.MaxTime = max(c.MaxTime, took)
	if c.Commits == 1 {
		c.MeanItems, c.MeanTime = float64(items), took
		return
	}
	c.MeanItems += (float64(items) - c.MeanItems) / 16
	c.MeanTime += (took - c.MeanTime) / 16
}

// Stat describes the store; it is cheap.
func (s *Store) Stat() Stat {
	st := Stat{QuotaBytes: s.o.QuotaBytes, Conditions: s.health.list()}
	st.UsedBytes, st.Refused = s.space.read()
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Parked, st.HeldLanes, st.HighSeq, st.Commits = len(s.parked), len(s.sched.held), s.high, s.commits.CommitStat
	for i := range s.sched.classes {
		c := &s.sched.classes[i]
		st.Segments += len(c.segs)
		cs := &st.Classes[i]
		cs.Items, cs.Bytes = c.items, c.bytes
		if e := c.oldest(); e != nil {
			cs.Oldest = e.Received
		}
	}
	for _, lq := range s.sched.lanes {
		if lq.busy {
			for _, e := range lq.q {
				if e.claim && lq == s.sched.lanes[e.Lanes[0]] {
					st.Classes[e.Class].Claimed++
				}
			}
		}
	}
	return st
}
