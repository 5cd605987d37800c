package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"cardferry/configs"
	"cardferry/gateway/admin"
	"cardferry/gateway/ingest"
	"cardferry/hl7"
	"cardferry/hl7/mllp"
)

// startSources starts everything that takes something in.
func (g *Gateway) startSources(ctx context.Context, in *group) {
	for _, d := range g.drivers {
		in.start("driver "+d.Name(), func() error { g.runDriver(ctx, d); return nil })
	}
	if l := g.listeners["hl7.listen"]; l != nil {
		in.start("hl7", func() error { return g.mllp.Serve(ctx, l) })
	}
	if l := g.listeners["ingest.listen"]; l != nil {
		in.start("ingest", func() error { return serveHTTP(ctx, l, g.ingestHandler()) })
	}
	if l := g.listeners["desk.listen"]; l != nil {
		in.start("desk", func() error { return serveHTTP(ctx, l, g.desk.Handler()) })
	}
	if l := g.listeners["admin.listen"]; l != nil {
		in.start("admin", func() error { return serveHTTP(ctx, l, g.adminHandler()) })
	}
}

// startSinks starts what takes items out of the queue.
func (g *Gateway) startSinks(ctx context.Context, out *group) {
	if g.forwarder != nil {
		out.start("forward", func() error { return g.forwarder.Run(ctx) })
	}
}

// newMLLP makes the HL7 v2 listener. Connections that end for a reason other
// than the sender's own are logged by cause and address, without a byte of what
// was sent.
func (g *Gateway) newMLLP() error {
	if c := g.cfg.HL7.Charset; c != "" && !hl7.KnownCharset(c) {
		return errors.New("hl7.charset: not a known character set; write UTF-8, GB18030, Big5 or 8859/1, for example")
	}
	g.mllp = &mllp.Server{
		Handler: g.onFrame, MaxMessage: int(g.cfg.HL7.MaxMessage),
		Allow: configs.Networks(g.cfg.HL7.Allow), MaxConns: g.cfg.HL7.MaxConnections,
		Rate: float64(g.cfg.HL7.Rate), Idle: g.cfg.HL7.Idle,
		OnEnd: func(peer mllp.Peer, cause mllp.Cause) {
			if cause != mllp.PeerClosed && cause != mllp.Draining {
				g.log.Warn("HL7 connection ended", "peer", peer.String(), "cause", cause)
			}
		},
	}
	if !g.cfg.HL7.TLS.Enabled() {
		return nil
	}
	conf, err := newServerTLS(g.cfg.HL7.TLS, g.log)
	if err != nil {
		return fmt.Errorf("hl7.tls: %w", err)
	}
	g.mllp.TLS = conf
	return nil
}

func (g *Gateway) ingestHandler() http.Handler {
	return ingest.Handler(ingest.Config{
		Store: g.store, Lane: g.keys.Lane, Key: g.keys.ItemID, Repository: g.repository,
		Token: g.ingestToken, Received: g.metrics.status, Gap: g.metrics.gaps.Inc, Logger: g.log,
	})
}

func (g *Gateway) adminHandler() http.Handler {
	return admin.Handler(admin.Config{
		Store: g.store, Registry: g.metrics.registry, Token: g.adminToken, Logger: g.log,
		Alive: g.alive, Status: func() any { return g.Status() },
		Readers: g.readers, Approve: g.approve,
	})
}

// serveHTTP serves until ctx ends and then waits for answers under way.
func serveHTTP(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: nil,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err := srv.Shutdown(grace)
		if errors.Is(err, context.DeadlineExceeded) {
			err = srv.Close()
		}
		stopped <- err
	})
	err := srv.Serve(l)
	if stop() || !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return <-stopped
}

// readSecret reads a secret from a file without its line end; "" names none.
func readSecret(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	s := strings.TrimSpace(string(b))
	if s == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return s, nil
}
