package forward

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"cardferry/sync/queue"
	"cardferry/sync/upstream/fhirhttp"
)

// platform is a receiver that loses answers, resets, stalls and refuses.
type platform struct {
	mu      sync.Mutex
	first   map[string][]string // lane -> keys in order of first application
	bodies  map[string]string
	repeats int
	trouble func(key string) string // what happens to a request
	gaps    int
}

func (p *platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	key, lane := r.Header.Get(fhirhttp.HeaderKey), r.Header.Get(fhirhttp.HeaderLane)
	p.mu.Lock()
	what := p.trouble(key)
	apply := what == "ok" || what == "answer lost"
	if old, known := p.bodies[key]; apply && known {
		p.repeats++
		if old != string(body) {
			p.bodies[key] = "CHANGED"
		}
	} else if apply {
		p.bodies[key] = string(body)
		p.first[lane] = append(p.first[lane], key)
		p.gaps += len(r.Header.Values(fhirhttp.HeaderGap))
	}
	p.mu.Unlock()
	w.Header().Set("Content-Type", "application/fhir+json")
	switch what {
	case "ok":
		_, _ = io.WriteString(w, `{"resourceType":"Bundle","type":"transaction-response","entry":[{"response":{"status":"201"}}]}`)
	case "answer lost", "reset":
		panic(http.ErrAbortHandler)
	case "torn":
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, `{"resourceType":`)
	case "busy":
		w.WriteHeader(http.StatusServiceUnavailable)
	case "refused":
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = io.WriteString(w, `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"invalid"}]}`)
	}
}

// TestTroubledPlatform: over a line and a platform that fail in every way, each
// item is applied, first in lane order, again only with the same bytes, and a
// refused one is parked with a notice.
func TestTroubledPlatform(t *testing.T) {
	const lanes, each = 5, 12
	p := &platform{first: map[string][]string{}, bodies: map[string]string{}}
	p.trouble = func(key string) string {
		if strings.HasSuffix(key, "-05") {
			return "refused"
		}
		troubles := []string{"ok", "ok", "ok", "ok", "answer lost", "reset", "torn", "busy"}
		return troubles[rand.IntN(len(troubles))]
	}
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	client, err := fhirhttp.New(fhirhttp.Config{URL: srv.URL, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	s := openStore(t, t.TempDir())
	t.Cleanup(func() { _ = s.Close() })
	for n := range each {
		for l := range lanes {
			enqueue(t, s, fmt.Sprintf("l%d-%02d", l, n), queue.Lane(fmt.Sprint("lane", l)))
		}
	}
	f := New(s, client, passOn, Options{
		Workers: 4, Policy: func(queue.Item) queue.Policy { return queue.Continue },
		jitter: func(d time.Duration) time.Duration { return rand.N(d/500 + 1) }, // 500 times as fast
	})
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	for st := f.State(); st.Delivered+st.Parked < lanes*each && ctx.Err() == nil; st = f.State() {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			t.Errorf("not through: %+v", st)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for lane, keys := range p.first {
		if len(keys) != each-1 {
			t.Errorf("%s: %d of %d applied", lane, len(keys), each-1)
		}
		for i := 1; i < len(keys); i++ {
			if keys[i] <= keys[i-1] {
				t.Errorf("%s: %s before %s", lane, keys[i-1], keys[i])
			}
		}
	}
	for key, body := range p.bodies {
		if body != key {
			t.Errorf("%s was repeated with other bytes", key)
		}
	}
	if st := s.Stat(); st.Parked != lanes || p.gaps != lanes || len(s.Gaps()) != 0 {
		t.Errorf("%d parked, %d notices, %d left", st.Parked, p.gaps, len(s.Gaps()))
	}
	t.Logf("%d requests were repeated", p.repeats)
}
