package ingest

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"cardferry/sync/queue"
	"cardferry/sync/upstream"
	"cardferry/sync/upstream/repository"
)

// plainKeys wraps nothing: the store under test holds synthetic data only.
type plainKeys struct{}

func (plainKeys) Wrap(dek []byte) ([]byte, error)       { return bytes.Clone(dek), nil }
func (plainKeys) Unwrap(wrapped []byte) ([]byte, error) { return bytes.Clone(wrapped), nil }

type fixture struct {
	store      *queue.Store
	repository *repository.Repository
	server     *httptest.Server
	statuses   []int
	gaps       int
}

func start(t *testing.T, token string, platform bool) *fixture {
	t.Helper()
	store, err := queue.Open(filepath.Join(t.TempDir(), "queue"), queue.Options{Keys: plainKeys{}})
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{store: store}
	if platform {
		block, err := aes.NewCipher(make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		seal, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			t.Fatal(err)
		}
		if f.repository, err = repository.Open(filepath.Join(t.TempDir(), "r.db"), seal, []byte("k")); err != nil {
			t.Fatal(err)
		}
	}
	hash := func(parts ...string) string { return hex.EncodeToString([]byte(strings.Join(parts, "/")))[:8] }
	f.server = httptest.NewServer(Handler(Config{
		Store: store, Lane: hash, Key: hash, Repository: f.repository, Token: token,
		Received: func(s int) { f.statuses = append(f.statuses, s) }, Gap: func() { f.gaps++ },
		Logger: slog.New(slog.DiscardHandler),
	}))
	t.Cleanup(func() {
		f.server.Close()
		if f.repository != nil {
			_ = f.repository.Close()
		}
		_ = store.Close()
	})
	return f
}

const valid = `{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:0b5fb7a2-5b4e-5d51-8a3b-0d3c4ba0a6d1","resource":{"resourceType":"Patient","id":"p1"},"request":{"method":"PUT","url":"Patient/p1"}}]}`

func (f *fixture) do(t *testing.T, method, path, body string, header ...string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequest(method, f.server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := f.server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

func TestABundleIsAcceptedOnceWithItsSendersKeys(t *testing.T) {
	f := start(t, "", false)
	header := []string{"Content-Type", "application/fhir+json", "Idempotency-Key", "k-1", "Cardferry-Lane", "aa,bb", "Cardferry-Class", "express",
		"Cardferry-Gap", "lane=aa;count=1;first=3;last=3"}
	status, body, h := f.do(t, "POST", "/fhir", valid, header...)
	if status != http.StatusAccepted || !strings.Contains(body, "durable") || h.Get(HeaderReceipt) == "" {
		t.Fatalf("%d %s", status, body)
	}
	if status, _, _ = f.do(t, "POST", "/fhir/", valid, header...); status != http.StatusOK {
		t.Errorf("the repeat got %d", status)
	}
	items, err := f.store.List(queue.Filter{})
	if err != nil || len(items) != 1 {
		t.Fatalf("%d items, %v", len(items), err)
	}
	it := items[0]
	if it.ID != "k-1" || it.Class != queue.Express || fmt.Sprint(it.Lanes) != "[aa bb]" || it.Kind != queue.KindFHIRBundle {
		t.Errorf("stored as %+v", it)
	}
	if f.gaps != 2 {
		t.Errorf("%d gap notices counted", f.gaps)
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	f := start(t, "", false)
	json := []string{"Content-Type", "application/fhir+json"}
	tests := []struct {
		name, method, path, body string
		header                   []string
		status                   int
		says                     string
	}{
		{"not FHIR", "POST", "/fhir", valid, []string{"Content-Type", "text/plain"}, 415, "application/fhir+json"},
		{"not JSON", "POST", "/fhir", "{", json, 422, "invalid"},
		{"not a Bundle", "POST", "/fhir", `{"resourceType":"Patient"}`, json, 422, "invalid"},
		{"unknown element", "POST", "/fhir", strings.Replace(valid, `"id":"p1"`, `"id":"p1","colour":"red"`, 1), json, 422, "Patient"},
		{"unknown class", "POST", "/fhir", valid, append(json[:2:2], "Cardferry-Class", "urgent"), 400, "express, live or backfill"},
		{"key with blanks", "POST", "/fhir", valid, append(json[:2:2], "Idempotency-Key", "a b"), 400, "printable"},
		{"a web page", "POST", "/fhir", valid, append(json[:2:2], "Origin", "https://evil.example"), 403, "web pages"},
		{"a navigation", "GET", "/fhir/metadata", "", []string{"Sec-Fetch-Site", "none"}, 403, "web pages"},
		{"reading where nothing is kept", "GET", "/fhir/Patient/p1", "", nil, 404, "keeps none"},
		{"another path", "GET", "/other", "", nil, 404, "POST /fhir"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, body, _ := f.do(t, tt.method, tt.path, tt.body, tt.header...)
			if status != tt.status || !strings.Contains(body, tt.says) || !strings.Contains(body, "OperationOutcome") {
				t.Errorf("got %d %s, want %d with %q", status, body, tt.status, tt.says)
			}
		})
	}
	if items, _ := f.store.List(queue.Filter{}); len(items) != 0 {
		t.Errorf("%d items were stored", len(items))
	}
}

func TestABundleLargerThanTheQueueTakes(t *testing.T) {
	f := start(t, "", false)
	status, body, _ := f.do(t, "POST", "/fhir", `{"resourceType":"Bundle","x":"`+strings.Repeat("x", queue.MaxPayloadBytes)+`"}`, "Content-Type", "application/json")
	if status != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %s", status, body)
	}
}

func TestReadingNeedsTheToken(t *testing.T) {
	f := start(t, "sesame", true)
	req := upstream.Request{Key: "k", Body: []byte(strings.Replace(valid, `"id":"p1"`, `"id":"p1","identifier":[{"system":"urn:s","value":"7"}]`, 1))}
	if err := f.repository.Deliver(context.Background(), req); err != nil {
		t.Fatal(err)
	}
	bearer := []string{"Authorization", "Bearer sesame"}
	tests := []struct {
		name, path string
		header     []string
		status     int
		says       string
	}{
		{"no token", "/fhir/Patient/p1", nil, 401, "token"},
		{"wrong token", "/fhir/Patient/p1", []string{"Authorization", "Bearer open"}, 401, "token"},
		{"by id", "/fhir/Patient/p1", bearer, 200, `"versionId":"1"`},
		{"a version", "/fhir/Patient/p1/_history/1", bearer, 200, `"id":"p1"`},
		{"no such version", "/fhir/Patient/p1/_history/2", bearer, 404, "no such"},
		{"not a version", "/fhir/Patient/p1/_history/x", bearer, 400, "number"},
		{"unknown", "/fhir/Patient/p2", bearer, 404, "no such"},
		{"counted", "/fhir/Patient?_summary=count", bearer, 200, `"total":1`},
		{"an identifier in the URL", "/fhir/Patient?identifier=urn:s%7C7", bearer, 400, "POST Type/_search"},
		{"capabilities", "/fhir/metadata", bearer, 200, "CapabilityStatement"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, body, h := f.do(t, "GET", tt.path, "", tt.header...)
			if status != tt.status || !strings.Contains(body, tt.says) {
				t.Errorf("got %d %s, want %d with %q", status, body, tt.status, tt.says)
			}
			if h.Get("Cache-Control") != "no-store" {
				t.Error("the answer may be cached")
			}
		})
	}
}

func TestSearchKeepsIdentifiersOutOfTheURL(t *testing.T) {
	f := start(t, "sesame", true)
	req := upstream.Request{Key: "k", Body: []byte(strings.Replace(valid, `"id":"p1"`, `"id":"p1","identifier":[{"system":"urn:s","value":"7"}]`, 1))}
	if err := f.repository.Deliver(context.Background(), req); err != nil {
		t.Fatal(err)
	}
	header := []string{"Authorization", "Bearer sesame", "Content-Type", "application/x-www-form-urlencoded"}
	for _, tt := range []struct {
		name, path, form string
		status           int
		says             string
	}{
		{"found", "/fhir/Patient/_search", "identifier=urn%3As%7C7", 200, `"total":1`},
		{"nobody", "/fhir/Patient/_search", "identifier=urn%3As%7C8", 200, `"total":0`},
		{"another parameter", "/fhir/Patient/_search", "name=x", 400, "identifier"},
		{"also in the URL", "/fhir/Patient/_search?identifier=7", "identifier=7", 400, "form body"},
		{"a form without end", "/fhir/Patient/_search", "identifier=" + strings.Repeat("7", 10<<10), 400, "form"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, body, _ := f.do(t, "POST", tt.path, tt.form, header...)
			if status != tt.status || !strings.Contains(body, tt.says) {
				t.Errorf("got %d %s, want %d with %q", status, body, tt.status, tt.says)
			}
		})
	}
}

func TestAPlatformWithoutATokenShowsNothing(t *testing.T) {
	f := start(t, "", true)
	if status, _, _ := f.do(t, "GET", "/fhir/Patient/p1", ""); status != http.StatusForbidden {
		t.Errorf("got %d", status)
	}
}

func TestAClosedQueueAsksToComeAgain(t *testing.T) {
	f := start(t, "", false)
	if err := f.store.Close(); err != nil && !errors.Is(err, queue.ErrClosed) {
		t.Fatal(err)
	}
	status, _, h := f.do(t, "POST", "/fhir", valid, "Content-Type", "application/json")
	if status != http.StatusServiceUnavailable || h.Get("Retry-After") == "" {
		t.Errorf("%d, Retry-After %q", status, h.Get("Retry-After"))
	}
}
