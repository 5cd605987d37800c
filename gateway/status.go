package gateway

import (
	"time"

	"cardferry/configs"
	"cardferry/gateway/desk"
	"cardferry/sync/queue"
)

// Status is what the daemon says of itself. It holds no patient data.
func (g *Gateway) Status() desk.Status {
	st := g.store.Stat()
	s := desk.Status{
		Product: "cardferry", Version: g.version, Role: string(g.cfg.Role),
		Queue:    desk.Queue{Depth: map[string]int{}, Parked: st.Parked},
		Upstream: g.upstreamStatus(),
	}
	now := time.Now()
	for class, c := range st.Classes {
		s.Queue.Depth[queue.Class(class).String()] = c.Items
		if !c.Oldest.IsZero() {
			s.Queue.OldestAgeSeconds = max(s.Queue.OldestAgeSeconds, int64(now.Sub(c.Oldest)/time.Second))
		}
	}
	for _, c := range st.Conditions {
		severity := desk.SeverityWarning
		if c.Severity == queue.Error {
			severity = desk.SeverityError
		}
		s.Health = append(s.Health, desk.Condition{Code: c.Code, Severity: severity, Since: c.Since})
	}
	s.Health = append(s.Health, g.health.list()...)
	s.Health = append(s.Health, g.deviceHealth()...)
	s.Health = append(s.Health, g.destinationHealth()...)
	return s
}

func (g *Gateway) upstreamStatus() desk.Upstream {
	u := desk.Upstream{Kind: g.cfg.Upstream.Kind, State: desk.UpstreamOff}
	if g.forwarder == nil {
		return u
	}
	st := g.forwarder.State()
	u.LastSuccess, u.Code = st.LastSuccess, st.LastError
	switch {
	case st.Up:
		u.State, u.Code = desk.UpstreamUp, ""
	case st.LastSuccess.IsZero() && st.LastError == "":
		u.State = desk.UpstreamUnknown
	default:
		u.State = desk.UpstreamDown
	}
	return u
}

// alive reports whether the queue still does its work; systemd's watchdog
// restarts the daemon when it does not.
func (g *Gateway) alive() bool {
	for _, c := range g.store.Stat().Conditions {
		if c.Code == queue.ConditionStopped {
			return false
		}
	}
	return true
}

// bounds returns the queue's quota and the free-disk reserve in bytes: what the
// site set, else half of the volume but at most 40 GB, and 5 percent.
func bounds(dir string, q configs.Queue) (quota, reserve int64, err error) {
	size, err := volumeSize(dir)
	if err != nil {
		return 0, 0, err
	}
	quota, reserve = int64(q.Quota), int64(q.Reserve)
	if quota == 0 {
		quota = min(size/2, 40<<30)
	}
	if reserve == 0 {
		reserve = size / 20
	}
	return quota, reserve, nil
}
