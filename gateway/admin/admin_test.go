package admin

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"cardferry/sync/queue"
)

// plainKeys wraps nothing: the store under test holds synthetic data only.
type plainKeys struct{}

func (plainKeys) Wrap(dek []byte) ([]byte, error)       { return bytes.Clone(dek), nil }
func (plainKeys) Unwrap(wrapped []byte) ([]byte, error) { return bytes.Clone(wrapped), nil }

func openStore(t *testing.T) *queue.Store {
	t.Helper()
	s, err := queue.Open(filepath.Join(t.TempDir(), "queue"), queue.Options{Keys: plainKeys{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func enqueue(t *testing.T, s *queue.Store, id string) uint64 {
	t.Helper()
	r, err := s.Enqueue(context.Background(), queue.Item{
		ID: id, Lanes: []queue.Lane{"aa"}, Class: queue.Live, Kind: queue.KindHL7v2, Source: "hl7",
		Received: time.Now(), Payload: []byte("CANARY"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r.Seq
}

func serve(t *testing.T, s *queue.Store, alive func() bool) (addr, tokenFile string) {
	t.Helper()
	return serveWith(t, s, alive, nil)
}

// serveWith is serve with lis for the queue of the destination "lis".
func serveWith(t *testing.T, s *queue.Store, alive func() bool, lis *queue.Store) (addr, tokenFile string) {
	t.Helper()
	srv := httptest.NewServer(Handler(Config{
		Destination: func(name string) (*queue.Store, bool) { return lis, name == "lis" && lis != nil },
		Store:       s, Registry: prometheus.NewRegistry(), Token: "sesame", Logger: slog.New(slog.DiscardHandler),
		Alive: alive, Status: func() any { return map[string]string{"product": "cardferry"} },
	}))
	t.Cleanup(srv.Close)
	tokenFile = filepath.Join(t.TempDir(), "admin.token")
	if err := os.WriteFile(tokenFile, []byte("sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(srv.URL, "http://"), tokenFile
}

func yes() bool { return true }

// TestOperationsWithAndWithoutADaemon runs the same operations through both
// implementations of Queue.
func TestOperationsWithAndWithoutADaemon(t *testing.T) {
	for _, way := range []string{"daemon", "destination of the daemon", "direct"} {
		t.Run(way, func(t *testing.T) {
			ctx := context.Background()
			s := openStore(t)
			parked := enqueue(t, s, "one")
			claim, err := s.Next(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if err := claim.Park(queue.Parked{Code: "http_422", Detail: "Patient.gender", Policy: queue.Hold}); err != nil {
				t.Fatal(err)
			}
			waiting := enqueue(t, s, "two")

			addr, token := "", ""
			if way == "daemon" {
				addr, token = serve(t, s, yes)
			}
			destination := ""
			if way == "destination of the daemon" {
				addr, token = serveWith(t, openStore(t), yes, s)
				destination = "lis"
			}
			q, err := Open(ctx, addr, token, destination, func() (*queue.Store, error) { return s, nil })
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = q.Close() }()

			st, err := q.Stat(ctx)
			if err != nil || st.Parked != 1 || st.HeldLanes != 1 || len(st.Classes) != 3 {
				t.Errorf("stat %+v, %v", st, err)
			}
			items, err := q.Items(ctx, 0, 10)
			if err != nil || len(items) != 1 || items[0].Seq != waiting {
				t.Errorf("waiting %+v, %v", items, err)
			}
			list, err := q.Parked(ctx)
			if err != nil || len(list) != 1 || list[0].Parked.Code != "http_422" || list[0].Parked.Policy != "hold" {
				t.Errorf("parked %+v, %v", list, err)
			}
			if it, err := q.Show(ctx, parked); err != nil || it.Parked == nil || it.ID != "one" {
				t.Errorf("show parked %+v, %v", it, err)
			}
			if it, err := q.Show(ctx, waiting); err != nil || it.Parked != nil || it.ID != "two" {
				t.Errorf("show waiting %+v, %v", it, err)
			}
			if _, err := q.Show(ctx, 999); err == nil || !strings.Contains(err.Error(), "999") {
				t.Errorf("show unknown: %v", err)
			}
			if err := q.Retry(ctx, waiting); err == nil {
				t.Error("an item that is not parked was retried")
			}
			if err := q.Retry(ctx, parked); err != nil {
				t.Error(err)
			}
			if err := q.Drop(ctx, parked, "test"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOnlyOperatorsOnThisMachine(t *testing.T) {
	s := openStore(t)
	enqueue(t, s, "one")
	addr, _ := serve(t, s, yes)
	tests := []struct {
		name, method, path string
		host               string
		header             []string
		status             int
	}{
		{"liveness is for everybody", "GET", "/livez", "", nil, 200},
		{"metrics too", "GET", "/metrics", "", nil, 200},
		{"operations need the token", "GET", "/v1/queue", "", nil, 401},
		{"the right one", "GET", "/v1/queue", "", []string{"Authorization", "Bearer nope"}, 401},
		{"with it", "GET", "/v1/queue", "", []string{"Authorization", "Bearer sesame"}, 200},
		{"status", "GET", "/v1/status", "", []string{"Authorization", "Bearer sesame"}, 200},
		{"a rebound name", "GET", "/livez", "evil.example", nil, 403},
		{"a web page", "GET", "/livez", "", []string{"Origin", "https://evil.example"}, 403},
		{"a form of a web page", "POST", "/v1/queue/parked/1/retry", "", []string{"Authorization", "Bearer sesame", "Sec-Fetch-Site", "cross-site"}, 403},
		{"not a number", "GET", "/v1/queue/items/x", "", []string{"Authorization", "Bearer sesame"}, 400},
		{"not there", "GET", "/v1/queue/items/77", "", []string{"Authorization", "Bearer sesame"}, 404},
		{"no such destination", "GET", "/v1/queue?destination=ris", "", []string{"Authorization", "Bearer sesame"}, 404},
		{"dropped without a reason", "POST", "/v1/queue/parked/1/drop", "", []string{"Authorization", "Bearer sesame"}, 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequest(tt.method, "http://"+addr+tt.path, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			if tt.host != "" {
				req.Host = tt.host
			}
			for i := 0; i+1 < len(tt.header); i += 2 {
				req.Header.Set(tt.header[i], tt.header[i+1])
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != tt.status {
				t.Errorf("got %d %s, want %d", resp.StatusCode, body, tt.status)
			}
			if bytes.Contains(body, []byte("CANARY")) {
				t.Error("the answer holds what an item holds")
			}
		})
	}
}

func TestADeadQueueIsNotAlive(t *testing.T) {
	addr, _ := serve(t, openStore(t), func() bool { return false })
	resp, err := http.Get("http://" + addr + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("got %d", resp.StatusCode)
	}
}

func TestARunningDaemonIsNeverBypassed(t *testing.T) {
	addr, _ := serve(t, openStore(t), yes)
	opened := false
	_, err := Open(context.Background(), addr, filepath.Join(t.TempDir(), "none"), "", func() (*queue.Store, error) {
		opened = true
		return nil, errors.New("unexpected")
	})
	if err == nil || opened || !strings.Contains(err.Error(), "token cannot be read") {
		t.Errorf("opened %t, %v", opened, err)
	}
}

func TestReadersAndApproval(t *testing.T) {
	decided := map[string]bool{}
	srv := httptest.NewServer(Handler(Config{
		Store: openStore(t), Registry: prometheus.NewRegistry(), Token: "sesame", Logger: slog.New(slog.DiscardHandler), Alive: yes,
		Readers: func() Readers {
			return Readers{
				Readers: []Reader{{Name: "Counter", Driver: "pcsc", State: "ready"}},
				Devices: []Device{{ID: "0400:c35a@1-2", Kind: "idcard", State: "waiting-approval", Remedy: "approve"}},
			}
		},
		Approve: func(id string, approved bool) error { decided[id] = approved; return nil },
	}))
	defer srv.Close()
	token := filepath.Join(t.TempDir(), "admin.token")
	if err := os.WriteFile(token, []byte("sesame"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	c, err := Dial(ctx, strings.TrimPrefix(srv.URL, "http://"), token)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	got, err := c.Readers(ctx)
	if err != nil || len(got.Readers) != 1 || len(got.Devices) != 1 || !got.Devices[0].Waiting() {
		t.Fatalf("%+v, %v", got, err)
	}
	if err := c.Approve(ctx, "0400:c35a@1-2", true); err != nil || !decided["0400:c35a@1-2"] {
		t.Errorf("decided %v, %v", decided, err)
	}
	if err := c.Approve(ctx, "dead:beef", true); err == nil || !strings.Contains(err.Error(), "cardferry readers") {
		t.Errorf("a device that is not there was approved: %v", err)
	}
	if err := c.Approve(ctx, "dead:beef", false); err != nil {
		t.Errorf("an approval of a device that is gone cannot be taken back: %v", err)
	}
	if err := c.Approve(ctx, "", true); err == nil {
		t.Error("nothing was approved")
	}
}

func TestDialSaysWhatIsWrong(t *testing.T) {
	addr, token := serve(t, openStore(t), yes)
	if _, err := Dial(t.Context(), "", token); !errors.Is(err, ErrNoDaemon) {
		t.Errorf("without an address: %v", err)
	}
	if _, err := Dial(t.Context(), addr, filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "root") {
		t.Errorf("without the token: %v", err)
	}
}
