// Package admin is the listener for hospital IT: liveness, readiness and metrics
// for anybody on the machine, and operations on queue and readers for whoever may
// read the admin token in the data directory. Nothing here tells what an item
// holds.
package admin

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"cardferry/sync/queue"
)

// Config is what the listener shows.
type Config struct {
	Store    *queue.Store
	Registry *prometheus.Registry
	Token    string
	Logger   *slog.Logger
	// Alive reports whether the daemon still does its work.
	Alive func() bool
	// Status is what /v1/status answers, as JSON.
	Status func() any
	// Destination is the queue back to one of the hospital's systems; Destinations is what
	// /v1/hl7/destinations answers, as JSON; Send queues one message durably.
	Destination  func(name string) (*queue.Store, bool)
	Destinations func() any
	Send         func(ctx context.Context, destination string, msg []byte) (id string, err error)
	// MaxMessage bounds such a message, bytes.
	MaxMessage int64
	// Readers lists the readers; Approve keeps a decision about a USB device.
	Readers func() Readers
	Approve func(id string, approved bool) error
}

// The paths of the operations, for [Client].
const (
	pathStatus  = "/v1/status"
	pathStat    = "/v1/queue"
	pathItems   = "/v1/queue/items"
	pathParked  = "/v1/queue/parked"
	pathReaders = "/v1/readers"
	pathApprove = "/v1/readers/approval"
	pathDests   = "/v1/hl7/destinations"
)

// maxBody bounds a request body, bytes.
const maxBody = 4 << 10

// Handler serves the listener.
func Handler(c Config) http.Handler {
	s := &server{c}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", s.livez)
	mux.HandleFunc("GET /readyz", s.livez)
	mux.Handle("GET /metrics", promhttp.HandlerFor(c.Registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET "+pathStatus, s.operator(func(*http.Request) (any, error) { return c.Status(), nil }))
	mux.HandleFunc("GET "+pathReaders, s.operator(func(*http.Request) (any, error) { return c.Readers(), nil }))
	mux.HandleFunc("POST "+pathApprove, s.operator(s.approve))
	mux.HandleFunc("GET "+pathDests, s.operator(func(*http.Request) (any, error) { return c.Destinations(), nil }))
	mux.HandleFunc("POST "+pathDests+"/{name}/messages", s.operatorOf(c.MaxMessage, s.send))
	mux.HandleFunc("GET "+pathStat, s.queue(func(o operations, _ *http.Request) (any, error) { return o.stat(), nil }))
	mux.HandleFunc("GET "+pathItems, s.queue(operations.items))
	mux.HandleFunc("GET "+pathItems+"/{seq}", s.queue(operations.item))
	mux.HandleFunc("GET "+pathParked, s.queue(func(o operations, _ *http.Request) (any, error) { return o.parked() }))
	mux.HandleFunc("POST "+pathParked+"/{seq}/retry", s.queue(operations.retry))
	mux.HandleFunc("POST "+pathParked+"/{seq}/drop", s.queue(operations.drop))
	return s.guard(mux)
}

type server struct{ Config }

// guard keeps web pages out: only this machine's own names are answered, and no
// request that a page could have made.
func (s *server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		ip := net.ParseIP(strings.Trim(host, "[]"))
		if host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "this listener answers on loopback only", http.StatusForbidden)
			return
		}
		if r.Header.Get("Origin") != "" || (r.Method != http.MethodGet && r.Header.Get("Sec-Fetch-Site") != "") {
			http.Error(w, "this listener is not for web pages", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *server) livez(w http.ResponseWriter, _ *http.Request) {
	if !s.Alive() {
		http.Error(w, "the queue accepts nothing; see the log and restart", http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}

// operator runs f for whoever shows the admin token.
func (s *server) operator(f func(*http.Request) (any, error)) http.HandlerFunc {
	return s.operatorOf(maxBody, f)
}

// operatorOf is operator with a limit of its own for the request body, bytes.
func (s *server) operatorOf(limit int64, f func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		given, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if subtle.ConstantTimeCompare([]byte(given), []byte(s.Token)) != 1 {
			http.Error(w, "show the token in admin.token of the data directory", http.StatusUnauthorized)
			return
		}
		if r.Method != http.MethodGet {
			s.Logger.Info("operation", "path", r.URL.Path)
		}
		answer, err := f(r)
		var tooLarge *http.MaxBytesError
		switch {
		case errors.As(err, &tooLarge):
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		case errors.Is(err, queue.ErrNotFound):
			http.Error(w, err.Error(), http.StatusNotFound)
		case errors.Is(err, errRequest):
			http.Error(w, err.Error(), http.StatusBadRequest)
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		default:
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			_ = json.NewEncoder(w).Encode(answer) // the client is gone when this fails
		}
	}
}

// queue runs f on the queue that the request names: that of a destination, or the one to
// the platform.
func (s *server) queue(f func(operations, *http.Request) (any, error)) http.HandlerFunc {
	return s.operator(func(r *http.Request) (any, error) {
		name := r.URL.Query().Get("destination")
		if name == "" {
			return f(operations{s.Store}, r)
		}
		store, ok := s.Destination(name)
		if !ok {
			return nil, errDestination
		}
		return f(operations{store}, r)
	})
}

// errDestination wraps [queue.ErrNotFound]: the request names nothing there is.
var errDestination = fmt.Errorf("%w: no such destination; see: cardferry hl7 destinations", queue.ErrNotFound)

var errRequest = errors.New("bad request")

func number(s, name string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, errors.Join(errRequest, errors.New(name+" is a number"))
	}
	return n, nil
}
