package gateway

import (
	"github.com/prometheus/client_golang/prometheus"

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
		"inner_fs": s.Faults.InnerFS, "doubled_start": s.Faults.DoubledStart, "fragments": s.Faults.Fragments,
	} {
		ch <- prometheus.MustNewConstMetric(c.framing, prometheus.CounterValue, float64(n), kind)
	}
}
