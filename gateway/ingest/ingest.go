// Package ingest is the receiving end between tiers: POST /fhir takes a
// transaction Bundle with an idempotency key and answers only after it is
// durable in the queue. Where this machine is the platform itself, the stored
// resources can be read back.
package ingest

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"cardferry/hl7/fhir"
	"cardferry/hl7/fhir/r4"
	"cardferry/sync/queue"
	"cardferry/sync/upstream/fhirhttp"
	"cardferry/sync/upstream/repository"
)

// HeaderReceipt tells a sender the sequence number its item got here.
const HeaderReceipt = "Cardferry-Receipt"

// Config is what the receiving end needs.
type Config struct {
	Store *queue.Store
	// Lane makes an ordering key of names; Key an idempotency key. Both keyed.
	Lane, Key func(parts ...string) string
	// Repository is set where this machine is the platform.
	Repository *repository.Repository
	// Token must be shown as a bearer token; empty asks for none, and then
	// nothing can be read back.
	Token string
	// Received counts answers by HTTP status.
	Received func(status int)
	// Gap counts notices of missing items.
	Gap    func()
	Logger *slog.Logger
}

type server struct {
	Config
	started time.Time
}

// Handler serves the FHIR base path /fhir.
func Handler(c Config) http.Handler {
	s := &server{Config: c, started: time.Now()}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /fhir", s.receive)
	mux.HandleFunc("POST /fhir/{$}", s.receive)
	mux.HandleFunc("GET /fhir/metadata", s.metadata)
	mux.HandleFunc("GET /fhir/{type}", s.count)
	mux.HandleFunc("POST /fhir/{type}/_search", s.search)
	mux.HandleFunc("GET /fhir/{type}/{id}", s.read)
	mux.HandleFunc("GET /fhir/{type}/{id}/_history/{version}", s.read)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, http.StatusNotFound, "not-supported", "this server takes POST /fhir and reads by id or identifier")
	})
	return s.guard(mux)
}

// guard refuses browsers and strangers before anything is read.
func (s *server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != "" {
			s.fail(w, http.StatusForbidden, "forbidden", "this address is for systems, not for web pages")
			return
		}
		if s.Token != "" {
			given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			if !ok || subtle.ConstantTimeCompare([]byte(given), []byte(s.Token)) != 1 {
				w.Header().Set("WWW-Authenticate", "Bearer")
				s.fail(w, http.StatusUnauthorized, "login", "show the bearer token of ingest.token_file")
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

func (s *server) receive(w http.ResponseWriter, r *http.Request) {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || (t != "application/fhir+json" && t != "application/json") {
		s.fail(w, http.StatusUnsupportedMediaType, "not-supported", "send application/fhir+json")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, queue.MaxPayloadBytes))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			s.fail(w, http.StatusRequestEntityTooLarge, "too-long", "a Bundle may have "+strconv.Itoa(queue.MaxPayloadBytes>>20)+" MB")
		} else {
			s.fail(w, http.StatusBadRequest, "incomplete", "the body ended early")
		}
		return
	}
	if issue := check(body); issue != "" {
		s.fail(w, http.StatusUnprocessableEntity, "invalid", issue)
		return
	}
	it, err := s.item(r, body)
	if err != nil {
		s.fail(w, http.StatusBadRequest, "value", err.Error())
		return
	}
	receipt, err := s.Store.Enqueue(r.Context(), it)
	switch {
	case err == nil:
		for _, gap := range r.Header.Values(fhirhttp.HeaderGap) {
			s.gap(gap)
		}
		s.accept(w, receipt)
	case errors.Is(err, queue.ErrInvalid):
		s.fail(w, http.StatusBadRequest, "value", err.Error())
	case errors.Is(err, queue.ErrFull):
		w.Header().Set("Retry-After", "60")
		s.fail(w, http.StatusServiceUnavailable, "no-store", "the queue is full; nothing was accepted")
	default:
		s.Logger.Error("item from another tier not stored", "error", err)
		w.Header().Set("Retry-After", "5")
		s.fail(w, http.StatusServiceUnavailable, "no-store", "the item could not be made durable; send it again")
	}
}

// gap takes a sender's notice that items of a lane are missing because it parked
// or dropped them. Whoever runs the platform must hear of it.
func (s *server) gap(notice string) {
	s.Gap()
	s.Logger.Warn("a sender left out items it could not deliver", "notice", notice[:min(len(notice), 200)])
}

// check returns what is wrong with a Bundle, in positions, or "".
func check(body []byte) string {
	if issues := fhir.ValidateBundle(body); len(issues) > 0 {
		return issues[0].String()
	}
	return ""
}

// item makes a queue item of a request. The sender's keys are kept: they are
// what makes an item the same item on every tier.
func (s *server) item(r *http.Request, body []byte) (queue.Item, error) {
	it := queue.Item{
		ID: r.Header.Get(fhirhttp.HeaderKey), Class: queue.Live, Kind: queue.KindFHIRBundle,
		Source: "ingest", Received: time.Now(), Payload: body,
	}
	if it.ID == "" {
		it.ID = s.Key("fhir", string(body))
	}
	switch class := r.Header.Get(fhirhttp.HeaderClass); class {
	case "", queue.Live.String():
	case queue.Express.String():
		it.Class = queue.Express
	case queue.Backfill.String():
		it.Class = queue.Backfill
	default:
		return it, errors.New(fhirhttp.HeaderClass + " is express, live or backfill")
	}
	for lane := range strings.SplitSeq(r.Header.Get(fhirhttp.HeaderLane), ",") {
		if lane = strings.TrimSpace(lane); lane != "" {
			it.Lanes = append(it.Lanes, queue.Lane(lane))
		}
	}
	if len(it.Lanes) == 0 {
		it.Lanes = []queue.Lane{queue.Lane(s.Lane("ingest"))} // unknown order: keep the order of arrival
	}
	return it, nil
}

func (s *server) accept(w http.ResponseWriter, receipt queue.Receipt) {
	status, text := http.StatusAccepted, "durable in the queue"
	if receipt.Duplicate {
		status, text = http.StatusOK, "this key was accepted before; nothing was added"
	}
	w.Header().Set(HeaderReceipt, strconv.FormatUint(receipt.Seq, 10))
	s.write(w, status, r4.NewOutcome("information", "informational", text))
}

func (s *server) fail(w http.ResponseWriter, status int, code, text string) {
	s.write(w, status, r4.NewOutcome("error", code, text))
}

func (s *server) write(w http.ResponseWriter, status int, resource any) {
	s.Received(status)
	b, err := json.Marshal(resource)
	if err != nil {
		status, b = http.StatusInternalServerError, nil
	}
	s.send(w, status, b)
}

func (s *server) send(w http.ResponseWriter, status int, b []byte) {
	w.Header().Set("Content-Type", "application/fhir+json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b) // the client is gone when this fails
}
