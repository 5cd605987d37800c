package gateway

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"cardferry/drivers"
	"cardferry/sync/queue"
)

// metrics is what the daemon tells Prometheus. No label ever holds a patient or a card:
// readers, senders and destinations appear by their configured names, messages by type.
type metrics struct {
	registry *prometheus.Registry
	reads    *prometheus.CounterVec
	faults   *prometheus.CounterVec
	readers  *prometheus.GaugeVec
	received *prometheus.CounterVec
	gaps     prometheus.Counter
}

func newMetrics() *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cardferry_" + name, Help: help}, labels)
	}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		reads:    counter("reads_total", "Reads by medium, assurance and whether something was missing.", "medium", "assurance", "partial"),
		faults:   counter("reader_faults_total", "Reader faults.", "reader", "code"),
		readers: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "cardferry_reader_attached", Help: "1 while the reader can be used."}, []string{"reader"}),
		received: counter("ingest_requests_total", "Requests of other tiers by HTTP status.", "status"),
		gaps: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cardferry_ingest_gaps_total", Help: "Notices that a sender left items out."}),
	}
	m.registry.MustRegister(m.reads, m.faults, m.readers, m.received, m.gaps,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) event(e drivers.Event) {
	switch e.Type {
	case drivers.Attached:
		m.readers.WithLabelValues(e.Reader.Name).Set(1)
	case drivers.Detached:
		m.readers.WithLabelValues(e.Reader.Name).Set(0)
	case drivers.Completed:
		m.reads.WithLabelValues(e.Read.Medium, string(e.Read.Assurance), strconv.FormatBool(e.Read.Partial)).Inc()
	case drivers.Faulted:
		m.faults.WithLabelValues(e.Reader.Name, string(e.Fault.Code)).Inc()
	}
}

func (m *metrics) status(code int) { m.received.WithLabelValues(strconv.Itoa(code)).Inc() }

// queueCollector reads the store's own numbers when Prometheus asks.
type queueCollector struct {
	stat     func() queue.Stat
	depth    *prometheus.Desc
	bytes    *prometheus.Desc
	age      *prometheus.Desc
	parked   *prometheus.Desc
	disk     *prometheus.Desc
	commits  *prometheus.Desc
	perItem  *prometheus.Desc
	segments *prometheus.Desc
	refused  *prometheus.Desc
}

func newQueueCollector(stat func() queue.Stat) *queueCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("cardferry_queue_"+name, help, labels, nil)
	}
	return &queueCollector{
		stat:     stat,
		depth:    desc("items", "Items not yet delivered.", "class"),
		bytes:    desc("bytes", "Bytes of items not yet delivered.", "class"),
		age:      desc("oldest_seconds", "Age of the oldest item not yet delivered.", "class"),
		parked:   desc("parked_items", "Items that wait for a person."),
		disk:     desc("disk_bytes", "Bytes of the queue's files."),
		commits:  desc("commits_total", "Commits to disk."),
		perItem:  desc("committed_items_total", "Items committed to disk."),
		segments: desc("segments", "Segment files."),
		refused:  desc("refused_total", "Items refused for want of space."),
	}
}

func (c *queueCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.depth, c.bytes, c.age, c.parked, c.disk, c.commits, c.perItem, c.segments, c.refused} {
		ch <- d
	}
}

func (c *queueCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.stat()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for class, st := range s.Classes {
		name := queue.Class(class).String()
		gauge(c.depth, float64(st.Items), name)
		gauge(c.bytes, float64(st.Bytes), name)
		age := 0.0
		if !st.Oldest.IsZero() {
			age = time.Since(st.Oldest).Seconds()
		}
		gauge(c.age, age, name)
	}
	gauge(c.parked, float64(s.Parked))
	gauge(c.disk, float64(s.UsedBytes))
	gauge(c.segments, float64(s.Segments))
	counter := func(d *prometheus.Desc, v uint64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v))
	}
	counter(c.commits, s.Commits.Commits)
	counter(c.perItem, s.Commits.Items)
	counter(c.refused, s.Refused)
}
