package desk

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const (
	his    = "https://his.example.org"
	ownURL = "http://127.0.0.1:8640"
)

func TestGuardDecidesByHeaders(t *testing.T) {
	d := newDesk(t, Config{Hosts: []string{"desk-3.hospital.example", "fd00::3"}, Origins: []string{his, "http://10.9.8.7:8080"}})
	type header = map[string]string
	cors := func(origin string) header {
		return header{"Origin": origin, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
	}
	link := header{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
	for _, c := range []struct {
		name   string
		method string
		path   string
		host   string
		header header
		want   problemCode // "" passes
	}{
		{"a program on the machine", "GET", "/v1/status", "127.0.0.1:8640", nil, ""},
		{"localhost", "GET", "/v1/status", "localhost:8640", nil, ""},
		{"localhost in capitals", "GET", "/v1/status", "LocalHost:8640", nil, ""},
		{"IPv6 loopback", "GET", "/v1/status", "[::1]:8640", nil, ""},
		{"IPv6 loopback without port", "GET", "/v1/status", "[::1]", nil, ""},
		{"without port", "GET", "/v1/status", "127.0.0.1", nil, ""},
		{"configured name", "GET", "/v1/status", "desk-3.hospital.example:8640", nil, ""},
		{"configured IPv6 address", "GET", "/v1/status", "[fd00::3]:8640", nil, ""},
		{"rebound name", "GET", "/v1/status", "evil.example:8640", nil, codeHostNotAllowed},
		{"rebound name that begins like ours", "GET", "/v1/status", "127.0.0.1.evil.example:8640", nil, codeHostNotAllowed},
		{"rebound name that ends like ours", "GET", "/v1/status", "evil-localhost:8640", nil, codeHostNotAllowed},
		{"other loopback address", "GET", "/v1/status", "127.0.0.2:8640", nil, codeHostNotAllowed},
		{"wildcard address", "GET", "/v1/status", "0.0.0.0:8640", nil, codeHostNotAllowed},
		{"trailing dot", "GET", "/v1/status", "localhost.:8640", nil, codeHostNotAllowed},
		{"user information in Host", "GET", "/v1/status", "localhost@evil.example", nil, codeHostNotAllowed},
		{"port that is none", "GET", "/v1/status", "localhost:http", nil, codeHostNotAllowed},
		{"port out of range", "GET", "/v1/status", "localhost:99999", nil, codeHostNotAllowed},
		{"IPv6 without brackets", "GET", "/v1/status", "::1", nil, codeHostNotAllowed},
		{"brackets around a name", "GET", "/v1/status", "[localhost]:8640", nil, codeHostNotAllowed},
		{"empty Host", "GET", "/v1/status", "", nil, codeHostNotAllowed},
		{"Host is judged before Origin", "GET", "/v1/status", "evil.example", header{"Origin": "https://evil.example"}, codeHostNotAllowed},
		{"Host is judged for a path that needs cleaning", "GET", "/v1//status", "evil.example", nil, codeHostNotAllowed},
		{"Host is judged for a path that does not exist", "GET", "/nothing", "evil.example", nil, codeHostNotAllowed},

		{"own page", "GET", "/v1/status", "127.0.0.1:8640", header{"Sec-Fetch-Site": "same-origin"}, ""},
		{"own page names itself", "POST", "/v1/simulator/scan", "127.0.0.1:8640", header{"Origin": ownURL, "Sec-Fetch-Site": "same-origin"}, ""},
		{"own page in an old browser", "POST", "/v1/simulator/scan", "127.0.0.1:8640", header{"Origin": ownURL}, ""},
		{"listed origin", "GET", "/v1/status", "127.0.0.1:8640", cors(his), ""},
		{"listed origin with port", "GET", "/v1/status", "127.0.0.1:8640", cors("http://10.9.8.7:8080"), ""},
		{"listed origin, preflight", "OPTIONS", "/v1/status", "127.0.0.1:8640", cors(his), ""},
		{"listed origin, same site", "GET", "/v1/status", "127.0.0.1:8640", header{"Origin": his, "Sec-Fetch-Site": "same-site"}, ""},
		{"foreign origin", "GET", "/v1/status", "127.0.0.1:8640", cors("https://evil.example"), codeOriginNotAllowed},
		{"foreign origin, POST", "POST", "/v1/simulator/scan", "127.0.0.1:8640", cors("https://evil.example"), codeOriginNotAllowed},
		{"foreign origin, HEAD", "HEAD", "/v1/status", "127.0.0.1:8640", cors("https://evil.example"), codeOriginNotAllowed},
		{"foreign origin, preflight", "OPTIONS", "/v1/status", "127.0.0.1:8640", cors("https://evil.example"), codeOriginNotAllowed},
		{"foreign origin at the page", "GET", "/", "127.0.0.1:8640", cors("https://evil.example"), codeOriginNotAllowed},
		{"listed host over http", "GET", "/v1/status", "127.0.0.1:8640", cors("http://his.example.org"), codeOriginNotAllowed},
		{"listed host at another port", "GET", "/v1/status", "127.0.0.1:8640", cors(his + ":8443"), codeOriginNotAllowed},
		{"listed host below another", "GET", "/v1/status", "127.0.0.1:8640", cors(his + ".evil.example"), codeOriginNotAllowed},
		{"sandboxed frame", "GET", "/v1/status", "127.0.0.1:8640", cors("null"), codeOriginNotAllowed},
		{"empty Origin", "GET", "/v1/status", "127.0.0.1:8640", header{"Origin": ""}, codeOriginNotAllowed},
		{"another service on localhost", "GET", "/v1/status", "localhost:8640", header{"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site"}, codeOriginNotAllowed},
		{"own name under the other scheme", "GET", "/v1/status", "127.0.0.1:8640", header{"Origin": "https://127.0.0.1:8640"}, codeOriginNotAllowed},
		{"own page by another of our names", "GET", "/v1/status", "127.0.0.1:8640", header{"Origin": "http://localhost:8640"}, codeOriginNotAllowed},

		{"image on a foreign page", "GET", "/v1/status", "127.0.0.1:8640", header{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, codeCrossSiteRefused},
		{"script on a foreign page", "GET", "/page/desk.js", "127.0.0.1:8640", header{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}, codeCrossSiteRefused},
		{"page of another local service", "GET", "/v1/status", "127.0.0.1:8640", header{"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}, codeCrossSiteRefused},
		{"link to the page", "GET", "/", "127.0.0.1:8640", link, ""},
		{"link into the API", "GET", "/v1/status", "127.0.0.1:8640", link, codeCrossSiteRefused},
		{"form posted by a foreign page", "POST", "/", "127.0.0.1:8640", link, codeCrossSiteRefused},
		{"page in a foreign frame", "GET", "/", "127.0.0.1:8640", header{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, codeCrossSiteRefused},
		{"typed address", "GET", "/", "127.0.0.1:8640", header{"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, ""},
		{"typed address, POST", "POST", "/v1/simulator/scan", "127.0.0.1:8640", header{"Sec-Fetch-Site": "none"}, codeCrossSiteRefused},
		{"typed address with an Origin", "GET", "/v1/status", "127.0.0.1:8640", header{"Origin": his, "Sec-Fetch-Site": "none"}, codeCrossSiteRefused},
		{"own Origin from another site", "GET", "/v1/status", "127.0.0.1:8640", header{"Origin": ownURL, "Sec-Fetch-Site": "cross-site"}, codeCrossSiteRefused},
		{"listed Origin from our own site", "GET", "/v1/status", "127.0.0.1:8640", header{"Origin": his, "Sec-Fetch-Site": "same-origin"}, codeCrossSiteRefused},
		{"site that is none of the four", "GET", "/v1/status", "127.0.0.1:8640", header{"Sec-Fetch-Site": "Same-Origin"}, codeCrossSiteRefused},
		{"empty site", "GET", "/v1/status", "127.0.0.1:8640", header{"Sec-Fetch-Site": ""}, codeCrossSiteRefused},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, c.path, strings.NewReader("{}"))
			r.Host = c.host
			r.Header.Set("Content-Type", "application/json")
			for name, value := range c.header {
				r.Header.Set(name, value)
			}
			w := httptest.NewRecorder()
			d.Handler().ServeHTTP(w, r)
			switch {
			case c.want != "" && c.method != http.MethodHead:
				wantProblem(t, w, c.want)
			case c.want != "" && w.Code != http.StatusForbidden, c.want == "" && w.Code == http.StatusForbidden:
				t.Errorf("status %d, want refusal %q", w.Code, c.want)
			}
			allowed := ""
			if c.want == "" && c.header["Origin"] != ownURL {
				allowed = c.header["Origin"]
			}
			if got := w.Header().Get("Access-Control-Allow-Origin"); got != allowed {
				t.Errorf("Access-Control-Allow-Origin %q, want %q", got, allowed)
			}
			wantSecure(t, w.Header())
		})
	}
}

func wantSecure(t *testing.T, h http.Header) {
	t.Helper()
	for name, want := range map[string]string{
		"Cache-Control":                "no-store",
		"X-Content-Type-Options":       "nosniff",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Referrer-Policy":              "no-referrer",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	csp := h.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'self'", "frame-ancestors 'none'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("Content-Security-Policy %q lacks %q", csp, want)
		}
	}
	if strings.Contains(csp, "unsafe") || h.Get("Access-Control-Allow-Credentials") != "" {
		t.Error("the policy is open")
	}
}

func TestGuardRefusesRepeatedHeaders(t *testing.T) {
	d := newDesk(t, Config{Origins: []string{his}})
	for header, want := range map[string]problemCode{"Origin": codeOriginNotAllowed, "Sec-Fetch-Site": codeCrossSiteRefused} {
		r := httptest.NewRequest(http.MethodGet, "/v1/status", nil)
		r.Header[header] = []string{map[string]string{"Origin": his, "Sec-Fetch-Site": "same-origin"}[header], "https://evil.example"}
		wantProblem(t, do(d, r), want)
	}
}

func TestOwnOriginOverTLSIsHTTPS(t *testing.T) {
	d := newDesk(t, Config{})
	r := httptest.NewRequest(http.MethodGet, "/v1/status", nil)
	r.TLS = &tls.ConnectionState{}
	r.Header.Set("Origin", "https://127.0.0.1:8640")
	if w := do(d, r); w.Code != http.StatusOK {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

func TestPreflight(t *testing.T) {
	d := newDesk(t, Config{Origins: []string{his}})
	ask := func(path string, private bool) http.Header {
		r := httptest.NewRequest(http.MethodOptions, path, nil)
		r.Header.Set("Origin", his)
		r.Header.Set("Access-Control-Request-Method", "POST")
		if private {
			r.Header.Set("Access-Control-Request-Private-Network", "true")
		}
		w := do(d, r)
		if w.Code != http.StatusNoContent {
			t.Fatalf("status %d", w.Code)
		}
		return w.Header()
	}
	h := ask("/v1/simulator/insert", true)
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin":          his,
		"Access-Control-Allow-Methods":         "POST, OPTIONS",
		"Access-Control-Allow-Headers":         "Content-Type, Last-Event-ID",
		"Access-Control-Allow-Private-Network": "true",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if !strings.Contains(h.Get("Vary"), "Origin") {
		t.Error("a cache could give one origin's answer to another")
	}
	if got := ask("/v1/status", false).Get("Access-Control-Allow-Private-Network"); got != "" {
		t.Errorf("private network allowed without being asked: %q", got)
	}
}

func TestOriginsOfAnotherFormAllowNothing(t *testing.T) {
	bad := []string{"*", "null", "his.example.org", his + "/", his + "/path", "HTTPS://his.example.org", "https://HIS.example.org", "ftp://his.example.org", "https://user@his.example.org", ""}
	var log bytes.Buffer
	d := newDesk(t, Config{Origins: bad, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for _, origin := range append(bad, his) {
		r := httptest.NewRequest(http.MethodGet, "/v1/status", nil)
		r.Header.Set("Origin", origin)
		wantProblem(t, do(d, r), codeOriginNotAllowed)
	}
	if got := strings.Count(log.String(), "allows nothing"); got != len(bad) {
		t.Errorf("%d entries named in the log, want %d:\n%s", got, len(bad), &log)
	}
}

func TestRefusalsAreLoggedSparingly(t *testing.T) {
	var log bytes.Buffer
	d := newDesk(t, Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for range 1000 {
		r := httptest.NewRequest(http.MethodGet, "/v1/status?after=secret", nil)
		r.Header.Set("Origin", "https://"+strings.Repeat("e", 5000)+".example")
		do(d, r)
	}
	if lines := strings.Count(log.String(), "\n"); lines < 1 || lines > 10 {
		t.Errorf("%d lines logged", lines)
	}
	if log.Len() > 10*1000 || strings.Contains(log.String(), "secret") {
		t.Error("the log holds too much")
	}
}
