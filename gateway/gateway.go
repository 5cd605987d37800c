// Package gateway is the application: it wires readers, HL7 v2, the queue and
// the upstream together and owns the life of the daemon.
//
// Data flows one way. Readers and the hospital's systems hand in; everything
// that must reach the platform becomes an item in the queue; the forwarder takes
// items out, makes FHIR of them and delivers. The desk sees reads on their way
// in.
package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"cardferry/configs"
	"cardferry/drivers"
	"cardferry/drivers/usb"
	"cardferry/gateway/desk"
	"cardferry/gateway/intake"
	"cardferry/gateway/keys"
	"cardferry/gateway/outbound"
	"cardferry/hl7/fhir"
	"cardferry/hl7/mllp"
	"cardferry/sync/forward"
	"cardferry/sync/queue"
	"cardferry/sync/upstream/repository"
)

// Gateway is one daemon. New opens it, Run runs it once.
type Gateway struct {
	cfg     *configs.Config
	version string
	log     *slog.Logger
	zone    *time.Location

	keys        *keys.Keys
	store       *queue.Store
	repository  *repository.Repository // only where this machine is the platform
	translator  *fhir.Translator
	forwarder   *forward.Forwarder // nil without an upstream
	desk        *desk.Desk
	mllp        *mllp.Server
	intake      *intake.Intake     // what the listener answers
	outbound    *outbound.Outbound // messages back to the hospital's systems
	drivers     []drivers.Driver
	usb         *usb.Driver // nil where USB is left alone
	approvals   *approvals
	health      health
	metrics     *metrics
	adminToken  string
	ingestToken string

	listeners map[string]net.Listener // by configuration key
	ready     chan struct{}
}

// New opens everything the configuration names: tables, keys, queue, upstream
// and listeners. Nothing is read or accepted before Run. An error says which key
// to change.
func New(cfg *configs.Config, version string, log *slog.Logger) (*Gateway, error) {
	g := &Gateway{
		cfg: cfg, version: version, log: log,
		metrics: newMetrics(), listeners: map[string]net.Listener{}, ready: make(chan struct{}),
	}
	if err := g.open(); err != nil {
		return nil, errors.Join(err, g.close())
	}
	return g, nil
}

func (g *Gateway) open() error {
	var err error
	if g.zone, err = g.cfg.Zone(); err != nil {
		return fmt.Errorf("site.time_zone: %w", err)
	}
	if err := os.MkdirAll(g.cfg.DataDir, 0o700); err != nil {
		return fmt.Errorf("data_dir: %w", err)
	}
	if err := g.openStore(); err != nil {
		return err
	}
	if g.approvals, err = openApprovals(g.cfg.DataDir); err != nil {
		return fmt.Errorf("approved readers in data_dir: %w", err)
	}
	if err := g.openTables(); err != nil {
		return err
	}
	if err := g.openUpstream(); err != nil {
		return err
	}
	if g.adminToken, err = adminToken(g.cfg.DataDir); err != nil {
		return fmt.Errorf("admin token in data_dir: %w", err)
	}
	if g.ingestToken, err = readSecret(g.cfg.Ingest.TokenFile); err != nil {
		return fmt.Errorf("ingest.token_file: %w", err)
	}
	if err := g.openHL7(); err != nil {
		return err
	}
	g.metrics.registry.MustRegister(newQueueCollector(g.store.Stat), newMLLPCollector(g.mllp.Stats),
		newIntakeCollector(g.intake.Stats), newOutboundCollector(g.outbound.State))
	return g.listen()
}

// QueueDir is where the queue of a data directory lives.
func QueueDir(dataDir string) string { return filepath.Join(dataDir, "queue") }

// OpenKeys opens the machine's keys. A queue without its key is an error, never
// a reason to make a new one.
func OpenKeys(dataDir string) (*keys.Keys, error) {
	_, err := os.Stat(QueueDir(dataDir))
	return keys.Open(filepath.Join(dataDir, "keys"), !errors.Is(err, fs.ErrNotExist))
}

func (g *Gateway) openStore() error {
	var err error
	if g.keys, err = OpenKeys(g.cfg.DataDir); err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	g.store, err = openQueue(QueueDir(g.cfg.DataDir), g.cfg, g.keys, g.log)
	return err
}

// OpenStore opens a queue of a configuration without a daemon: that of a destination in
// the hospital, or with "" the one to the platform. It fails with queue.ErrLocked while a
// daemon runs.
func OpenStore(cfg *configs.Config, destination string) (*queue.Store, error) {
	dir := QueueDir(cfg.DataDir)
	if destination != "" {
		if filepath.Base(destination) != destination {
			return nil, errors.New("a destination is named as in hl7.destinations")
		}
		dir = outbound.StoreDir(OutboundDir(cfg.DataDir), destination)
	}
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("no such queue in data_dir: %w", err)
	}
	k, err := OpenKeys(cfg.DataDir)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return openQueue(dir, cfg, k, slog.New(slog.DiscardHandler))
}

func openQueue(dir string, cfg *configs.Config, k *keys.Keys, log *slog.Logger) (*queue.Store, error) {
	quota, reserve, err := bounds(cfg.DataDir, cfg.Queue)
	if err != nil {
		return nil, fmt.Errorf("data_dir: %w", err)
	}
	store, err := queue.Open(dir, queue.Options{
		Keys: k, QuotaBytes: quota, ReserveBytes: reserve, Logger: log,
	})
	if err != nil {
		return nil, fmt.Errorf("open queue: %w", err)
	}
	return store, nil
}

// listen binds every configured address, so that a taken port is told before
// anything starts. The MLLP server does its own TLS.
func (g *Gateway) listen() error {
	bind := func(key, addr string, t configs.TLS) error {
		if addr == "" {
			return nil
		}
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return fmt.Errorf("%s: %w; another program uses the address, or it is not on this machine", key, err)
		}
		if t.Enabled() {
			conf, err := newServerTLS(t, g.log)
			if err != nil {
				return errors.Join(fmt.Errorf("%s: %w", key, err), l.Close())
			}
			l = tls.NewListener(l, conf)
		}
		g.listeners[key] = l
		return nil
	}
	return errors.Join(
		bind("desk.listen", g.cfg.Desk.Listen, configs.TLS{}),
		bind("admin.listen", g.cfg.Admin.Listen, configs.TLS{}),
		bind("hl7.listen", g.cfg.HL7.Listen, configs.TLS{}),
		bind("ingest.listen", g.cfg.Ingest.Listen, g.cfg.Ingest.TLS),
	)
}

// Addr is the bound address of a configuration key such as "hl7.listen"; nil
// when it is not configured.
func (g *Gateway) Addr(key string) net.Addr {
	if l := g.listeners[key]; l != nil {
		return l.Addr()
	}
	return nil
}

// Ready is closed once everything accepts.
func (g *Gateway) Ready() <-chan struct{} { return g.ready }

// close closes what is open, in the order that lets the last writes land.
func (g *Gateway) close() error {
	var errs []error
	for _, l := range g.listeners {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if g.desk != nil {
		g.desk.Close()
	}
	if g.intake != nil {
		errs = append(errs, g.intake.Close())
	}
	if g.outbound != nil {
		errs = append(errs, g.outbound.Close())
	}
	if g.store != nil {
		errs = append(errs, g.store.Close())
	}
	if g.repository != nil {
		errs = append(errs, g.repository.Close())
	}
	return errors.Join(errs...)
}

// Run serves until ctx ends, then takes in nothing more, lets deliveries under
// way finish, closes the queue and returns. What was acknowledged stays queued.
func (g *Gateway) Run(ctx context.Context) error {
	in, stopIn := context.WithCancel(ctx)
	defer stopIn()
	out, stopOut := context.WithCancel(context.WithoutCancel(ctx))
	defer stopOut()

	sources, sinks := &group{stop: stopIn}, &group{stop: stopIn}
	g.startSources(in, sources)
	g.startSinks(out, sinks)
	close(g.ready)
	g.log.Info("ready", "version", g.version, "role", g.cfg.Role)
	notifySystemd(in, g.alive)
	<-in.Done()

	g.log.Info("stopping")
	g.desk.Close()
	errs := []error{sources.wait()}
	stopOut()
	errs = append(errs, sinks.wait(), g.close())
	return errors.Join(errs...)
}
