package gateway

import (
	"fmt"
	"path/filepath"

	"cardferry/configs"
	"cardferry/sync/forward"
	"cardferry/sync/upstream/fhirhttp"
	"cardferry/sync/upstream/repository"
)

// RepositoryFile is where a platform keeps its resources.
func RepositoryFile(dataDir string) string { return filepath.Join(dataDir, "repository.db") }

// openUpstream connects the queue to what stands above this machine.
func (g *Gateway) openUpstream() error {
	var up forward.Upstream
	switch u := g.cfg.Upstream; u.Kind {
	case configs.UpstreamNone:
		return nil // everything stays queued
	case configs.UpstreamRepository:
		seal, index, err := g.keys.Sealing("repository")
		if err != nil {
			return fmt.Errorf("keys: %w", err)
		}
		if g.repository, err = repository.Open(RepositoryFile(g.cfg.DataDir), seal, index); err != nil {
			return err
		}
		up = g.repository
	case configs.UpstreamFHIR:
		client, err := fhirhttp.New(fhirhttp.Config{
			URL: u.URL, TokenFile: u.TokenFile, CAFile: u.CAFile, CertFile: u.CertFile, KeyFile: u.KeyFile, Timeout: u.Timeout,
		})
		if err != nil {
			return fmt.Errorf("upstream: %w", err)
		}
		up = client
	}
	g.forwarder = forward.New(g.store, up, g.prepare, forward.Options{
		Workers: g.cfg.Upstream.Workers, Policy: policy, Settled: g.onSettled, Logger: g.log,
	})
	return nil
}
