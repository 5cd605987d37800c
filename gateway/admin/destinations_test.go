package admin

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"cardferry/sync/queue"
)

func TestSendToADestination(t *testing.T) {
	lis := openStore(t)
	var got string
	refuse := error(nil)
	srv := httptest.NewServer(Handler(Config{
		Store: openStore(t), Registry: prometheus.NewRegistry(), Token: "sesame", Logger: slog.New(slog.DiscardHandler), Alive: yes,
		Destination:  func(name string) (*queue.Store, bool) { return lis, name == "lis" },
		Destinations: func() any { return []map[string]any{{"name": "lis", "up": true}} },
		Send: func(_ context.Context, _ string, msg []byte) (string, error) {
			got = string(msg)
			return "id-1", refuse
		},
		MaxMessage: 1 << 10,
	}))
	defer srv.Close()
	token := filepath.Join(t.TempDir(), "admin.token")
	if err := os.WriteFile(token, []byte("sesame"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Dial(t.Context(), strings.TrimPrefix(srv.URL, "http://"), token)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()

	var states []struct {
		Name string
		Up   bool
	}
	if err := c.Destinations(t.Context(), &states); err != nil || len(states) != 1 || states[0].Name != "lis" || !states[0].Up {
		t.Errorf("destinations %+v, %v", states, err)
	}
	const msg = "MSH|^~\\&|A|B|C|D|20260101||ORU^R01|1|P|2.5\r"
	if id, err := c.Send(t.Context(), "lis", []byte(msg)); id != "id-1" || err != nil || got != msg {
		t.Errorf("sent %q, %q, %v", got, id, err)
	}
	for _, tt := range []struct {
		name, destination, body string
		refuse                  error
		want                    string
	}{
		{"nobody of that name", "ris", msg, nil, "no such destination"},
		{"larger than the limit", "lis", strings.Repeat("A", 2<<10), nil, "too large"},
		{"no message", "lis", "hello", errors.New("message does not start with an MSH segment"), "MSH"},
		{"no room", "lis", msg, queue.ErrFull, "queue is full"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			refuse = tt.refuse
			if _, err := c.Send(t.Context(), tt.destination, []byte(tt.body)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
