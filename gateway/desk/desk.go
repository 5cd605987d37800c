// Package desk is what a registration desk's browser and the hospital's own
// pages (HIS) talk to: one log of reader events with a cursor, two ways out of
// it (long-poll and server-sent events), full reads fetched by id from memory,
// and the desk page.
//
// Events never hold patient data: an identifier is masked, a name is not there
// at all. Who needs the whole read fetches it by its id while it lives, at most
// [Config.ReadTTL]; it is held in memory only.
//
// Who may ask: a request passes only with a known Host name (against DNS
// rebinding), an Origin that is absent or listed (on every method) and a
// plausible Sec-Fetch-Site. That keeps web pages out. It does not keep out
// another program of the same user, and an absent Origin is taken for such a
// program: a listener that is not loopback must be guarded by TLS and more. The
// pairing of origins by token is a separate part of the API and not in this
// package yet.
package desk

import (
	"log/slog"
	"net/http"
	"time"

	"cardferry/drivers"
)

// DefaultReadTTL is how long a full read can be fetched when Config.ReadTTL is 0.
const DefaultReadTTL = time.Minute

// Config says how a desk answers. The zero value of every field works.
type Config struct {
	// Name is the desk's name in events, "reg-03". It is not secret.
	Name string
	// Hosts are Host names the desk answers to beside 127.0.0.1, [::1] and
	// localhost, without port; the port of a Host header is not compared.
	Hosts []string
	// Origins are the web origins that may read across origins, in the form a
	// browser sends them: "https://his.example.org", a port only when it is not
	// the scheme's own. The desk page's own origin is always allowed. An entry
	// of any other form is logged by New and allows nothing.
	Origins []string
	// Status is asked on every GET /v1/status and must not block; nil answers
	// the desk's own part only.
	Status func() Status
	// Simulator is nil unless simulated readers are on.
	Simulator Simulator
	// Logger hears of refused requests and simulator use; nil is silence.
	Logger *slog.Logger
	// ReadTTL is how long a full read can be fetched; 0 is DefaultReadTTL.
	ReadTTL time.Duration
}

// Desk is one registration desk. All methods are safe for concurrent use.
type Desk struct {
	name      string
	guard     guard
	status    func() Status
	simulator Simulator
	logger    *slog.Logger
	texts     catalogue
	events    *eventLog
	readers   readerTable
	prompts   prompts
	streams   chan struct{} // one token for each waiting long-poll or stream
	closed    chan struct{}
	handler   http.Handler
}

// New returns a desk that has seen no reader yet. Close it to end the requests
// that wait for events.
func New(c Config) *Desk {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.ReadTTL <= 0 {
		c.ReadTTL = DefaultReadTTL
	}
	d := &Desk{
		name:      c.Name,
		guard:     newGuard(c.Hosts, c.Origins, c.Logger),
		status:    c.Status,
		simulator: c.Simulator,
		logger:    c.Logger,
		texts:     embeddedTexts(),
		events:    newEventLog(c.ReadTTL, time.Now()),
		streams:   make(chan struct{}, maxStreams),
		closed:    make(chan struct{}),
	}
	d.handler = d.newHandler()
	return d
}

// Publish takes over an event from a driver. It does not block beyond a short
// lock. The desk keeps e.Read for the time a read lives: the caller must not
// change it afterwards. An event that lacks what its type calls for is logged
// and dropped; after Close all are.
func (d *Desk) Publish(e drivers.Event) {
	event, read := newEvent(d.name, e)
	if event.Type == "" || (e.Type == drivers.Completed && read == nil) || (e.Type == drivers.Faulted && event.Fault == nil) {
		d.logger.Error("incomplete reader event dropped", "type", string(e.Type), "driver", e.Reader.Driver)
		return
	}
	d.readers.apply(event, e.Reader)
	d.events.add(event, read)
}

// Handler returns the desk page and the API. The caller runs it on a loopback
// listener, or behind TLS; the server's WriteTimeout must be 0, because answers
// that wait set their own deadlines.
func (d *Desk) Handler() http.Handler { return d.handler }

// Readers returns the state of every reader seen, by name.
func (d *Desk) Readers() []ReaderState { return d.readers.list() }

// Close ends long-polls and streams, forgets all reads and drops later events.
// It may be called more than once. Requests that do not wait are still
// answered.
func (d *Desk) Close() {
	if d.events.close() {
		close(d.closed)
	}
}
