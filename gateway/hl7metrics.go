package gateway

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"cardferry/gateway/intake"
	"cardferry/gateway/outbound"
	"cardferry/hl7/mllp"
)

// mllpCollector reads the HL7 listener's own numbers when Prometheus asks.
type mllpCollector struct {
	stats                func() mllp.Stats
	open, ended, framing *prometheus.Desc
}

func newMLLPCollector(stats func() mllp.Stats) *mllpCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("cardferry_mllp_"+name, help, labels, nil)
	}
	return &mllpCollector{
		stats:   stats,
		open:    desc("connections", "Open HL7 connections."),
		ended:   desc("connections_ended_total", "HL7 connections ended or refused, by cause.", "cause"),
		framing: desc("framing_faults_total", "Framing that was tolerated, by kind; bytes where the kind says so.", "kind"),
	}
}

func (c *mllpCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.open
	ch <- c.ended
	ch <- c.framing
}

func (c *mllpCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.stats()
	ch <- prometheus.MustNewConstMetric(c.open, prometheus.GaugeValue, float64(s.Open))
	for cause, n := range s.Ended {
		ch <- prometheus.MustNewConstMetric(c.ended, prometheus.CounterValue, float64(n), string(cause))
	}
	for kind, n := range map[string]uint64{
		"filler_bytes": s.Faults.FillerBytes, "garbage_bytes": s.Faults.GarbageBytes, "no_cr": s.Faults.NoCR,
		"inner_fs": s.Faults.InnerFS, "inner_vt": s.Faults.InnerVT, "doubled_start": s.Faults.DoubledStart, "fragments": s.Faults.Fragments,
	} {
		ch <- prometheus.MustNewConstMetric(c.framing, prometheus.CounterValue, float64(n), kind)
	}
}

// intakeCollector reads what became of messages.
type intakeCollector struct {
	stats            func() intake.Stats
	messages, events *prometheus.Desc
}

func newIntakeCollector(stats func() intake.Stats) *intakeCollector {
	return &intakeCollector{
		stats:    stats,
		messages: prometheus.NewDesc("cardferry_hl7_messages_total", "HL7 v2 messages by type and acknowledgement.", []string{"type", "ack"}, nil),
		events:   prometheus.NewDesc("cardferry_hl7_events_total", "What became of HL7 v2 messages and what was tolerated in them, by sender.", []string{"sender", "event"}, nil),
	}
}

func (c *intakeCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.messages
	ch <- c.events
}

func (c *intakeCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.stats()
	for _, m := range s.Messages {
		ack := string(m.Code)
		if ack == "" {
			ack = "none"
		}
		ch <- prometheus.MustNewConstMetric(c.messages, prometheus.CounterValue, float64(m.Count), m.Type, ack)
	}
	for sender, events := range s.Events {
		for event, n := range events {
			ch <- prometheus.MustNewConstMetric(c.events, prometheus.CounterValue, float64(n), sender, event.String())
		}
	}
}

// outboundCollector reads the state of the destinations.
type outboundCollector struct {
	state                                             func() []outbound.DestinationState
	up, backlog, age, parked, delivered, failed, late *prometheus.Desc
}

func newOutboundCollector(state func() []outbound.DestinationState) *outboundCollector {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("cardferry_outbound_"+name, help, []string{"destination"}, nil)
	}
	return &outboundCollector{
		state:     state,
		up:        desc("up", "1 when the destination answered the last attempt."),
		backlog:   desc("messages", "Messages that wait, without parked ones."),
		age:       desc("oldest_seconds", "Age of the oldest message that waits."),
		parked:    desc("parked_messages", "Messages that wait for a person."),
		delivered: desc("delivered_total", "Messages the destination accepted."),
		failed:    desc("failed_total", "Attempts that are repeated."),
		late:      desc("ignored_acks_total", "Acknowledgements that were nobody's: late or foreign."),
	}
}

func (c *outboundCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.up, c.backlog, c.age, c.parked, c.delivered, c.failed, c.late} {
		ch <- d
	}
}

func (c *outboundCollector) Collect(ch chan<- prometheus.Metric) {
	for _, d := range c.state() {
		metric := func(desc *prometheus.Desc, kind prometheus.ValueType, v float64) {
			ch <- prometheus.MustNewConstMetric(desc, kind, v, d.Name)
		}
		up, age := 0.0, 0.0
		if d.Up {
			up = 1
		}
		if !d.Oldest.IsZero() {
			age = time.Since(d.Oldest).Seconds()
		}
		metric(c.up, prometheus.GaugeValue, up)
		metric(c.backlog, prometheus.GaugeValue, float64(d.Backlog))
		metric(c.age, prometheus.GaugeValue, age)
		metric(c.parked, prometheus.GaugeValue, float64(d.Parked))
		metric(c.delivered, prometheus.CounterValue, float64(d.Delivered))
		metric(c.failed, prometheus.CounterValue, float64(d.Failed))
		metric(c.late, prometheus.CounterValue, float64(d.Ignored))
	}
}
