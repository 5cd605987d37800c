package desk

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"cardferry/drivers"
)

// FuzzQuery asks the long-poll with any query: it is answered with a batch or a
// problem that the client can act on, and at once.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"after=0&wait=0s", "wait=60s&after=", "after=9223372036854775807", "after=18446744073709551615", "wait=1e3s", "wait=-0s", "%zz", "after=1;wait=2s", "after=+1", "after=0x10"} {
		f.Add(seed)
	}
	d := newDesk(f, Config{})
	d.Publish(drivers.Event{Type: drivers.Attached, Reader: slot})
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if wait, bad := parseWait(values); err == nil && bad == nil && (wait < 0 || wait > maxWait) {
			t.Fatalf("wait of %v", wait)
		}
		r := httptest.NewRequest(http.MethodGet, "/v1/reads/next", nil)
		r.URL.RawQuery = "wait=0s&" + query
		switch w := do(d, r); w.Code {
		case http.StatusOK:
			b := decode[batch](t, w, http.StatusOK)
			if b.Events == nil || b.Cursor > d.events.now() || (b.Gap && len(b.Events) == 0) {
				t.Fatalf("%+v", b)
			}
		case http.StatusBadRequest:
		default:
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
	})
}

// FuzzHeaders sends any headers: what passes names this desk as Host and a
// listed or no origin, and a foreign origin is never allowed to read.
func FuzzHeaders(f *testing.F) {
	f.Add("127.0.0.1:8640", "", "", "zh-CN", "")
	f.Add("[::1]:8640", his, "cross-site", "en;q=0.1", "5")
	f.Add("[::1", "null", "none", "*", "-1")
	f.Add("LOCALHOST", "http://localhost", "same-origin", "en-US-u-co-phonebk", "x")
	f.Add("localhost:0", "http://localhost:0", "", "i-klingon", "")
	d := newDesk(f, Config{Origins: []string{his}})
	f.Fuzz(func(t *testing.T, host, origin, site, language, lastEventID string) {
		r := httptest.NewRequest(http.MethodHead, "/v1/events", nil)
		r.Host = host
		r.Header.Set("Accept-Language", language)
		r.Header.Set("Last-Event-ID", lastEventID)
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		if site != "" {
			r.Header.Set("Sec-Fetch-Site", site)
		}
		w := httptest.NewRecorder()
		d.Handler().ServeHTTP(w, r)
		if allowed := w.Header().Get("Access-Control-Allow-Origin"); allowed != "" && (allowed != his || origin != his) {
			t.Fatalf("%q may read", allowed)
		}
		if w.Code == http.StatusForbidden {
			return
		}
		name, _, _ := strings.Cut(strings.ToLower(host), ":")
		if name != "127.0.0.1" && name != "localhost" && !strings.HasPrefix(host, "[::1]") {
			t.Fatalf("host %q passed", host)
		}
		if origin != "" && origin != his && origin != "http://"+strings.ToLower(host) {
			t.Fatalf("origin %q passed", origin)
		}
		if w.Code != http.StatusOK && w.Code != http.StatusBadRequest {
			t.Fatalf("status %d", w.Code)
		}
	})
}

// FuzzSimulatorBody posts any body: only a JSON object that names a simulated
// reader gets through, and everything else is a problem of the client's.
func FuzzSimulatorBody(f *testing.F) {
	for _, seed := range []string{`{"reader":"sim-slot","card":"ssc"}`, `{"reader":"sim-slot","card":"stuck"}`, `{"READER":"sim-slot","card":"ssc"}`, `{"reader":null}`, `[]`, `{"reader":"sim-slot","card":"ssc"} x`, "\xff", `{"reader":"\ud800"}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		b := &bench{}
		d := newDesk(t, Config{Simulator: b})
		switch w := post(d, "/v1/simulator/insert", body); w.Code {
		case http.StatusOK:
			if len(b.used) != 1 || !strings.HasPrefix(b.used[0], "insert sim-") {
				t.Fatalf("%q was taken for %q", body, b.used)
			}
		case http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge:
		default:
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
	})
}
