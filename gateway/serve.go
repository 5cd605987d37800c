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

	"cardferry/gateway/admin"
	"cardferry/gateway/ingest"
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
	out.start("outbound", func() error { return g.outbound.Run(ctx) })
	if g.forwarder != nil {
		out.start("forward", func() error { return g.forwarder.Run(ctx) })
	}
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
		Destination: g.outbound.Store, Destinations: func() any { return g.outbound.State() },
		Send: g.outbound.Send, MaxMessage: int64(g.cfg.HL7.MaxMessage),
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
